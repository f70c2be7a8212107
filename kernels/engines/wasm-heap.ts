/**
 * What the wasm engine holds: its instance, and the memory of that instance by purpose, counted.
 */
import { DOT_BLOCK } from '../arithmetic.ts';
import type { MemoryUse } from '../ops.ts';
import type { WasmKernels } from './wasm-kernels.ts';
import { Arena, LinearMemory } from './wasm-memory.ts';

/** The first page is never handed out: address 0 means "none", and `linear` folds in FOLD_SCRATCH. */
const RESERVED_BYTES = 65536;
/** 256 bytes in the reserved page. */
export const FOLD_SCRATCH = 1024;

export type Purpose = 'weights' | 'decodedCopies' | 'tables' | 'kvCache';

export class WasmHeap {
  readonly kernels: WasmKernels;
  readonly memory: LinearMemory;
  /** Activations of the step. */
  readonly arena: Arena;
  readonly #held = { weights: 0, decodedCopies: 0, tables: 0, kvCache: 0 };
  #scratch = { at: 0, bytes: 0 };

  constructor(kernels: WasmKernels) {
    this.kernels = kernels;
    this.memory = new LinearMemory(kernels.memory, RESERVED_BYTES);
    this.arena = new Arena(this.memory);
  }

  /** A block of zeros that stays until release(). */
  keep(bytes: number, purpose: Purpose): number {
    const at = this.memory.take(bytes);
    this.#held[purpose] += LinearMemory.sizeOf(bytes);
    this.memory.bytes(at, bytes).fill(0);
    return at;
  }

  release(at: number, bytes: number, purpose: Purpose): void {
    this.memory.give(at, bytes);
    this.#held[purpose] -= LinearMemory.sizeOf(bytes);
  }

  /** Keeps these values, padded with +0 to whole blocks. */
  keepValues(values: Float32Array, purpose: Purpose): number {
    const at = this.keep(strideOf(values.length), purpose);
    this.memory.floats(at, values.length).set(values);
    return at;
  }

  /** Writes rows of `columns` values to `at`, each padded with +0. */
  writeRows(at: number, values: Float32Array, columns: number): void {
    const stride = strideOf(columns) / 4;
    const padded = this.memory.floats(at, (values.length / columns) * stride);
    if (stride === columns) return padded.set(values);
    padded.fill(0);
    for (let from = 0, to = 0; from < values.length; from += columns, to += stride) padded.set(values.subarray(from, from + columns), to);
  }

  /** Memory that one op uses while it runs; the next call may hand out the same. */
  scratch(bytes: number): number {
    if (this.#scratch.bytes < bytes) {
      if (this.#scratch.bytes > 0) this.memory.give(this.#scratch.at, this.#scratch.bytes);
      this.#scratch = { at: this.memory.take(bytes), bytes: LinearMemory.sizeOf(bytes) };
    }
    return this.#scratch.at;
  }

  use(): MemoryUse {
    return { ...this.#held, workspace: this.arena.bytes + this.#scratch.bytes };
  }
}

/** Blocks of a padded row. */
export function blocksOf(columns: number): number {
  return Math.ceil(columns / DOT_BLOCK);
}

/** Bytes of a padded row. */
export function strideOf(columns: number): number {
  return blocksOf(columns) * DOT_BLOCK * 4;
}
