/** A task of the score stage without the machinery: its cells' inputs are bytes in memory, its commits are kept. */
import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { architectureOf, formatNamed, openCheckpoint, quantizeModel } from '../../kernels/index.ts';
import type { Cell, Failure, InputHandle, OutputValue, Sha256, TaskCell, TaskInput, TaskIo } from '../../stages/dag/index.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

/** A file of one of the tiny models. */
export const fixture = (model: string, name: string): Bytes => new Uint8Array(readFileSync(new URL(`../fixtures/bitsandbytes/models/${model}/${name}`, import.meta.url)));

export class MemoryTask {
  readonly committed = new Map<string, Readonly<Record<string, OutputValue>>>();
  readonly failed = new Map<string, Failure>();
  /** Which cells it was said to be at, in that order. */
  readonly workedOn: (readonly string[])[] = [];
  readonly #objects = new Map<string, Bytes>();

  /** The cell as a worker gets it; `resolve` gives the bytes of each of its inputs. */
  task(cell: Cell, resolve: (name: string) => Bytes): TaskCell {
    const inputs = Object.fromEntries(Object.keys(cell.inputs).map((name): [string, TaskInput] => [name, { kind: 'object', handle: this.#handle(resolve(name)) }]));
    return { id: cell.id, params: cell.params, inputs };
  }

  #handle(bytes: Bytes): InputHandle {
    const sha256 = createHash('sha256').update(bytes).digest('hex') as Sha256;
    this.#objects.set(sha256, bytes);
    return { sha256, bytes: bytes.length, path: '', offset: 0 };
  }

  readonly io: TaskIo = {
    read: async (handle) => this.#objects.get(handle.sha256)!,
    open: async (handle) => {
      const bytes = this.#objects.get(handle.sha256)!;
      return { bytes: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length), close: () => undefined };
    },
    openInOrder: () => { throw new Error('a score goes through no file in order'); },
    input: async (cell, name) => {
      const input = cell.inputs[name];
      if (input?.kind !== 'object') throw new Error(`${cell.id} has no input ${name}`);
      return this.#objects.get(input.handle.sha256)!;
    },
    commit: async (id, outputs) => { this.committed.set(id, outputs); },
    workOn: (ids) => { this.workedOn.push(ids); },
    fail: async (id, failure) => { this.failed.set(id, failure); },
    progress: () => undefined,
    warn: () => undefined,
    copy: () => { throw new Error('a score copies no inputs'); },
    scratch: '',
    unfinished: '',
    cpus: 1,
    signal: new AbortController().signal,
  };

  output(cell: string, name: string): Bytes {
    const value = this.committed.get(cell)?.[name];
    if (value === undefined) throw new Error(`${cell} has no output ${name}: ${this.failed.get(cell)?.sentence ?? 'not committed'}`);
    return typeof value === 'string' ? new TextEncoder().encode(value) : value as Bytes;
  }
}

/** The artifact of a checkpoint in a format. */
export function artifactOf(files: { readonly config: Bytes; readonly weights: Bytes }, format: string): Bytes {
  const checkpoint = openCheckpoint(files);
  return quantizeModel(checkpoint, architectureOf(checkpoint).linearNames, formatNamed(format)).bytes as Bytes;
}
