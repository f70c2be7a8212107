/**
 * Ops in WebAssembly with 128-bit vectors: the bits of the reference (docs/arithmetic.md), some 25 times as fast.
 *
 * Every op runs at once. Rows are padded with +0 to whole blocks of 64; weights lie packed by panels of four outputs
 * (kernels/wasm/assembly/layout.ts). Weights of every format are decoded when loaded, but for int8, which multiplies its codes.
 */
import { DOT_BLOCK } from '../arithmetic.ts';
import type { EncodedTensor, Format } from '../formats.ts';
import { NotFinite } from '../ops.ts';
import type { Activation, AttentionShape, Draws, KvCache, MemoryUse, Ops, Rotary, Rows, Vector, Weight } from '../ops.ts';
import { sampleToken } from '../sampler.ts';
import { blocksOf, strideOf, WasmHeap } from './wasm-heap.ts';
import type { WasmKernels } from './wasm-kernels.ts';
import { int8Weight } from './wasm-int8.ts';
import { decodedWeight } from './wasm-weights.ts';
import type { PackedWeight } from './wasm-weights.ts';

const { fround } = Math;

/** Padded natural rows at `at`; `step` tells those of an earlier step apart, which are invalid. */
interface Values extends Activation { readonly at: number; readonly step: number }
interface Numbers extends Vector { readonly at: number }
interface Table extends Rotary { readonly cosAt: number; readonly sinAt: number }
interface Cache extends KvCache { readonly at: number; readonly bytes: number; readonly sequenceBytes: number }

export class WasmOps implements Ops {
  #live: WasmHeap | undefined;
  readonly #caches = new Set<KvCache>();
  /** Rows of ones, by length, for LayerNorm's mean. */
  readonly #ones = new Map<number, number>();
  #rows: Rows = { slot: new Int32Array(), position: new Int32Array(), token: new Int32Array() };
  #rowsAt = { slot: 0, position: 0, token: 0 };
  #step = 0;

  constructor(kernels: WasmKernels) {
    this.#live = new WasmHeap(kernels);
  }

  weight(encoded: EncodedTensor, format: Format): Weight {
    if (encoded.shape.length !== 2) throw new RangeError(`${encoded.name}: a weight has 2 dimensions, not ${encoded.shape.length}`);
    return format.product === 'llm-int8' ? int8Weight(this.#heap, encoded) : decodedWeight(this.#heap, encoded, format);
  }

  vector(values: Float32Array): Vector {
    const numbers: Numbers = { length: values.length, at: this.#heap.keepValues(values, 'weights') };
    return numbers;
  }

  rotary(cos: Float32Array, sin: Float32Array, positions: number, halfDim: number): Rotary {
    if (cos.length !== positions * halfDim || sin.length !== cos.length) throw new RangeError(`rotary tables must hold ${positions} x ${halfDim} values`);
    const table: Table = { positions, halfDim, cosAt: this.#heap.keepValues(cos, 'tables'), sinAt: this.#heap.keepValues(sin, 'tables') };
    return table;
  }

  kvCache(layers: number, slots: number, positions: number, kvHeads: number, headDim: number): KvCache {
    const sequenceBytes = this.#kernels.sequenceBytes(positions, kvHeads, paddedHead(headDim));
    const bytes = layers * slots * sequenceBytes;
    const cache: Cache = { layers, slots, positions, kvHeads, headDim, at: this.#heap.keep(bytes, 'kvCache'), bytes, sequenceBytes };
    this.#caches.add(cache);
    return cache;
  }

  freeCache(cache: KvCache): void {
    if (!this.#caches.delete(cache)) return;
    const { at, bytes } = cache as Cache;
    this.#heap.release(at, bytes, 'kvCache');
  }

  begin(rows: Rows): void {
    const count = rows.token.length;
    if (rows.slot.length !== count || rows.position.length !== count) throw new RangeError('slot, position and token must have equal length');
    this.#rows = rows;
    this.#step++;
    this.#heap.arena.reset();
    this.#rowsAt = { slot: this.#integers(rows.slot), position: this.#integers(rows.position), token: this.#integers(rows.token) };
  }

  embed(table: Weight): Activation {
    const { inFeatures, outFeatures } = table;
    for (const token of this.#rows.token) {
      if (token < 0 || token >= outFeatures) throw new RangeError(`token ${token} is outside the vocabulary of ${outFeatures}`);
    }
    const out = this.#make(this.#rows.token.length, inFeatures);
    (table as PackedWeight).embed(this.#rowsAt.token, out.rows, out.at);
    return out;
  }

  rmsNorm(x: Activation, weight: Vector, eps: number): Activation {
    const from = this.#valid(x, weight.length);
    const out = this.#make(x.rows, x.cols);
    this.#kernels.rmsNorm(from, x.rows, blocksOf(x.cols), (weight as Numbers).at, fround(1 / x.cols), fround(eps), out.at);
    return out;
  }

  layerNorm(x: Activation, weight: Vector, bias: Vector, eps: number): Activation {
    const from = this.#valid(x, weight.length);
    let ones = this.#ones.get(x.cols);
    if (ones === undefined) this.#ones.set(x.cols, (ones = this.#heap.keepValues(new Float32Array(x.cols).fill(1), 'tables')));
    const out = this.#make(x.rows, x.cols);
    const perElement = fround(1 / x.cols);
    this.#kernels.layerNorm(from, x.rows, x.cols, blocksOf(x.cols), (weight as Numbers).at, (bias as Numbers).at, ones, perElement, fround(eps), out.at);
    return out;
  }

  linear(x: Activation, w: Weight, bias?: Vector, residual?: Activation): Activation {
    const { inFeatures, outFeatures } = w;
    const from = this.#valid(x, inFeatures);
    const added = residual ? this.#valid(residual, outFeatures) : 0;
    const out = this.#make(x.rows, outFeatures);
    (w as PackedWeight).multiply(from, x.rows, bias ? (bias as Numbers).at : 0, added, out.at);
    this.#kernels.clearTails(out.at, out.rows, outFeatures, strideOf(outFeatures));
    return out;
  }

  rotate(x: Activation, rotary: Rotary, headDim: number): Activation {
    const { cosAt, sinAt, halfDim, positions } = rotary as Table;
    const from = this.#valid(x, x.cols);
    this.#perRow(x);
    for (const position of this.#rows.position) {
      if (position < 0 || position >= positions) throw new RangeError(`position ${position} is outside the rotary table of ${positions}`);
    }
    const out = this.#make(x.rows, x.cols);
    this.#kernels.rotate(from, x.rows, strideOf(x.cols), x.cols / headDim, headDim, halfDim, this.#rowsAt.position, cosAt, sinAt, out.at);
    return out;
  }

  attention(q: Activation, k: Activation, v: Activation, cache: KvCache, layer: number, shape: AttentionShape): Activation {
    const { at, sequenceBytes, slots, positions, kvHeads, headDim } = cache as Cache;
    if (!this.#caches.has(cache)) throw new Error('this cache was given back');
    const { heads, window } = shape;
    const queries = this.#valid(q, heads * headDim);
    const keys = this.#valid(k, kvHeads * headDim);
    const values = this.#valid(v, kvHeads * headDim);
    this.#perRow(q);
    const { slot, position } = this.#rows;
    for (let row = 0; row < q.rows; row++) {
      if (slot[row]! < 0 || slot[row]! >= slots || position[row]! < 0 || position[row]! >= positions) {
        throw new RangeError(`slot ${slot[row]} position ${position[row]} is outside the cache of ${slots} slots x ${positions} positions`);
      }
    }
    const dim = paddedHead(headDim);
    const group = heads / kvHeads;
    const layerAt = at + layer * slots * sequenceBytes;
    const { slot: slotsAt, position: positionsAt } = this.#rowsAt;
    const out = this.#make(q.rows, q.cols);
    const scratch = this.#heap.scratch(this.#kernels.attendScratchBytes(group, dim, positions));
    this.#kernels.remember(layerAt, positions, kvHeads, headDim, dim, keys, values, k.rows, strideOf(k.cols), slotsAt, positionsAt);
    this.#kernels.attend(
      layerAt, positions, kvHeads, headDim, dim, heads, window, fround(1 / Math.sqrt(headDim)),
      queries, q.rows, strideOf(q.cols), slotsAt, positionsAt, out.at, scratch,
    );
    this.#kernels.clearTails(out.at, out.rows, out.cols, strideOf(out.cols));
    return out;
  }

  siluMul(gate: Activation, up: Activation): Activation {
    const [a, b, out] = this.#pair(gate, up);
    this.#kernels.siluMul(a, b, out.rows * strideOf(out.cols), out.at);
    return out;
  }

  gelu(x: Activation, form: 'erf' | 'tanh'): Activation {
    const from = this.#valid(x, x.cols);
    const out = this.#make(x.rows, x.cols);
    this.#kernels.gelu(from, form === 'erf' ? 1 : 0, out.rows * strideOf(out.cols), out.at);
    return out;
  }

  add(a: Activation, b: Activation): Activation {
    const [left, right, out] = this.#pair(a, b);
    this.#kernels.add(left, right, out.rows * strideOf(out.cols), out.at);
    return out;
  }

  take(x: Activation, rows: Int32Array): Activation {
    const from = this.#valid(x, x.cols);
    const stride = strideOf(x.cols);
    const out = this.#make(rows.length, x.cols);
    rows.forEach((row, to) => {
      if (row < 0 || row >= x.rows) throw new RangeError(`row ${row} is outside the ${x.rows} rows`);
      this.#heap.memory.bytes(out.at + to * stride, stride).set(this.#heap.memory.bytes(from + row * stride, stride));
    });
    return out;
  }

  async read(x: Activation, what: string): Promise<Float32Array<ArrayBuffer>> {
    const from = this.#valid(x, x.cols);
    const stride = strideOf(x.cols);
    const bad = this.#kernels.countNotFinite(from, x.rows, x.cols, stride);
    if (bad > 0) throw new NotFinite(what, bad);
    const padded = this.#heap.memory.floats(from, x.rows * stride / 4);
    if (x.cols * 4 === stride) return padded.slice();
    const values = new Float32Array(x.rows * x.cols);
    for (let row = 0; row < x.rows; row++) values.set(padded.subarray(row * stride / 4, row * stride / 4 + x.cols), row * x.cols);
    return values;
  }

  async sample(logits: Activation, draws: Draws, what: string): Promise<Int32Array<ArrayBuffer>> {
    const values = await this.read(logits, what);
    return Int32Array.from({ length: logits.rows }, (_, row) => {
      const sampling = { temperature: draws.temperature[row]!, topK: draws.topK[row]!, seed: draws.seed[row]! };
      return sampleToken(values.subarray(row * logits.cols, (row + 1) * logits.cols), sampling, draws.promptKey[row]!, draws.position[row]!);
    });
  }

  memory(): MemoryUse {
    return this.#live?.use() ?? { weights: 0, decodedCopies: 0, tables: 0, kvCache: 0, workspace: 0 };
  }

  /** The instance, with its memory, goes to the collector. */
  dispose(): void {
    this.#live = undefined;
    this.#caches.clear();
  }

  get #heap(): WasmHeap {
    if (this.#live === undefined) throw new Error('this engine instance was disposed');
    return this.#live;
  }

  get #kernels(): WasmKernels {
    return this.#heap.kernels;
  }

  #integers(values: Int32Array): number {
    const at = this.#heap.arena.take(values.byteLength);
    this.#heap.memory.integers(at, values.length).set(values);
    return at;
  }

  #make(rows: number, cols: number): Values {
    return { rows, cols, at: this.#heap.arena.take(rows * strideOf(cols)), step: this.#step };
  }

  #pair(a: Activation, b: Activation): [number, number, Values] {
    const left = this.#valid(a, b.cols);
    const right = this.#valid(b, a.cols);
    if (a.rows !== b.rows) throw new RangeError(`activations of ${a.rows} and ${b.rows} rows where equal numbers are needed`);
    return [left, right, this.#make(a.rows, a.cols)];
  }

  /** Address of an activation of this step that has `cols` columns. */
  #valid(x: Activation, cols: number): number {
    const { at, step } = x as Values;
    if (step !== this.#step) throw new Error('this activation belongs to an earlier step');
    if (x.cols !== cols) throw new RangeError(`an activation of ${x.cols} columns where ${cols} are needed`);
    return at;
  }

  /** rotate and attention know each row's slot and position, so all rows of the step must be there. */
  #perRow(x: Activation): void {
    if (x.rows !== this.#rows.token.length) throw new RangeError(`${x.rows} rows where the step has ${this.#rows.token.length}`);
  }
}

/** Heads are padded to half a block or whole ones, which leaves the dot product's bits as they are. */
function paddedHead(headDim: number): number {
  return headDim <= DOT_BLOCK / 2 ? DOT_BLOCK / 2 : Math.ceil(headDim / DOT_BLOCK) * DOT_BLOCK;
}
