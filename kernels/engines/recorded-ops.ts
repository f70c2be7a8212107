/**
 * Ops that are recorded and run by a device in one call, when something is read.
 *
 * Activations are numbers until then. The run knows the whole program, so it gives each activation a place in the workspace for
 * as long as it is needed: a step takes the memory of its widest point, not of all its ops. Whoever asks afterwards for an
 * activation whose place was given away (a test; the search for the op whose result was the first not to be finite) makes the step
 * run again with nothing given away. That is sound because a step's ops are functions of what came before it.
 */
import { DOT_BLOCK } from '../arithmetic.ts';
import type { EncodedTensor, Format } from '../formats.ts';
import { checkRuns, NotFinite, placeFor, scaleFactor } from '../ops.ts';
import type { Activation, AttentionShape, Draws, KvCache, MemoryUse, Ops, Rotary, Rows, Vector, Weight } from '../ops.ts';
import type { Device } from './device.ts';
import { familyOf } from './families.ts';
import { AT, LINE_BYTES, OPCODE, SAMPLE_WORDS, WORDS } from './program.ts';
import type { Refusal } from './program.ts';
import { Placement } from './placement.ts';

/** `id`: the op of the step that makes it; `step` tells those of an earlier step apart, which are invalid; `lists`: how long the lists were by then. */
interface Recorded extends Activation { readonly id: number; readonly step: number; readonly lists: number }
interface Held { readonly handle: number }
type HeldWeight = Weight & Held & { readonly product: Format['product'] };

const realBits = new Float32Array(1);
const intBits = new Int32Array(realBits.buffer);

/** The bits of an fp32, as a word of a program. */
function bitsOf(value: number): number {
  realBits[0] = value;
  return intBits[0]!;
}

export class RecordedOps implements Ops {
  readonly #device: Device;
  readonly #caches = new Set<KvCache>();
  #disposed = false;
  #step = 0;
  #rows: Rows = { slot: new Int32Array(), position: new Int32Array(), token: new Int32Array() };
  /** Where the step's slots, positions and tokens lie in the lists. */
  #rowLists = { slot: 0, position: 0, token: 0 };
  /** Likewise the slots and positions of the rows' copies, where there are some. */
  #copyLists = { slot: 0, position: 0 };

  /** Words of the step's ops, with activations named by the op that makes them. */
  #words = new Int32Array(64 * WORDS);
  #ops = 0;
  #lists = new Int32Array(1024);
  #listLength = 0;

  readonly #placement = new Placement();
  /** How many ops the last run had. */
  #ran = 0;
  #refusal: Refusal | undefined;

  constructor(device: Device) {
    this.#device = device;
  }

  weight(encoded: EncodedTensor, format: Format): Weight {
    const family = familyOf(encoded, format);
    const { outFeatures, inFeatures } = family;
    const weight: HeldWeight = { outFeatures, inFeatures, format: format.name, product: format.product, handle: this.#live.weight(family) };
    return weight;
  }

  vector(values: Float32Array): Vector {
    const vector: Vector & Held = { length: values.length, handle: this.#live.vector(values) };
    return vector;
  }

  rotary(cos: Float32Array, sin: Float32Array, positions: number, halfDim: number): Rotary {
    if (cos.length !== positions * halfDim || sin.length !== cos.length) throw new RangeError(`rotary tables must hold ${positions} x ${halfDim} values`);
    const rotary: Rotary & Held = { positions, halfDim, handle: this.#live.rotary(cos, sin, positions, halfDim) };
    return rotary;
  }

  kvCache(layers: number, slots: number, positions: number, kvHeads: number, headDim: number): KvCache {
    const cache: KvCache & Held = { layers, slots, positions, kvHeads, headDim, handle: this.#live.kvCache(layers, slots, positions, kvHeads, headDim) };
    this.#caches.add(cache);
    return cache;
  }

  freeCache(cache: KvCache): void {
    if (this.#caches.delete(cache)) this.#live.freeCache(handleOf(cache));
  }

  begin(rows: Rows): void {
    const count = rows.token.length;
    if (rows.slot.length !== count || rows.position.length !== count) throw new RangeError('slot, position and token must have equal length');
    this.#rows = rows;
    this.#step++;
    this.#ops = this.#ran = this.#listLength = 0;
    this.#refusal = undefined;
    this.#placement.forget();
    this.#rowLists = { slot: this.#list(rows.slot), position: this.#list(rows.position), token: this.#list(rows.token) };
    const { copies } = rows;
    if (copies) this.#copyLists = { slot: this.#list(copies.slot), position: this.#list(copies.row.map((row) => rows.position[row]!)) };
  }

  again(rows: Rows, result: Activation): boolean {
    const { id, step, lists } = result as Recorded;
    const count = rows.token.length;
    if (step !== this.#step || this.#rows.token.length !== count || rows.slot.length !== count || rows.position.length !== count || rows.copies !== undefined || this.#rows.copies !== undefined) return false;
    this.#rows = rows;
    this.#ops = id + 1;
    this.#listLength = lists;
    this.#ran = 0;
    this.#refusal = undefined;
    this.#lists.set(rows.slot, this.#rowLists.slot);
    this.#lists.set(rows.position, this.#rowLists.position);
    this.#lists.set(rows.token, this.#rowLists.token);
    return true;
  }

  embed(table: Weight): Activation {
    const { inFeatures, outFeatures, product } = table as HeldWeight;
    if (product !== 'weights') throw new Error(`rows of an ${table.format} matrix cannot be looked up`);
    for (const token of this.#rows.token) {
      if (token < 0 || token >= outFeatures) throw new RangeError(`token ${token} is outside the vocabulary of ${outFeatures}`);
    }
    const at = this.#op(OPCODE.embed, -1, -1, this.#rows.token.length, inFeatures, handleOf(table));
    this.#words[at + AT.a0] = this.#rowLists.token;
    return this.#made(this.#rows.token.length, inFeatures);
  }

  rmsNorm(x: Activation, weight: Vector, eps: number): Activation {
    const at = this.#op(OPCODE.rmsNorm, this.#valid(x, weight.length), -1, x.rows, x.cols, handleOf(weight));
    this.#words[at + AT.f0] = bitsOf(1 / x.cols);
    this.#words[at + AT.f1] = bitsOf(eps);
    return this.#made(x.rows, x.cols);
  }

  layerNorm(x: Activation, weight: Vector, bias: Vector, eps: number): Activation {
    const at = this.#op(OPCODE.layerNorm, this.#valid(x, weight.length), -1, x.rows, x.cols, handleOf(weight), handleOf(bias));
    this.#words[at + AT.f0] = bitsOf(1 / x.cols);
    this.#words[at + AT.f1] = bitsOf(eps);
    return this.#made(x.rows, x.cols);
  }

  headNorm(x: Activation, weight: Vector, eps: number): Activation {
    checkRuns(x.cols, weight.length);
    const at = this.#op(OPCODE.headNorm, this.#valid(x, x.cols), -1, x.rows, x.cols, handleOf(weight));
    this.#words[at + AT.a1] = weight.length;
    this.#words[at + AT.f0] = bitsOf(1 / weight.length);
    this.#words[at + AT.f1] = bitsOf(eps);
    return this.#made(x.rows, x.cols);
  }

  linear(x: Activation, w: Weight, bias?: Vector, residual?: Activation): Activation {
    const { inFeatures, outFeatures } = w;
    const added = residual ? this.#valid(residual, outFeatures) : -1;
    const at = this.#op(OPCODE.linear, this.#valid(x, inFeatures), added, x.rows, inFeatures, handleOf(w), bias ? handleOf(bias) : -1);
    this.#words[at + AT.a0] = outFeatures;
    return this.#made(x.rows, outFeatures);
  }

  rotate(x: Activation, rotary: Rotary, headDim: number): Activation {
    const { halfDim, positions } = rotary;
    const from = this.#valid(x, x.cols);
    this.#perRow(x);
    for (const position of this.#rows.position) {
      if (position < 0 || position >= positions) throw new RangeError(`position ${position} is outside the rotary table of ${positions}`);
    }
    const at = this.#op(OPCODE.rotate, from, -1, x.rows, x.cols, handleOf(rotary));
    this.#words[at + AT.a0] = this.#rowLists.position;
    this.#words[at + AT.a1] = headDim;
    this.#words[at + AT.a2] = halfDim;
    return this.#made(x.rows, x.cols);
  }

  attention(q: Activation, k: Activation, v: Activation, cache: KvCache, layer: number, shape: AttentionShape): Activation {
    const { slots, positions, kvHeads, headDim } = cache;
    if (!this.#caches.has(cache)) throw new Error('this cache was given back');
    const queries = this.#valid(q, shape.heads * headDim);
    const keys = this.#valid(k, kvHeads * headDim);
    const values = this.#valid(v, kvHeads * headDim);
    this.#perRow(q);
    const { slot, position, copies } = this.#rows;
    const demand = (row: number, into: number): void => {
      if (into < 0 || into >= slots || position[row]! < 0 || position[row]! >= positions) {
        throw new RangeError(`slot ${into} position ${position[row]} is outside the cache of ${slots} slots x ${positions} positions`);
      }
    };
    for (let row = 0; row < q.rows; row++) demand(row, slot[row]!);
    copies?.row.forEach((row, i) => demand(row, copies.slot[i]!));
    const remember = (x: number, y: number, rows: number, lists: { readonly slot: number; readonly position: number }): void => {
      const at = this.#op(OPCODE.remember, x, y, rows, k.cols, handleOf(cache));
      this.#words[at + AT.a0] = lists.slot;
      this.#words[at + AT.a1] = lists.position;
      this.#words[at + AT.a2] = layer;
    };
    remember(keys, values, k.rows, this.#rowLists);
    if (copies) remember(this.#valid(this.take(k, copies.row), k.cols), this.#valid(this.take(v, copies.row), k.cols), copies.row.length, this.#copyLists);
    const at = this.#op(OPCODE.attend, queries, -1, q.rows, q.cols, handleOf(cache));
    this.#words[at + AT.a0] = this.#rowLists.slot;
    this.#words[at + AT.a1] = this.#rowLists.position;
    this.#words[at + AT.a2] = layer;
    this.#words[at + AT.a3] = shape.heads;
    this.#words[at + AT.a4] = shape.window;
    this.#words[at + AT.f0] = bitsOf(1 / Math.sqrt(headDim));
    return this.#made(q.rows, q.cols);
  }

  siluMul(gate: Activation, up: Activation): Activation {
    return this.#pair(OPCODE.siluMul, gate, up);
  }

  gelu(x: Activation, form: 'erf' | 'tanh'): Activation {
    const at = this.#op(OPCODE.gelu, this.#valid(x, x.cols), -1, x.rows, x.cols);
    this.#words[at + AT.a0] = form === 'erf' ? 1 : 0;
    return this.#made(x.rows, x.cols);
  }

  add(a: Activation, b: Activation): Activation {
    return this.#pair(OPCODE.add, a, b);
  }

  mul(a: Activation, b: Activation): Activation {
    return this.#pair(OPCODE.mul, a, b);
  }

  scale(x: Activation, factor: number): Activation {
    const rounded = scaleFactor(factor);
    const at = this.#op(OPCODE.scale, this.#valid(x, x.cols), -1, x.rows, x.cols);
    this.#words[at + AT.f0] = bitsOf(rounded);
    return this.#made(x.rows, x.cols);
  }

  columns(x: Activation, every: number, first: number, width: number): Activation {
    checkRuns(x.cols, every, first, width);
    const at = this.#op(OPCODE.columns, this.#valid(x, x.cols), -1, x.rows, x.cols);
    this.#words[at + AT.a1] = every;
    this.#words[at + AT.a2] = first;
    this.#words[at + AT.a3] = width;
    return this.#made(x.rows, (x.cols / every) * width);
  }

  take(x: Activation, rows: Int32Array): Activation {
    for (const row of rows) if (row < 0 || row >= x.rows) throw new RangeError(`row ${row} is outside the ${x.rows} rows`);
    const at = this.#op(OPCODE.take, this.#valid(x, x.cols), -1, rows.length, x.cols);
    this.#words[at + AT.a0] = this.#list(rows);
    return this.#made(rows.length, x.cols);
  }

  async read(x: Activation, what: string, into = new Float32Array(x.rows * x.cols)): Promise<Float32Array<ArrayBuffer>> {
    const values = placeFor(x, into);
    const id = this.#valid(x, x.cols);
    const refusal = this.#run(id);
    if (refusal instanceof Promise) this.#refusal = await refusal;
    const notFinite = await this.#live.floats(this.#result(id, what), x.rows, x.cols, values);
    if (notFinite > 0) throw new NotFinite(what, notFinite);
    return values;
  }

  async sample(logits: Activation, draws: Draws, what: string): Promise<Int32Array<ArrayBuffer>> {
    const from = this.#valid(logits, logits.cols);
    const list = new Int32Array(logits.rows * SAMPLE_WORDS);
    for (let row = 0, at = 0; row < logits.rows; row++, at += SAMPLE_WORDS) {
      list[at] = bitsOf(draws.temperature[row]!);
      list[at + 1] = draws.topK[row]!;
      list[at + 2] = draws.promptKey[row]!;
      list[at + 3] = draws.seed[row]!;
      list[at + 4] = draws.position[row]!;
    }
    const at = this.#op(OPCODE.sample, from, -1, logits.rows, logits.cols);
    this.#words[at + AT.a0] = this.#list(list);
    this.#placement.make(this.#ops - 1, Math.ceil((logits.rows * 4) / LINE_BYTES));
    const id = this.#ops - 1;
    const refusal = this.#run(id);
    if (refusal instanceof Promise) this.#refusal = await refusal;
    const tokens = await this.#live.integers(this.#result(id, what), logits.rows);
    const bad = tokens.reduce((count, token) => (token < 0 ? count - 1 - token : count), 0);
    if (bad > 0) throw new NotFinite(what, bad);
    return tokens;
  }

  memory(): MemoryUse {
    return this.#disposed ? { weights: 0, decodedCopies: 0, tables: 0, kvCache: 0, workspace: 0 } : this.#device.memory();
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#caches.clear();
    this.#device.dispose();
  }

  get #live(): Device {
    if (this.#disposed) throw new Error('this engine instance was disposed');
    return this.#device;
  }

  /** Appends an op; returns where its words begin. */
  #op(code: number, x: number, y: number, rows: number, cols: number, handle = -1, handle2 = -1): number {
    const at = this.#ops++ * WORDS;
    if (at + WORDS > this.#words.length) this.#words = grown(this.#words, at + WORDS);
    const words = this.#words;
    words[at] = code;
    words[at + AT.x] = x;
    words[at + AT.y] = y;
    words[at + AT.handle] = handle;
    words[at + AT.handle2] = handle2;
    words[at + AT.rows] = rows;
    words[at + AT.cols] = cols;
    return at;
  }

  /** Appends integers to the lists; returns where they begin. */
  #list(values: Int32Array): number {
    const at = this.#listLength;
    if (at + values.length > this.#lists.length) this.#lists = grown(this.#lists, at + values.length);
    this.#lists.set(values, at);
    this.#listLength += values.length;
    return at;
  }

  /** The result of the op appended last. */
  #made(rows: number, cols: number): Recorded {
    const id = this.#ops - 1;
    this.#placement.make(id, rows * linesOf(cols));
    return { rows, cols, id, step: this.#step, lists: this.#listLength };
  }

  #pair(code: number, a: Activation, b: Activation): Recorded {
    const left = this.#valid(a, b.cols);
    const right = this.#valid(b, a.cols);
    if (a.rows !== b.rows) throw new RangeError(`activations of ${a.rows} and ${b.rows} rows where equal numbers are needed`);
    this.#op(code, left, right, a.rows, a.cols);
    return this.#made(a.rows, a.cols);
  }

  /** Runs what was not run yet, so that the result of op `id` can be read. A device that answers later: a promise of its refusal. */
  #run(id: number): Promise<Refusal | undefined> | undefined {
    if (this.#ran > id && this.#placement.has(id)) return undefined;
    // Something of an earlier run of this step is asked for: now everything stays.
    const { words, lines } = this.#placement.place(this.#words, this.#ops, id, this.#ran > 0);
    const result = { line: this.#placement.lineOf(id), lines: this.#placement.linesOf(id) };
    const answer = this.#live.run({ words, ops: this.#ops, lists: this.#lists, listLength: this.#listLength, lines, result });
    this.#ran = this.#ops;
    if (answer instanceof Promise) return answer;
    this.#refusal = answer;
    return undefined;
  }

  /** The line of a result that is there. */
  #result(id: number, what: string): number {
    if (this.#refusal !== undefined && this.#refusal.op <= id) throw new NotFinite(`${what}: int8: a row of activations rounded to fp16`, this.#refusal.count);
    return this.#placement.lineOf(id);
  }

  /** The number of an activation of this step that has `cols` columns. */
  #valid(x: Activation, cols: number): number {
    const { id, step } = x as Recorded;
    if (step !== this.#step) throw new Error('this activation belongs to an earlier step');
    if (x.cols !== cols) throw new RangeError(`an activation of ${x.cols} columns where ${cols} are needed`);
    return id;
  }

  /** rotate and attention know each row's slot and position, so all rows of the step must be there. */
  #perRow(x: Activation): void {
    if (x.rows !== this.#rows.token.length) throw new RangeError(`${x.rows} rows where the step has ${this.#rows.token.length}`);
  }
}

function handleOf(held: object): number {
  return (held as Held).handle;
}

/** Lines of a padded row. */
function linesOf(cols: number): number {
  return Math.ceil(cols / DOT_BLOCK) * (DOT_BLOCK * 4 / LINE_BYTES);
}

function grown(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(length, 2 * array.length));
  larger.set(array);
  return larger;
}
