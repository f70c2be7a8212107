/**
 * Recorded programs in WebAssembly with 128-bit vectors: the bits of the reference (docs/arithmetic.md). The interpreter and the kernels are
 * kernels/wasm/assembly; here memory is laid out for them.
 */
import { DOT_BLOCK } from '../arithmetic.ts';
import type { MemoryUse } from '../ops.ts';
import type { Device } from './device.ts';
import type { Family } from './families.ts';
import { LINE_BYTES, WORDS } from './program.ts';
import type { Program, Refusal } from './program.ts';
import type { WasmThreads } from './wasm-threads.ts';
import { paddedColumns, WasmHeap } from './wasm-heap.ts';
import { FINISHED, LOST } from './wasm-kernels.ts';
import { loadWeight } from './wasm-weights.ts';
import type { PairTables } from './wasm-weights.ts';

interface Block { readonly at: number; readonly bytes: number }

export class WasmDevice implements Device {
  readonly #threads: WasmThreads;
  readonly #heap: WasmHeap;
  readonly #tables: PairTables = new Map();
  /** By handle. */
  readonly #caches = new Map<number, Block>();
  /** State, words and lists of a program. */
  #program: Block = { at: 0, bytes: 0 };
  /** Activations, prepared rows and every thread's scratch. */
  #workspace: Block = { at: 0, bytes: 0 };

  constructor(threads: WasmThreads) {
    this.#threads = threads;
    this.#heap = new WasmHeap(threads.kernels);
  }

  weight(weight: Family): number {
    return loadWeight(this.#heap, this.#tables, weight);
  }

  vector(values: Float32Array): number {
    return this.#heap.values(values, 'weights');
  }

  rotary(cos: Float32Array, sin: Float32Array): number {
    return this.#heap.words([this.#heap.values(cos, 'tables'), this.#heap.values(sin, 'tables')], 'tables');
  }

  kvCache(layers: number, slots: number, positions: number, kvHeads: number, headDim: number): number {
    const dim = paddedHead(headDim);
    // Keys and values, rounded up. The kernels reckon in 32 bits: what does not fit these would wrap to little, and no memory holds it.
    const most = 2 * (positions + 3) * kvHeads * dim * 4;
    const layerBytes = slots * (most < 0x1_0000_0000 ? this.#threads.kernels.sequenceBytes(positions, kvHeads, dim) >>> 0 : most);
    const bytes = layers * layerBytes;
    const at = this.#heap.zeros(bytes, 'kvCache');
    const handle = this.#heap.words([at, layerBytes, positions, kvHeads, headDim, dim], 'tables');
    this.#caches.set(handle, { at, bytes });
    return handle;
  }

  freeCache(handle: number): void {
    const { at, bytes } = this.#caches.get(handle)!;
    this.#caches.delete(handle);
    this.#heap.release(at, bytes, 'kvCache');
    this.#heap.release(handle, LINE_BYTES, 'tables');
  }

  run(program: Program): Refusal | undefined {
    let answer = this.#runOnce(program, this.#threads.count);
    if (answer === LOST) {
      // The lost thread may still come back, read what it was to do and write to this workspace: both are given up.
      this.#threads.dismiss();
      this.#program = { at: 0, bytes: 0 };
      this.#workspace = { at: 0, bytes: 0 };
      answer = this.#runOnce(program, 1);
    }
    return answer === FINISHED ? undefined : { op: answer, count: this.#threads.kernels.refusedCount() };
  }

  #runOnce({ words, ops, lists, listLength, lines }: Program, threads: number): number {
    const { kernels } = this.#threads;
    const { memory } = this.#heap;
    const stateBytes = kernels.stateBytesOf(ops);
    const wordsBytes = ops * WORDS * 4;
    this.#program = this.#atLeast(this.#program, stateBytes + wordsBytes + listLength * 4);
    const stateAt = this.#program.at;
    const wordsAt = stateAt + stateBytes;
    const listsAt = wordsAt + wordsBytes;
    memory.integers(wordsAt, ops * WORDS).set(words.subarray(0, ops * WORDS));
    memory.integers(listsAt, listLength).set(lists.subarray(0, listLength));

    const preparedBytes = kernels.preparedBytesOf(wordsAt, ops);
    const scratchBytes = kernels.scratchBytesOf(wordsAt, ops);
    this.#workspace = this.#atLeast(this.#workspace, lines * LINE_BYTES + preparedBytes + threads * scratchBytes);
    const preparedAt = this.#workspace.at + lines * LINE_BYTES;
    return kernels.runProgram(wordsAt, ops, listsAt, this.#workspace.at, stateAt, preparedAt, preparedAt + preparedBytes, scratchBytes, threads);
  }

  /** This block, or a larger one in its place; contents are lost. */
  #atLeast(block: Block, bytes: number): Block {
    if (block.bytes >= bytes) return block;
    if (block.bytes > 0) this.#heap.release(block.at, block.bytes, 'workspace');
    return { at: this.#heap.take(bytes, 'workspace'), bytes };
  }

  floats(line: number, rows: number, cols: number, into: Float32Array): number {
    const at = this.#workspace.at + line * LINE_BYTES;
    const padded = paddedColumns(cols);
    const notFinite = this.#threads.kernels.countNotFinite(at, rows, cols, padded * 4);
    const held = this.#heap.memory.floats(at, rows * padded);
    if (padded === cols) into.set(held);
    else for (let row = 0; row < rows; row++) into.set(held.subarray(row * padded, row * padded + cols), row * cols);
    return notFinite;
  }

  integers(line: number, count: number): Int32Array<ArrayBuffer> {
    const values = new Int32Array(count);
    values.set(this.#heap.memory.integers(this.#workspace.at + line * LINE_BYTES, count));
    return values;
  }

  memory(): MemoryUse {
    return this.#heap.use();
  }

  /** Ends the threads; the memory goes to the collector with the last reference to it. */
  dispose(): void {
    this.#threads.dispose();
  }
}

/** Heads are padded to half a block or whole ones, which leaves the dot product's bits as they are. */
function paddedHead(headDim: number): number {
  return headDim <= DOT_BLOCK / 2 ? DOT_BLOCK / 2 : paddedColumns(headDim);
}
