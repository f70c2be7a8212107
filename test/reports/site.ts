/** Runs the report's stages over given rows, without a store: what the machinery would do, in memory. Test use only. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { report } from '../../reports/index.ts';
import type { ReportOptions } from '../../reports/index.ts';
import type { Cell, CellProvenance, Failure, InputHandle, OutputRef, OutputValue, Run, Sha256, TaskCell, TaskInput, TaskIo } from '../../stages/dag/index.ts';
import { FORMATS, MODELS, PEERS } from './rows.ts';

const ROOT = new URL('../../', import.meta.url);

export interface Site { readonly files: ReadonlyMap<string, Uint8Array>; readonly failed: ReadonlyMap<string, Failure> }

export interface SiteOptions {
  readonly rows: { readonly [table: string]: readonly object[] };
  readonly records: readonly CellProvenance[];
  /** Tables whose cell failed: they arrive as missing. */
  readonly lost?: readonly string[];
  /** Stages to run; default all. */
  readonly errata?: readonly string[];
  readonly stages?: readonly string[];
  /** What pages can compute again, and the outputs that they read: '<cell> <output>' -> bytes. */
  readonly rerun?: ReportOptions['rerun'];
  readonly objects?: ReadonlyMap<string, Uint8Array>;
}

export async function buildSite({ rows, records, lost = [], stages, errata = [], rerun, objects: published = new Map() }: SiteOptions): Promise<Site> {
  const objects = new Map<string, Uint8Array<ArrayBuffer>>();
  const put = (value: Uint8Array | string): InputHandle => {
    const bytes = new Uint8Array(Buffer.from(value as string));
    const sha256 = createHash('sha256').update(bytes).digest('hex') as Sha256;
    objects.set(sha256, bytes);
    return { sha256, bytes: bytes.length, path: sha256, offset: 0 };
  };
  const tables = new Map<string, OutputRef>(Object.keys(rows).map((table) => [table, { kind: 'output', cell: `tabulate:${table}`, output: 'rows' }]));
  const { cells } = report({ tables, cells: records.map((r) => r.cell), formats: FORMATS, models: MODELS, errata, peers: (rows['peers'] ?? []).length > 0 ? PEERS : [], ...(rerun === undefined ? {} : { rerun }) });
  const outputs = new Map<string, InputHandle>();
  for (const [table, list] of Object.entries(rows)) outputs.set(`tabulate:${table} rows`, put(list.map((row) => JSON.stringify(row)).join('\n') + (list.length > 0 ? '\n' : '')));
  for (const [name, bytes] of published) outputs.set(name, put(bytes));
  const trees = new Map<string, { readonly [path: string]: InputHandle }>();
  const files = new Map<string, Uint8Array>(), failed = new Map<string, Failure>();
  const scratch = await mkdtemp(join(tmpdir(), 'report-'));
  try {
    const byStage = new Map<string, Cell[]>();
    for (const cell of cells) byStage.set(cell.stage.name, [...(byStage.get(cell.stage.name) ?? []), cell]);
    for (const [stage, own] of byStage) {
      if (stages && stage !== 'tally' && !stages.includes(stage)) continue;
      const task: TaskCell[] = [];
      for (const cell of own) {
        const inputs: { [name: string]: TaskInput } = {};
        for (const [name, ref] of Object.entries(cell.inputs)) {
          if (ref.kind === 'file') inputs[name] = { kind: 'object', handle: put(await readFile(new URL(ref.path, ROOT))) };
          else if (ref.kind === 'records') inputs[name] = { kind: 'records', items: records.filter(({ cell: id }) => ref.of.includes(id)) };
          else if (ref.kind === 'output') inputs[name] = { kind: 'object', handle: outputs.get(`${ref.cell} ${ref.output}`)! };
          else inputs[name] = { kind: 'gather', items: ref.of.map((of) => lost.includes(name.replace('table.', '')) || !outputs.has(`${of.cell} ${of.output}`) ? { cell: of.cell, output: of.output, missing: { code: 'crashed', sentence: 'its process died' } } : { cell: of.cell, output: of.output, handle: outputs.get(`${of.cell} ${of.output}`)!, ...(trees.has(`${of.cell} ${of.output}`) ? { tree: trees.get(`${of.cell} ${of.output}`)! } : {}) }) };
        }
        task.push({ id: cell.id, params: cell.params, inputs });
      }
      const io: TaskIo = {
        async read(handle) { return objects.get(handle.sha256)!; },
        async open() { throw new Error('no page opens what it could read'); },
        async openInOrder() { throw new Error('no page opens what it could read'); },
        async copy() { throw new Error('no page copies a file'); },
        async input(cell, name) {
          const input = cell.inputs[name];
          if (input?.kind !== 'object') throw new Error(`${cell.id}: input ${name} is not one object`);
          return objects.get(input.handle.sha256)!;
        },
        workOn() {},
        async commit(id, committed: { readonly [name: string]: OutputValue }) {
          for (const [name, value] of Object.entries(committed)) {
            if (typeof value === 'string' || value instanceof Uint8Array) outputs.set(`${id} ${name}`, put(value));
            else if (!('tree' in value)) throw new Error('pages are written from memory');
            else {
              for (const [path, content] of value.tree) {
                if (files.has(path)) throw new Error(`two outputs write ${path}`);
                files.set(path, Buffer.from(content as string));
              }
              // What other stages of the report read as files; the list of all files is not made of them here.
              if (name !== 'scripts') continue;
              outputs.set(`${id} ${name}`, put(JSON.stringify([...value.tree.keys()])));
              trees.set(`${id} ${name}`, Object.fromEntries([...value.tree].map(([path, content]) => [path, put(content as string)])));
            }
          }
        },
        async fail(id, failure) { failed.set(id, failure); },
        progress() {},
        warn() {},
        scratch, unfinished: scratch, cpus: 1, signal: new AbortController().signal,
      };
      const module = await import(new URL(own[0]!.stage.module, ROOT).href) as { run: Run };
      await module.run(task, io);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return { files, failed };
}
