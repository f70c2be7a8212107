/**
 * Runs cells of the study in this process, without a store: inputs and outputs are files of a temporary folder. The stages see the
 * machinery's own task runner, so what they commit is held to its contract.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTask } from '../../stages/dag/run-task.ts';
import type { InputHandle, TaskInput, TreeHandle } from '../../stages/dag/task-types.ts';
import type { Cell, Failure, OutputRef, Sha256 } from '../../stages/dag/types.ts';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Finished {
  /** The bytes of an output; throws the failure's sentence when its cell failed. */
  bytes(cell: string, output: string): Buffer;
  json<T>(cell: string, output: string): T;
  readonly failures: ReadonlyMap<string, Failure>;
  readonly computedBy: ReadonlyMap<string, { readonly [name: string]: string } | undefined>;
  /** Cells per task, in the order in which tasks ran. */
  readonly tasks: readonly (readonly string[])[];
}

/** Runs the wanted cells and all that they need, cells of one stage and batch together. */
export async function runCells(all: readonly Cell[], wanted: readonly string[], { files = new Map<string, Uint8Array>() }: { readonly files?: ReadonlyMap<string, Uint8Array> } = {}): Promise<Finished> {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-study-'));
  const byId = new Map(all.map((cell) => [cell.id, cell]));
  const handles = new Map<string, InputHandle>();
  const trees = new Map<string, TreeHandle>();
  const failures = new Map<string, Failure>();
  const computedBy = new Map<string, { readonly [name: string]: string } | undefined>();
  const tasks: string[][] = [];
  const kept = new Map<string, Buffer>();
  const keep = (name: string, bytes: Uint8Array): InputHandle => {
    const sha256 = createHash('sha256').update(bytes).digest('hex') as Sha256;
    const path = join(folder, sha256);
    writeFileSync(path, bytes);
    const handle = { sha256, bytes: bytes.length, path, offset: 0 };
    handles.set(name, handle);
    kept.set(name, Buffer.from(bytes));
    return handle;
  };
  const refsOf = (cell: Cell): OutputRef[] => Object.values(cell.inputs).flatMap((input) => input.kind === 'output' ? [input] : input.kind === 'gather' ? [...input.of] : []);
  const needed = new Set<string>();
  const need = (id: string): void => {
    if (needed.has(id)) return;
    const cell = byId.get(id);
    if (cell === undefined) throw new Error(`there is no cell ${id}`);
    for (const { cell: from } of refsOf(cell)) need(from);
    needed.add(id);
  };
  try {
    for (const id of wanted) need(id);
    const open = new Map([...needed].map((id) => [id, byId.get(id) as Cell]));
    while (open.size > 0) {
      const ready = [...open.values()].filter((cell) => refsOf(cell).every((ref) => !open.has(ref.cell)));
      const batchOf = (from: readonly Cell[], cell: Cell): Cell[] => from.filter((other) => other.stage === cell.stage && (other.batch ?? other.id) === (cell.batch ?? cell.id));
      // A batch waits for its last cell, unless nothing else is ready.
      const next = ready.find((cell) => batchOf([...open.values()], cell).every((other) => ready.includes(other))) ?? ready[0];
      if (next === undefined) throw new Error('the cells form a cycle');
      const batch = batchOf(ready, next);
      tasks.push(batch.map(({ id }) => id));
      const runnable = batch.filter((cell) => {
        const missing = Object.values(cell.inputs).find((input) => input.kind === 'output' && !handles.has(`${input.cell} ${input.output}`));
        if (missing !== undefined) failures.set(cell.id, { code: 'upstream-failed', sentence: 'an input is missing' });
        return missing === undefined;
      });
      for (const { id } of batch) open.delete(id);
      if (runnable.length === 0) continue;
      const resolve = (cell: Cell): { [name: string]: TaskInput } => Object.fromEntries(Object.entries(cell.inputs).map(([name, input]): [string, TaskInput] => {
        if (input.kind === 'file') return [name, { kind: 'object', handle: keep(`file ${input.path}`, files.get(input.path) ?? readFileSync(join(root, input.path))) }];
        const tree = input.kind === 'output' ? trees.get(`${input.cell} ${input.output}`) : undefined;
        if (tree !== undefined) return [name, { kind: 'tree', handle: tree }];
        if (input.kind === 'output') return [name, { kind: 'object', handle: handles.get(`${input.cell} ${input.output}`) as InputHandle }];
        if (input.kind === 'records') throw new Error('records are not made here');
        return [name, {
          kind: 'gather',
          items: input.of.map(({ cell: from, output }) => {
            const handle = handles.get(`${from} ${output}`);
            return handle === undefined ? { cell: from, output, missing: failures.get(from) as Failure } : { cell: from, output, handle, machine: 'here', ...(trees.has(`${from} ${output}`) ? { tree: trees.get(`${from} ${output}`)!.tree } : {}) };
          }),
        }];
      }));
      const end = await runTask({
        id: next.id, stage: next.stage.name, moduleUrl: new URL(`../../${next.stage.module}`, import.meta.url).href, outputs: next.stage.outputs,
        cells: runnable.map((cell) => ({ id: cell.id, params: cell.params, inputs: resolve(cell) })), scratch: join(folder, 'scratch', String(tasks.length)), fresh: false, timed: false, cpus: 1,
      }, {
        async committed(id, outputs, by) {
          for (const [output, value] of Object.entries(outputs)) {
            if (typeof value === 'string') keep(`${id} ${output}`, Buffer.from(value));
            else if (value instanceof Uint8Array) keep(`${id} ${output}`, value);
            else if ('file' in value) {
              keep(`${id} ${output}`, readFileSync(value.file));
              rmSync(value.file);
            } else if ('tree' in value) {
              const parts = [...value.tree].map(([path, part]): [string, InputHandle] => [path, keep(`${id} ${output}/${path}`, typeof part === 'string' ? Buffer.from(part) : part instanceof Uint8Array ? part : readFileSync('file' in part ? part.file : part.stored.path))]);
              for (const part of value.tree.values()) if (typeof part === 'object' && 'file' in part) rmSync(part.file);
              trees.set(`${id} ${output}`, { sha256: keep(`${id} ${output}`, Buffer.from(parts.map(([path, { sha256 }]) => `${path} ${sha256}`).join('\n'))).sha256, tree: Object.fromEntries(parts) });
            } else throw new Error(`${id} ${output} is neither bytes nor a file`);
          }
          computedBy.set(id, by);
        },
        failed: (id, failure) => { failures.set(id, failure); },
        progress: () => {},
        warn: () => undefined,
        log: () => {},
      }, new AbortController().signal);
      for (const { id } of runnable) {
        if (computedBy.has(id) || failures.has(id)) continue;
        failures.set(id, end.kind === 'threw' ? end.failure : { code: 'no-output', sentence: end.kind });
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const bytes = (cell: string, output: string): Buffer => {
    const found = kept.get(`${cell} ${output}`);
    if (found === undefined) throw new Error(failures.get(cell)?.sentence ?? `${cell} has no output ${output}`);
    return found;
  };
  return { bytes, json: <T>(cell: string, output: string): T => JSON.parse(bytes(cell, output).toString()) as T, failures, computedBy, tasks };
}
