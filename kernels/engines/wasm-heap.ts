/**
 * What the wasm engine holds: the memory of its instance by purpose, counted.
 */
import { DOT_BLOCK } from '../arithmetic.ts';
import type { WasmKernels } from './wasm-kernels.ts';
import { LinearMemory } from './wasm-memory.ts';

/** The first page is never handed out: address 0 means "none", and threads meet there (kernels/wasm/assembly/program.ts). */
const RESERVED_BYTES = 65536;
/** Values are staged in pieces of about this many bytes while they are packed. */
const STAGE_BYTES = 1 << 20;

export type Purpose = 'weights' | 'decodedCopies' | 'tables' | 'kvCache' | 'workspace';

export class WasmHeap {
  readonly kernels: WasmKernels;
  readonly memory: LinearMemory;
  readonly #held = { weights: 0, decodedCopies: 0, tables: 0, kvCache: 0, workspace: 0 };

  constructor(kernels: WasmKernels) {
    this.kernels = kernels;
    this.memory = new LinearMemory(kernels.memory, RESERVED_BYTES);
  }

  /** A block that stays until release(). Its contents are whatever was there. */
  take(bytes: number, purpose: Purpose): number {
    const at = this.memory.take(bytes);
    this.#held[purpose] += LinearMemory.sizeOf(bytes);
    return at;
  }

  /** A block of zeros. */
  zeros(bytes: number, purpose: Purpose): number {
    const at = this.take(bytes, purpose);
    this.memory.bytes(at, bytes).fill(0);
    return at;
  }

  release(at: number, bytes: number, purpose: Purpose): void {
    this.memory.give(at, bytes);
    this.#held[purpose] -= LinearMemory.sizeOf(bytes);
  }

  /** These values, padded with +0 to whole blocks. */
  values(values: Float32Array, purpose: Purpose): number {
    const at = this.zeros(paddedColumns(values.length) * 4, purpose);
    this.memory.floats(at, values.length).set(values);
    return at;
  }

  /** 32-bit words that describe something to the kernels; their address is its handle. */
  words(words: readonly number[], purpose: Purpose): number {
    const at = this.take(words.length * 4, purpose);
    this.memory.integers(at, words.length).set(words);
    return at;
  }

  /**
   * Lays rows of `columns` elements out for packing, padded with 0 to whole blocks, some at a time: `pack(stage, first, rows)`.
   * `elements`: whole bytes each, or the bytes of rows that need no padding.
   */
  staged(elements: Float32Array | Uint16Array | Int8Array | Uint8Array, rows: number, pack: (stage: number, first: number, rows: number) => void): void {
    const columns = elements.length / rows;
    const padded = elements instanceof Uint8Array ? columns : paddedColumns(columns);
    const width = elements.BYTES_PER_ELEMENT;
    const source = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
    const rowsAtOnce = Math.min(rows, Math.max(1, Math.floor(STAGE_BYTES / (padded * width))));
    const bytes = rowsAtOnce * padded * width;
    const stage = this.memory.take(bytes);
    this.memory.bytes(stage, bytes).fill(0);
    for (let first = 0; first < rows; first += rowsAtOnce) {
      const some = Math.min(rowsAtOnce, rows - first);
      const target = this.memory.bytes(stage, bytes);
      if (padded === columns) target.set(source.subarray(first * columns * width, (first + some) * columns * width));
      else for (let row = 0; row < some; row++) target.set(source.subarray((first + row) * columns * width, (first + row + 1) * columns * width), row * padded * width);
      pack(stage, first, some);
    }
    this.memory.give(stage, bytes);
  }

  /** Bytes held, by purpose. */
  use(): { readonly [purpose in Purpose]: number } {
    return { ...this.#held };
  }
}

/** Blocks of a padded row. */
export function blocksOf(columns: number): number {
  return Math.ceil(columns / DOT_BLOCK);
}

/** Elements of a padded row. */
export function paddedColumns(columns: number): number {
  return blocksOf(columns) * DOT_BLOCK;
}
