/**
 * The contract between model code and engines: a small set of ops on opaque tensors.
 *
 * forward() (kernels/models/*) is written once per architecture over Ops. The reference engine executes an op at once, others
 * append it to a program (a native call, a GPU command encoder). Only read() is asynchronous.
 *
 * Every activation is fp32, row-major [rows, cols]; a row is one token of one sequence. A row's result never depends
 * on its neighbours (docs/arithmetic.md), so prefill, decode and mixed batches agree bit for bit.
 */
import type { Format, EncodedTensor } from './formats.ts';

/** An activation [rows, cols], owned by the engine; valid until the engine's next `begin()`. */
export interface Activation { readonly rows: number; readonly cols: number }

/** A weight matrix [outFeatures, inFeatures] held by the engine in whatever layout it likes. */
export interface Weight { readonly outFeatures: number; readonly inFeatures: number; readonly format: string }

/** A vector (norm weight, bias) held by the engine. */
export interface Vector { readonly length: number }

/** cos and sin tables [positions, headDim / 2] held by the engine (kernels/rotary.ts makes them on the host). */
export interface Rotary { readonly positions: number; readonly halfDim: number }

/** Keys and values, fp32, [layers][slots][positions][kvHeads][headDim] each. A slot is one sequence. */
export interface KvCache { readonly layers: number; readonly slots: number; readonly positions: number; readonly kvHeads: number; readonly headDim: number }

/** What each row of a step is: which sequence, which absolute position, which token. All of equal length. */
export interface Rows {
  readonly slot: Int32Array;
  readonly position: Int32Array;
  readonly token: Int32Array;
  /** Sequences that begin alike are read once: these rows count as fed to these slots too. */
  readonly copies?: RowCopies;
}

/** Row row[i] of the step (ascending), in slot[i] besides its own; its position is the same there. */
export interface RowCopies { readonly row: Int32Array; readonly slot: Int32Array }

/** What a token is drawn with (sampler.ts), one of each for a row of logits. */
export interface Draws {
  /** fp32; 0: greedy. */
  readonly temperature: Float32Array;
  /** 0: all tokens. */
  readonly topK: Int32Array;
  /** The bits of 32-bit numbers. */
  readonly promptKey: Int32Array;
  readonly seed: Int32Array;
  /** Absolute position of the new token. */
  readonly position: Int32Array;
}

export interface AttentionShape { readonly heads: number; readonly kvHeads: number; readonly headDim: number; /** keys older than this many positions are masked; 0: no window */ readonly window: number }

/** Bytes held: weights in their own format (and vectors), weights held as decoded fp32 copies, tables, keys and values, activations of the step. */
export interface MemoryUse {
  readonly weights: number;
  readonly decodedCopies: number;
  readonly tables: number;
  readonly kvCache: number;
  readonly workspace: number;
}

export interface Ops {
  // ---- loading; each counts into memory() ----
  weight(encoded: EncodedTensor, format: Format): Weight;
  vector(values: Float32Array): Vector;
  rotary(cos: Float32Array, sin: Float32Array, positions: number, halfDim: number): Rotary;
  kvCache(layers: number, slots: number, positions: number, kvHeads: number, headDim: number): KvCache;
  /** Gives the memory of a cache back. */
  freeCache(cache: KvCache): void;

  // ---- one step: begin, ops, read ----
  /** Starts a step: activations of the step before become invalid. */
  begin(rows: Rows): void;
  /**
   * Starts a step whose ops, up to the one that made `result`, are those of the step before with other slots, positions and tokens: its activations up to `result` are this
   * step's. For engines that record ops; false where that cannot be (other numbers of rows, rows that are copied), and the step must begin and be recorded anew.
   * Slots, positions and tokens must be such as the step before allowed: who asks has checked them.
   */
  again?(rows: Rows, result: Activation): boolean;
  /** Rows of `table` for the step's tokens. The table's format has product `weights`. */
  embed(table: Weight): Activation;
  /** x * rsqrt(mean(x^2) + eps) * weight */
  rmsNorm(x: Activation, weight: Vector, eps: number): Activation;
  layerNorm(x: Activation, weight: Vector, bias: Vector, eps: number): Activation;
  /** rmsNorm of every head alone: of each run of weight.length columns, which must divide x.cols. */
  headNorm(x: Activation, weight: Vector, eps: number): Activation;
  /** x . w^T (+ bias) (+ residual), in that order of addition. llm-int8 throws NotFinite for activations beyond fp16. */
  linear(x: Activation, w: Weight, bias?: Vector, residual?: Activation): Activation;
  /** Rotary embedding, "half" layout (x[i], x[i + headDim/2]), of each row at its position; only the first 2 * halfDim of each head turn. */
  rotate(x: Activation, rotary: Rotary, headDim: number): Activation;
  /** Stores k and v of every row at (layer, slot, position) and in the slots of its copies, then each row attends to its slot's positions 0..own. Returns [rows, heads * headDim]. */
  attention(q: Activation, k: Activation, v: Activation, cache: KvCache, layer: number, shape: AttentionShape): Activation;
  /** silu(gate) * up */
  siluMul(gate: Activation, up: Activation): Activation;
  gelu(x: Activation, form: 'erf' | 'tanh'): Activation;
  add(a: Activation, b: Activation): Activation;
  mul(a: Activation, b: Activation): Activation;
  /** x times fl32(factor), a number above 0. */
  scale(x: Activation, factor: number): Activation;
  /** Of each run of `every` columns (which divides x.cols) those from `first`, `width` of them, side by side: a part of a fused matrix's product. */
  columns(x: Activation, every: number, first: number, width: number): Activation;
  /** Keeps only these rows (indices into the step's rows, ascending; a row may be there more than once, and there may be none). */
  take(x: Activation, rows: Int32Array): Activation;
  /**
   * Copies an activation out: [rows * cols], into `into` where it is given, which must have that length. Checks it is finite; throws
   * NotFinite naming `what` otherwise.
   */
  read(x: Activation, what: string, into?: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>>;

  /** Draws one token for each row of logits, as sampler.ts states it, and copies out these alone. Checks the logits as read() does. */
  sample(logits: Activation, draws: Draws, what: string): Promise<Int32Array<ArrayBuffer>>;

  /** Bytes that the engine holds now, exactly counted. */
  memory(): MemoryUse;
  /** Gives everything back. */
  dispose(): void;
}

/** Throws RangeError unless columns() and headNorm() can cut rows of `cols` columns so. */
export function checkRuns(cols: number, every: number, first = 0, width = every): void {
  const whole = [every, first, width].every(Number.isInteger);
  if (whole && every >= 1 && cols % every === 0 && first >= 0 && width >= 1 && first + width <= every) return;
  throw new RangeError(`${cols} columns cannot be cut into runs of ${every} with ${width} columns from ${first} in each`);
}

/** fl32(factor); throws RangeError unless it is above 0: rows are padded with +0, which it must leave so. */
export function scaleFactor(factor: number): number {
  const rounded = Math.fround(factor);
  if (rounded > 0 && Number.isFinite(rounded)) return rounded;
  throw new RangeError(`a factor of ${factor}; it must be a number above 0`);
}

/** `into`, held to the length that read(x) needs. */
export function placeFor({ rows, cols }: Activation, into: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  if (into.length !== rows * cols) throw new RangeError(`${into.length} values cannot take an activation of ${rows} x ${cols}`);
  return into;
}

/** A value that is not finite where none may be. */
export class NotFinite extends Error {
  readonly what: string;
  readonly count: number;
  constructor(what: string, count: number) {
    super(`${what} has ${count} value${count === 1 ? '' : 's'} that are not finite`);
    this.name = 'NotFinite';
    this.what = what;
    this.count = count;
  }
}
