/** A site whose button has something to do: cells of a bundled model, computed in Node by the WASM engine, among artificial rows. Test use only. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SIZES_FILE, sizesScript } from '../../reports/manifest.ts';
import { ENGINE_VARIABLE } from '../../stages/quantization/environment.ts';
import { cellsInPage, programFiles, readStudy, STUDY_PROGRAM, study } from '../../stages/quantization/index.ts';
import type { WrittenText } from '../../stages/quantization/task-values.ts';
import { gather } from '../../stages/dag/index.ts';
import type { Cell, CellProvenance, Sha256 } from '../../stages/dag/index.ts';
import { artificialRecords, artificialRows } from '../reports/rows.ts';
import { root, runCells } from '../study/in-process.ts';
import type { Finished } from '../study/in-process.ts';
import { siteFolder } from './artificial.ts';
import type { SiteFolder } from './artificial.ts';

export const MODEL = 'novel-1m', FORMAT = 'nf4';
export const SCORED = `score:${MODEL}/${FORMAT}/garden`, WRITTEN = `generate:${MODEL}/${FORMAT}/T0.7/k0/s1`;

export interface ComputedSite extends SiteFolder { readonly inNode: Finished }

const keyOf = (cell: string): Sha256 => createHash('sha256').update(`key of ${cell}`).digest('hex') as Sha256;

/** The quick study's model in three formats; the cells of one of them and of its base are computed. */
export async function computedSite(): Promise<ComputedSite> {
  const quick = await readStudy(root, { quick: true });
  const config = { ...quick, formats: ['fp16', FORMAT, 'int8'], texts: quick.texts.filter(({ name }) => name === 'garden') };
  const quantized = [FORMAT, 'int8'].map((format) => `quantize:${MODEL}/${format}`);
  const computed = [...quantized, SCORED, WRITTEN, `score:${MODEL}/int8/garden`, `generate:${MODEL}/int8/T0.7/k0/s1`, `generate:${MODEL}/fp16/T0.7/k0/s1`];
  // The tables of these alone.
  const cells = study(config).cells.map((cell) => (TABLES.includes(cell.id) ? onlyOf(cell, computed) : cell));
  const before = process.env[ENGINE_VARIABLE];
  process.env[ENGINE_VARIABLE] = 'wasm';
  const offered = cellsInPage(config, cells);
  let inNode: Finished;
  try {
    inNode = await runCells(cells, [...computed, ...TABLES]);
  } finally {
    if (before === undefined) delete process.env[ENGINE_VARIABLE]; else process.env[ENGINE_VARIABLE] = before;
  }
  if (inNode.failures.size > 0) throw new Error([...inNode.failures].map(([cell, { sentence }]) => `${cell}: ${sentence}`).join('\n'));
  const byId = new Map(cells.map((cell) => [cell.id, cell]));
  const known = [...inNode.computedBy.keys()].filter((id) => !TABLES.includes(id));
  const records = known.map((id) => recordOf(byId.get(id)!, inNode));
  const objects = new Map(known.flatMap((id) => byId.get(id)!.stage.outputs.map((output): [string, Uint8Array] => [`${id} ${output}`, inNode.bytes(id, output)])));
  const rows = artificialRows();
  for (const table of TABLES) for (const line of inNode.bytes(table, 'rows').toString().trim().split('\n')) rows[table.slice('tabulate:'.length)]!.push(JSON.parse(line) as (typeof rows)[string][number]);
  const site = await siteFolder({
    rows, records: [...artificialRecords(artificialRows()), ...records], objects,
    stages: ['page', 'run-page', 'cell-pages', 'assets', 'exports', 'records', 'program', 'rerun-objects', 'rerun-plan'],
    rerun: { pipeline: 'bitwidth', cells: offered.filter(({ id }) => known.includes(id)), program: STUDY_PROGRAM, code: programFiles() },
  });
  // The list of files is another stage's.
  writeFileSync(join(site.folder, SIZES_FILE), sizesScript(new Map([...site.site.files].map(([path, bytes]) => [path, bytes.length]))));
  return { ...site, inNode };
}

const TABLES = ['windows', 'generations', 'artifacts', 'tensor_errors'].map((table) => `tabulate:${table}`);

const onlyOf = (cell: Cell, wanted: readonly string[]): Cell =>
  ({ ...cell, inputs: Object.fromEntries(Object.entries(cell.inputs).map(([name, input]) => [name, input.kind === 'gather' ? gather(input.of.filter((ref) => wanted.includes(ref.cell))) : input])) });

function recordOf(cell: Cell, done: Finished): CellProvenance {
  const sha256 = (id: string, output: string): Sha256 => createHash('sha256').update(done.bytes(id, output)).digest('hex') as Sha256;
  const { id, stage, params } = cell;
  return {
    cell: id, stage: stage.name, determinism: stage.determinism, params, code: { [stage.module]: keyOf(stage.module) }, reasons: [],
    inputs: Object.fromEntries(Object.entries(cell.inputs).map(([name, input]) => [name, input.kind === 'output' ? [{ cell: input.cell, output: input.output, sha256: sha256(input.cell, input.output) }] : input.kind === 'file' ? [{ file: input.path }] : []])),
    record: {
      cell: id, key: keyOf(id), fields: { stage: stage.name, params, inputs: {}, code: keyOf(stage.module), facts: {} }, status: 'done',
      outputs: Object.fromEntries(stage.outputs.map((output) => [output, { sha256: sha256(id, output), bytes: done.bytes(id, output).length }])),
      ...(done.computedBy.get(id) === undefined ? {} : { computedBy: done.computedBy.get(id)! }), durationMs: 1, finishedAt: '2026-01-02T03:04:05.000+00:00', machine: 'machine-1', run: 'r1',
    },
  };
}

/** The texts that Node wrote. */
export const textsOf = ({ inNode }: ComputedSite, cell: string): readonly WrittenText[] => inNode.json(cell, 'texts');
