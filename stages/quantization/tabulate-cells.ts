/** One cell for each table of data/schema.sql, with what the table is made of. */
import { cell, gather, output, stage } from '../dag/index.ts';
import type { Cell, Json, OutputRef } from '../dag/index.ts';
import type { SourceFile } from './config-sources.ts';
import type { StudyConfig } from './config.ts';
import type { Erratum } from './errata.ts';
import { studyFormats } from './model-cells.ts';
import type { ModelCells } from './model-cells.ts';
import { GATHERED } from './table-rows.ts';
import type { FetchedParam, ModelParam, TextParam } from './tables-models.ts';

export const tabulateStage = stage({
  name: 'tabulate',
  title: 'Write the tables',
  determinism: 'exact',
  module: 'stages/quantization/tabulate.ts',
  outputs: ['rows'],
});

/** Outputs that are rows already, and what the study was told. */
export interface TabulatedResults {
  readonly metrics: readonly OutputRef[]; readonly sweepMetrics: readonly OutputRef[]; readonly profiles: readonly OutputRef[]; readonly pairs: readonly OutputRef[]; readonly survival: readonly OutputRef[];
  readonly worst: readonly OutputRef[]; readonly claims: readonly OutputRef[]; readonly bench: readonly OutputRef[]; readonly imported: readonly OutputRef[]; readonly errata: readonly Erratum[];
}

/** tabulate:<table>, for every table. */
export function tabulateCells(config: StudyConfig, models: readonly ModelCells[], results: TabulatedResults): { readonly cells: Cell[]; readonly tables: ReadonlyMap<string, OutputRef> } {
  const table = (name: string, from: readonly OutputRef[] | undefined, params: { readonly [name: string]: Json } = {}, uses: readonly string[] = []): Cell =>
    cell(tabulateStage, name, { params: { table: name, ...params }, inputs: from === undefined ? {} : { [GATHERED]: gather(from) }, uses, work: name === 'token_scores' ? 30 : 1 });

  const passed = new Set(config.texts.filter(({ redistribute }) => redistribute).map(({ name }) => name));
  const reports = models.flatMap(({ quantized }) => [...quantized.values()].map((from) => output(from, 'report')));
  const baseReports = models.flatMap(({ model, quantized }) => [...quantized].filter(([format]) => format === model.baseFormat).map(([, from]) => output(from, 'report')));
  const scored = (quantity: string): OutputRef[] => models.flatMap((m) => m.scored.filter(({ params }) => params['quantity'] === quantity).map((from) => output(from)));
  const timed = models.flatMap((m) => [m.timed, ...m.timedOthers].map((from) => output(from)));
  const bases = Object.fromEntries(models.map(({ model }) => [model.name, model.baseFormat]));
  const formats = studyFormats(config);
  const formatFiles = formats.map((format) => `kernels/formats/${format}.ts`);
  const modelParams = models.map(({ model: { name, title, source, baseFormat } }): ModelParam => ({ model: name, title, source, base: baseFormat }));
  const texts = config.texts.map(({ name, title, author, year, origin, licence, redistribute, file }): TextParam =>
    ({ text: name, title, author, year, bytes: file.bytes, path: file.path, origin, licence, redistribute, sha256: file.sha256 }));
  const sets = config.choices.map(({ name, title, origin, licence, redistribute, file: { path, bytes, sha256 } }) => ({ set: name, title, origin, licence, redistribute, path, bytes, sha256 }));
  const fetched = models.map(({ model, fetched: from }): FetchedParam => ({
    cell: from.id, title: model.title, origin: model.origin, licence: model.licence, redistribute: model.redistribute === true,
    paths: Object.fromEntries(Object.entries(model.files).map(([name, files]: [string, SourceFile | readonly SourceFile[]]) => [name, pathOf([files].flat())])),
  }));
  const fetchedFiles = models.flatMap(({ model, fetched: from }) => Object.keys(model.files).map((name) => output(from, name)));

  const cells = [
    table('models', baseReports, { models: json(modelParams), judge: config.judge }),
    table('formats', undefined, { formats }, formatFiles),
    table('layouts', undefined, { formats }, formatFiles),
    table('artifacts', reports),
    table('tensor_errors', reports),
    table('texts', undefined, { texts: json(texts) }),
    table('windows', scored('fidelity')),
    // Ids of tokens are the text.
    table('token_scores', models.flatMap((m) => m.scored.filter(({ params }) => params['quantity'] === 'fidelity' && passed.has(String(params['text']))).map((from) => output(from)))),
    table('sampling_windows', scored('sampling')),
    table('null_windows', scored('null')),
    table('floor_windows', models.map(({ floor }) => output(floor, 'windows'))),
    table('metrics', results.metrics),
    table('sweep_metrics', results.sweepMetrics),
    table('profiles', results.profiles),
    table('pairs', results.pairs),
    table('generations', models.flatMap(({ written }) => [...written.values()].flat().map((from) => output(from))), {
      prompts: config.prompts.map(({ name, text, place }) => ({ name, text: place === undefined ? text : '' })),
      bases,
      newTokens: config.maxNewTokens.at(-1) as number,
    }),
    table('judgements', models.flatMap(({ judged }) => [...judged.values()].flat().map((from) => output(from)))),
    table('choice_sets', undefined, { sets }),
    table('choices', models.flatMap(({ chosen }) => [...chosen.values()].flat().map((from) => output(from)))),
    table('survival', results.survival),
    table('worst_tokens', results.worst),
    table('speed_samples', timed),
    table('speed_runs', timed, { bases, own: models.map((m) => m.timed.id) }),
    table('speed_blocks', timed),
    table('speed_memory', timed),
    table('kernel_rates', results.bench),
    table('claimed', results.imported),
    table('machines', timed),
    table('machine_caches', timed),
    table('claims', results.claims),
    table('claim_effects', results.claims),
    table('sources', fetchedFiles, { fetched: json(fetched), texts: json(texts), ...(sets.length > 0 ? { choices: sets } : {}) }),
    table('errata', undefined, { errata: json(results.errata) }),
  ];
  return { cells, tables: new Map(cells.map((from) => [String(from.params['table']), output(from)])) };
}

/** Of a file its path; of several that of their folder, with a slash at its end. */
function pathOf([first, ...others]: readonly SourceFile[]): string {
  const path = first?.path ?? '';
  return others.length === 0 ? path : path.slice(0, path.lastIndexOf('/') + 1);
}

/** An interface is not an index signature to the compiler; these are plain JSON. */
function json(value: readonly (Erratum | FetchedParam | ModelParam | TextParam)[]): Json {
  return value as unknown as Json;
}
