/**
 * The machinery in a page: it stands in for index.ts in a program that a page loads (reports/program.ts), where there is no store, no process and no
 * file. A stage's module runs on objects in memory as it runs on those of a store, and what it commits is held against what a record says.
 */
import { DamagedObject, StageFailure } from './errors.ts';
import type { InputHandle, OpenObject, OutputValue, Run, TaskCell, TaskInput, TaskIo } from './task-types.ts';
import type { Failure, Json, Sha256 } from './types.ts';

export { cell, ConfigurationError, file, gather, isConfigurationError, output, records, stage } from './declare.ts';
export { canonicalJson } from './canonical.ts';
export { closureText, keyText, missingText, partsText } from './key.ts';
export { byteSize, closest, count, duration, grouped, plainText } from './words.ts';
export { DamagedObject, StageFailure };

/** The modules that this one is made of, of which the identity of code holds a number alone: who makes a program of it reads them as files. */
export const IN_PAGE_MODULES: readonly string[] = ['canonical', 'declare', 'errors', 'in-page', 'key', 'paths', 'sha256', 'words'].map((name) => `stages/dag/${name}.ts`);

/** A cell as its record tells of it. */
export interface RecordedCell {
  readonly cell: string;
  readonly params: { readonly [name: string]: Json };
  /** Input -> the sha256 of the one object that it is, or of each that was gathered. */
  readonly inputs: { readonly [name: string]: string | readonly GatheredItem[] };
}

/** One of the outputs that a cell gathers, or why it is not there. */
export type GatheredItem =
  | { readonly cell: string; readonly output: string; readonly machine?: string; readonly sha256: string }
  | { readonly cell: string; readonly output: string; readonly missing: Failure };

/** Bytes of an object, by its sha256. */
export type ObjectOf = (sha256: string) => Uint8Array<ArrayBuffer>;

export interface Watched {
  readonly signal: AbortSignal;
  progress(done: number, total: number, unit: string): void;
}

export type Computed =
  | { readonly outputs: { readonly [output: string]: Uint8Array<ArrayBuffer> }; readonly computedBy: { readonly [name: string]: string } }
  | { readonly failure: Failure };

/** Computes one cell by its stage's `run`. Throws what the stage throws and does not expect; AbortError where it was asked to stop. */
export async function computeInPage(run: Run, { cell: id, params, inputs }: RecordedCell, objectOf: ObjectOf, watched: Watched): Promise<Computed> {
  let computed: Computed | undefined;
  const handle = (sha256: string): InputHandle => handleOf(sha256, objectOf(sha256));
  const task: TaskCell = {
    id, params,
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, from]): [string, TaskInput] => [name, typeof from === 'string' ? { kind: 'object', handle: handle(from) }
      : { kind: 'gather', items: from.map((item) => {
        if ('missing' in item) return item;
        const { sha256, ...one } = item;
        return { ...one, handle: handle(sha256) };
      }) }])),
  };
  const nowhere = (): never => { throw new Error('there are no files in a page'); };
  const open = async ({ sha256 }: InputHandle): Promise<OpenObject> => {
    const bytes = objectOf(sha256);
    return { bytes: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length), close: () => undefined };
  };
  const io: TaskIo = {
    read: async ({ sha256 }) => objectOf(sha256),
    open,
    openInOrder: open,
    input: async (of, name) => {
      const input = of.inputs[name];
      if (input?.kind !== 'object') throw new Error(`${of.id}: input ${name} is not one object`);
      return objectOf(input.handle.sha256);
    },
    commit: async (_, outputs, computedBy = {}) => { computed = { outputs: Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, bytesOf(value)])), computedBy }; },
    workOn: () => undefined,
    fail: async (_, failure) => { computed = { failure }; },
    progress: (done, total, unit) => watched.progress(done, total, unit),
    warn: () => undefined,
    copy: nowhere, scratch: '', unfinished: '', cpus: 1, signal: watched.signal,
  };
  try {
    await run([task], io);
  } catch (error) {
    if (!(error instanceof StageFailure)) throw error;
    return { failure: error.failure };
  }
  watched.signal.throwIfAborted();
  return computed ?? { failure: { code: 'no-output', sentence: 'the stage ended without a result' } };
}

/** What a stage wrote under the name of a file of its scratch folder, until it is committed. */
const kept = new Map<string, Uint8Array<ArrayBuffer>>();
export function keepFile(path: string, bytes: Uint8Array<ArrayBuffer>): void {
  kept.set(path, bytes);
}

const handleOf = (sha256: string, { length }: Uint8Array): InputHandle => ({ sha256: sha256 as Sha256, bytes: length, path: '', offset: 0 });

function bytesOf(value: OutputValue): Uint8Array<ArrayBuffer> {
  if (typeof value === 'string') return new TextEncoder().encode(value);
  if (value instanceof Uint8Array) return value as Uint8Array<ArrayBuffer>;
  const file = 'file' in value ? kept.get(value.file) : undefined;
  if (file === undefined || !('file' in value)) throw new Error('a page keeps no folders, and no file that it was not given');
  kept.delete(value.file);
  return file;
}
