/**
 * The reference: every op at once, row by row, as kernels/row-ops.ts and kernels/arithmetic.ts state it. It is the judge of
 * the other engines, not a way to run a study (0.3 G multiply-adds a second).
 */
import { ARITHMETIC_VERSION, dot } from '../arithmetic.ts';
import type { Engine } from '../engines.ts';
import { encodedBytes } from '../formats.ts';
import type { EncodedTensor, Format } from '../formats.ts';
import { int8Parts } from '../formats/int8.ts';
import { geluErf, geluTanh, silu } from '../functions.ts';
import { int8Output, quantizeRow } from '../int8-rows.ts';
import type { Int8Weights, QuantizedRow } from '../int8-rows.ts';
import { checkRuns, NotFinite, placeFor, scaleFactor } from '../ops.ts';
import type { Activation, AttentionShape, Draws, KvCache, MemoryUse, Ops, Rotary, Rows, Vector, Weight } from '../ops.ts';
import { sampleToken } from '../sampler.ts';
import { attendRow, headNormRow, layerNormRow, rmsNormRow, rotateHead } from '../row-ops.ts';
import { referenceStatistics } from '../statistics/reference.ts';

const { fround } = Math;

/** An activation of this engine; `step` tells those of an earlier step apart, which are invalid. */
interface Values extends Activation { readonly values: Float32Array<ArrayBuffer>; readonly step: number }
/** A product with int8 works on the codes, any other on the decoded values. */
interface Matrix extends Weight { readonly decoded: Float32Array; readonly int8: Int8Weights | undefined }
interface Numbers extends Vector { readonly values: Float32Array }
interface Table extends Rotary { readonly cos: Float32Array; readonly sin: Float32Array }
interface Cache extends KvCache { readonly keys: Float32Array; readonly values: Float32Array }

export class ReferenceOps implements Ops {
  #rows: Rows = { slot: new Int32Array(), position: new Int32Array(), token: new Int32Array() };
  #step = 0;
  #weightBytes = 0;
  #copiedBytes = 0;
  #tableBytes = 0;
  #workspaceBytes = 0;
  readonly #caches = new Set<KvCache>();

  weight(encoded: EncodedTensor, format: Format): Weight {
    if (encoded.shape.length !== 2) throw new RangeError(`${encoded.name}: a weight has 2 dimensions, not ${encoded.shape.length}`);
    const [outFeatures, inFeatures] = encoded.shape as readonly [number, number];
    const int8 = format.product === 'llm-int8' ? int8Parts(encoded) : undefined;
    const decoded = int8 ? new Float32Array(0) : format.decode(encoded);
    // What was decoded into a copy is not held in its own format as well.
    const copied = !int8 && Object.values(encoded.parts).every((part) => part.buffer !== decoded.buffer);
    if (copied) this.#copiedBytes += decoded.byteLength;
    else this.#weightBytes += encodedBytes(encoded);
    const matrix: Matrix = { outFeatures, inFeatures, format: format.name, decoded, int8 };
    return matrix;
  }

  vector(values: Float32Array): Vector {
    this.#weightBytes += values.byteLength;
    const numbers: Numbers = { length: values.length, values };
    return numbers;
  }

  rotary(cos: Float32Array, sin: Float32Array, positions: number, halfDim: number): Rotary {
    if (cos.length !== positions * halfDim || sin.length !== cos.length) throw new RangeError(`rotary tables must hold ${positions} x ${halfDim} values`);
    this.#tableBytes += cos.byteLength + sin.byteLength;
    const table: Table = { positions, halfDim, cos, sin };
    return table;
  }

  kvCache(layers: number, slots: number, positions: number, kvHeads: number, headDim: number): KvCache {
    const length = layers * slots * positions * kvHeads * headDim;
    const cache: Cache = { layers, slots, positions, kvHeads, headDim, keys: new Float32Array(length), values: new Float32Array(length) };
    this.#caches.add(cache);
    return cache;
  }

  freeCache(cache: KvCache): void {
    this.#caches.delete(cache);
  }

  begin(rows: Rows): void {
    if (rows.slot.length !== rows.token.length || rows.position.length !== rows.token.length) throw new RangeError('slot, position and token must have equal length');
    this.#rows = rows;
    this.#step++;
    this.#workspaceBytes = 0;
  }

  embed(table: Weight): Activation {
    const { decoded, int8, inFeatures, outFeatures } = table as Matrix;
    if (int8) throw new Error('rows of an int8 matrix cannot be looked up');
    const out = this.#make(this.#rows.token.length, inFeatures);
    this.#rows.token.forEach((token, row) => {
      if (token < 0 || token >= outFeatures) throw new RangeError(`token ${token} is outside the vocabulary of ${outFeatures}`);
      out.values.set(decoded.subarray(token * inFeatures, (token + 1) * inFeatures), row * inFeatures);
    });
    return out;
  }

  rmsNorm(x: Activation, weight: Vector, eps: number): Activation {
    return this.#eachRow(x, weight.length, (out, input, at) => rmsNormRow(out, input, at, (weight as Numbers).values, eps));
  }

  layerNorm(x: Activation, weight: Vector, bias: Vector, eps: number): Activation {
    return this.#eachRow(x, weight.length, (out, input, at) => this.layerNormRow(out, input, at, (weight as Numbers).values, (bias as Numbers).values, eps));
  }

  /** For who reckons a row in another way (fast-selftest.ts). */
  protected layerNormRow(out: Float32Array, x: Float32Array, at: number, weight: Float32Array, bias: Float32Array, eps: number): void {
    layerNormRow(out, x, at, weight, bias, eps);
  }

  headNorm(x: Activation, weight: Vector, eps: number): Activation {
    checkRuns(x.cols, weight.length);
    return this.#eachRow(x, x.cols, (out, input, at) => headNormRow(out, input, at, x.cols, (weight as Numbers).values, eps));
  }

  linear(x: Activation, w: Weight, bias?: Vector, residual?: Activation): Activation {
    const matrix = w as Matrix;
    const { inFeatures, outFeatures } = matrix;
    const input = this.#valid(x, inFeatures);
    const biases = bias && (bias as Numbers).values;
    const added = residual && this.#valid(residual, outFeatures);
    const out = this.#make(x.rows, outFeatures);
    if (matrix.int8) this.#int8Product(out, input, matrix.int8, inFeatures, biases);
    else product(out, input, matrix.decoded, inFeatures, biases);
    if (added) for (let i = 0; i < added.length; i++) out.values[i] = out.values[i]! + added[i]!;
    return out;
  }

  #int8Product(out: Values, input: Float32Array, weights: Int8Weights, inFeatures: number, biases: Float32Array | undefined): void {
    const rows = Array.from({ length: out.rows }, (_, row) => input.subarray(row * inFeatures, (row + 1) * inFeatures));
    this.quantizeRows(rows).forEach((quantized, row) => {
      for (let o = 0; o < out.cols; o++) {
        out.values[row * out.cols + o] = int8Output(rows[row]!, quantized, weights, o, biases?.[o], (a, b) => dot(b, 0, a, 0, a.length));
      }
    });
  }

  /** Activations of an int8 product, each row for itself. A test overrides it to compare with a library that groups rows. */
  protected quantizeRows(rows: readonly Float32Array[]): QuantizedRow[] {
    return rows.map((row) => quantizeRow(row));
  }

  rotate(x: Activation, rotary: Rotary, headDim: number): Activation {
    const { cos, sin, halfDim, positions } = rotary as Table;
    const input = this.#valid(x, x.cols);
    this.#perRow(x);
    const out = this.#make(x.rows, x.cols);
    for (let row = 0; row < x.rows; row++) {
      const position = this.#rows.position[row]!;
      if (position < 0 || position >= positions) throw new RangeError(`position ${position} is outside the rotary table of ${positions}`);
      for (let at = row * x.cols; at < (row + 1) * x.cols; at += headDim) rotateHead(out.values, input, at, headDim, cos, sin, position * halfDim, halfDim);
    }
    return out;
  }

  attention(q: Activation, k: Activation, v: Activation, cache: KvCache, layer: number, shape: AttentionShape): Activation {
    const { keys, values, slots, positions, kvHeads, headDim } = cache as Cache;
    if (!this.#caches.has(cache)) throw new Error('this cache was given back');
    const width = kvHeads * headDim;
    const queries = this.#valid(q, shape.heads * shape.headDim);
    const newKeys = this.#valid(k, width);
    const newValues = this.#valid(v, width);
    this.#perRow(q);
    const out = this.#make(q.rows, q.cols);
    const { slot, position, copies } = this.#rows;
    const sequenceAt = (row: number) => (layer * slots + slot[row]!) * positions * width;
    const remember = (row: number, into: number): void => {
      if (into < 0 || into >= slots || position[row]! < 0 || position[row]! >= positions) {
        throw new RangeError(`slot ${into} position ${position[row]} is outside the cache of ${slots} slots x ${positions} positions`);
      }
      const at = ((layer * slots + into) * positions + position[row]!) * width;
      keys.set(newKeys.subarray(row * width, (row + 1) * width), at);
      values.set(newValues.subarray(row * width, (row + 1) * width), at);
    };
    for (let row = 0; row < q.rows; row++) remember(row, slot[row]!);
    copies?.row.forEach((row, i) => remember(row, copies.slot[i]!));
    for (let row = 0; row < q.rows; row++) attendRow(out.values, queries, row * q.cols, keys, values, sequenceAt(row), position[row]!, shape);
    return out;
  }

  siluMul(gate: Activation, up: Activation): Activation {
    const g = this.#valid(gate, up.cols);
    const u = this.#valid(up, gate.cols);
    return this.#each(gate, (i) => silu(g[i]!) * u[i]!);
  }

  gelu(x: Activation, form: 'erf' | 'tanh'): Activation {
    const input = this.#valid(x, x.cols);
    return this.#each(x, form === 'erf' ? (i) => geluErf(input[i]!) : (i) => geluTanh(input[i]!));
  }

  add(a: Activation, b: Activation): Activation {
    const left = this.#valid(a, b.cols);
    const right = this.#valid(b, a.cols);
    return this.#each(a, (i) => left[i]! + right[i]!);
  }

  mul(a: Activation, b: Activation): Activation {
    const left = this.#valid(a, b.cols);
    const right = this.#valid(b, a.cols);
    return this.#each(a, (i) => left[i]! * right[i]!);
  }

  scale(x: Activation, factor: number): Activation {
    const input = this.#valid(x, x.cols);
    const rounded = scaleFactor(factor);
    return this.#each(x, (i) => input[i]! * rounded);
  }

  columns(x: Activation, every: number, first: number, width: number): Activation {
    checkRuns(x.cols, every, first, width);
    const input = this.#valid(x, x.cols);
    const out = this.#make(x.rows, (x.cols / every) * width);
    for (let from = first, to = 0; to < out.values.length; from += every, to += width) out.values.set(input.subarray(from, from + width), to);
    return out;
  }

  take(x: Activation, rows: Int32Array): Activation {
    const input = this.#valid(x, x.cols);
    const out = this.#make(rows.length, x.cols);
    rows.forEach((row, to) => {
      if (row < 0 || row >= x.rows) throw new RangeError(`row ${row} is outside the ${x.rows} rows`);
      out.values.set(input.subarray(row * x.cols, (row + 1) * x.cols), to * x.cols);
    });
    return out;
  }

  async read(x: Activation, what: string, into = new Float32Array(x.rows * x.cols)): Promise<Float32Array<ArrayBuffer>> {
    const values = placeFor(x, into);
    values.set(this.#valid(x, x.cols));
    const bad = values.reduce((count, value) => (Number.isFinite(value) ? count : count + 1), 0);
    if (bad > 0) throw new NotFinite(what, bad);
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
    let kvCache = 0;
    for (const cache of this.#caches) kvCache += 2 * 4 * cache.layers * cache.slots * cache.positions * cache.kvHeads * cache.headDim;
    return { weights: this.#weightBytes, decodedCopies: this.#copiedBytes, tables: this.#tableBytes, kvCache, workspace: this.#workspaceBytes };
  }

  dispose(): void {
    this.#caches.clear();
    this.#weightBytes = this.#copiedBytes = this.#tableBytes = this.#workspaceBytes = 0;
    this.#step++;
  }

  /** A result of as many rows and columns, made row by row from where each begins. */
  #eachRow(x: Activation, cols: number, make: (out: Float32Array, input: Float32Array, at: number) => void): Activation {
    const input = this.#valid(x, cols);
    const out = this.#make(x.rows, x.cols);
    for (let row = 0; row < x.rows; row++) make(out.values, input, row * x.cols);
    return out;
  }

  #make(rows: number, cols: number): Values {
    this.#workspaceBytes += rows * cols * 4;
    return { rows, cols, values: new Float32Array(rows * cols), step: this.#step };
  }

  #each(like: Activation, value: (index: number) => number): Values {
    const out = this.#make(like.rows, like.cols);
    for (let i = 0; i < out.values.length; i++) out.values[i] = value(i);
    return out;
  }

  /** The values of an activation of this step that has `cols` columns. */
  #valid(x: Activation, cols: number): Float32Array<ArrayBuffer> {
    const { values, step } = x as Values;
    if (step !== this.#step) throw new Error('this activation belongs to an earlier step');
    if (x.cols !== cols) throw new RangeError(`an activation of ${x.cols} columns where ${cols} are needed`);
    return values;
  }

  /** rotate and attention know each row's slot and position, so all rows of the step must be there. */
  #perRow(x: Activation): void {
    if (x.rows !== this.#rows.token.length) throw new RangeError(`${x.rows} rows where the step has ${this.#rows.token.length}`);
  }
}

/** out = input w^T + biases, w [out.cols, inFeatures]. */
function product(out: Values, input: Float32Array, w: Float32Array, inFeatures: number, biases: Float32Array | undefined): void {
  for (let row = 0; row < out.rows; row++) {
    for (let o = 0; o < out.cols; o++) {
      const y = dot(w, o * inFeatures, input, row * inFeatures, inFeatures);
      out.values[row * out.cols + o] = biases ? fround(y + biases[o]!) : y;
    }
  }
}

export const reference: Engine = {
  name: 'reference',
  title: 'TypeScript reference',
  rank: 0,
  canonical: true,
  async unavailable() {
    return undefined;
  },
  async open() {
    return { name: 'reference', canonical: true, build: `typescript-${ARITHMETIC_VERSION}`, ops: new ReferenceOps(), statistics: referenceStatistics };
  },
};
