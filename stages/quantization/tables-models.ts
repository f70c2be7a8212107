/** Rows about what was compared: models, formats, artifacts, texts, sources. */
import { formatNamed } from '../../kernels/formats.ts';
import type { TaskCell, TaskIo } from '../dag/index.ts';
import { idPath } from './cell-ids.ts';
import type { Erratum } from './errata.ts';
import type { QuantizeReport } from './quantize.ts';
import type { SourceType } from './source-types.ts';
import { found, foundJson } from './table-rows.ts';
import type { Row } from './table-rows.ts';
import { BadInput, listParam, textParam } from './task-values.ts';

/** params.models of table models: what study.yaml and sources.yaml say of each. */
export interface ModelParam { readonly model: string; readonly title: string; readonly source: string; readonly base: string }

/** params.texts of tables texts and sources. */
export interface TextParam {
  readonly text: string; readonly title: string; readonly author: string; readonly year: number; readonly bytes: number;
  readonly path: string; readonly origin: string; readonly licence: string; readonly redistribute: boolean; readonly sha256: string;
}

/** params.fetched of table sources: the files that each model's fetch cell took in; of an output that is a folder, the path with a slash at its end. */
export interface FetchedParam { readonly cell: string; readonly title: string; readonly origin: string; readonly licence: string; readonly redistribute: boolean; readonly paths: { readonly [output: string]: string } }

/** From the report of each model's own type. */
export async function* modelRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  const models = listParam(task, 'models') as unknown as readonly ModelParam[];
  const judge = textParam(task, 'judge');
  for await (const { cell, value } of foundJson<QuantizeReport>(task, io)) {
    const name = idPath(cell)[0];
    const model = models.find((candidate) => candidate.model === name);
    if (model === undefined) throw new Error(`${task.id}: params.models lacks ${name}`);
    const { shape, source } = value;
    yield {
      model: model.model, title: model.title, architecture: value.architecture, parameters: value.linearWeights + value.otherWeights,
      layers: shape.layers, hidden_size: shape.hiddenSize, heads: shape.heads, kv_heads: shape.kvHeads,
      feed_forward_size: shape.feedForwardSize, vocabulary: shape.vocabulary, context_tokens: shape.contextTokens, tied_embeddings: shape.tiedEmbeddings,
      base_format: model.base, source_types: source === undefined ? null : source.map(({ type }) => type).join(', '), source_bits_per_weight: source === undefined ? null : bitsPerWeight(source),
      is_judge: model.model === judge, source: model.source, cell,
    };
  }
}

function bitsPerWeight(types: readonly SourceType[]): number {
  return 8 * types.reduce((sum, { bytes }) => sum + bytes, 0) / types.reduce((sum, { weights }) => sum + weights, 0);
}

export async function* formatRows(task: TaskCell): AsyncGenerator<Row> {
  for (const [position, name] of (listParam(task, 'formats') as readonly string[]).entries()) {
    const { title, family, nominalBitsPerWeight, product } = formatNamed(name);
    yield { format: name, position, title, family, nominal_bits_per_weight: nominalBitsPerWeight, product, cell: task.id };
  }
}

export async function* layoutRows(task: TaskCell): AsyncGenerator<Row> {
  for (const name of listParam(task, 'formats') as readonly string[]) {
    for (const [position, { part, what, bits, perWeights }] of formatNamed(name).layout.entries()) {
      yield { format: name, position, part, what, bits, per_weights: perWeights, cell: task.id };
    }
  }
}

export async function* artifactRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for await (const { cell, value } of foundJson<QuantizeReport>(task, io)) yield artifactRow(cell, value);
}

/** Aliases are held to what they claim, to be the base: by every weight, when it was encoded. */
export function artifactRow(cell: string, report: QuantizeReport): Row {
  const model = idPath(cell)[0] as string;
  if (report.aliasOf !== null && !report.lossless) throw new BadInput(`${report.format} of ${model} counts as ${report.aliasOf} but decodes to other weights`);
  return {
    model, format: report.format, alias_of: report.aliasOf, linear_weights: report.linearWeights, linear_bytes: report.linearBytes,
    other_weights: report.otherWeights, other_bytes: report.otherBytes, cell,
  };
}

export async function* tensorErrorRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for await (const { cell, value } of foundJson<QuantizeReport>(task, io)) yield* tensorErrorsOf(cell, value);
}

export function* tensorErrorsOf(cell: string, { format, tensors }: QuantizeReport): Generator<Row> {
  const model = idPath(cell)[0] as string;
  for (const { tensor, layer, kind, weights, bytes, relativeRmsError, maxAbsError } of tensors) {
    yield { model, format, tensor, layer, kind, weights, bytes, relative_rms_error: relativeRmsError, max_abs_error: maxAbsError, cell };
  }
}

export async function* textRows(task: TaskCell): AsyncGenerator<Row> {
  for (const { text, title, author, year, bytes } of listParam(task, 'texts') as unknown as readonly TextParam[]) yield { text, title, author, year, bytes, cell: task.id };
}

/** Every file that entered the study from outside. The hashes of models' files are those of the bytes that were taken in. */
export async function* sourceRows(task: TaskCell): AsyncGenerator<Row> {
  const fetched = listParam(task, 'fetched') as unknown as readonly FetchedParam[];
  const seen = new Set<string>();
  for (const { cell, output, handle, tree } of found(task)) {
    const model = fetched.find((candidate) => candidate.cell === cell);
    const base = model?.paths[output];
    if (model === undefined || base === undefined) continue;
    for (const [name, { sha256, bytes }] of Object.entries(tree ?? { '': handle })) {
      const path = `${base}${name}`;
      // Two models of a study may be the same files under two names.
      if (seen.has(path)) continue;
      seen.add(path);
      yield { path, title: model.title, origin: model.origin, sha256, bytes, licence: model.licence, redistribute: model.redistribute, cell };
    }
  }
  const choices = task.params['choices'] === undefined ? [] : listParam(task, 'choices');
  for (const { path, title, origin, sha256, bytes, licence, redistribute } of [...listParam(task, 'texts'), ...choices] as unknown as readonly TextParam[]) {
    yield { path, title, origin, sha256, bytes, licence, redistribute, cell: task.id };
  }
}

/** What was published and turned out to be wrong. */
export async function* errataRows(task: TaskCell): AsyncGenerator<Row> {
  for (const { number, wrong, successor, date } of listParam(task, 'errata') as unknown as readonly Erratum[]) yield { number, date, wrong, successor, cell: task.id };
}
