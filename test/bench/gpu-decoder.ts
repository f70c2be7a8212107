/**
 * A decoder of a real model's shape with weights that mean nothing, straight over Ops: what a step costs a GPU. Weights are a few random rows again and again, brought to the
 * GPU for every layer, so that a model of 7 billion parameters is there in seconds and the GPU reads all of it.
 */
import { encodedBytes, formatNamed } from '../../kernels/index.ts';
import type { EncodedTensor, KvCache, Ops, Rotary, Rows, Vector, Weight } from '../../kernels/index.ts';
import { rotaryTables } from '../../kernels/rotary.ts';
import { randomValues } from './random-model.ts';

export interface DecoderShape {
  readonly name: string;
  readonly layers: number;
  readonly hidden: number;
  readonly inner: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly vocabulary: number;
}

/** Llama 2 7B (arXiv 2307.09288). */
export const SEVEN_B: DecoderShape = { name: 'the shape of Llama 2 7B', layers: 32, hidden: 4096, inner: 11008, heads: 32, kvHeads: 32, vocabulary: 32000 };
/** Llama 2 70B (arXiv 2307.09288), with so many of its 80 layers as a card has memory for. */
export const SEVENTY_B: DecoderShape = { name: '16 layers of the shape of Llama 2 70B', layers: 16, hidden: 8192, inner: 28672, heads: 64, kvHeads: 8, vocabulary: 32000 };

const PATTERN_ROWS = 64;
const POSITIONS = 1024;

/** A weight of random rows, PATTERN_ROWS of them again and again. */
export function patterned(format: string, rows: number, columns: number): EncodedTensor {
  const own = Math.min(rows, PATTERN_ROWS);
  const some = formatNamed(format).encode({ name: 'weight', shape: [own, columns], values: randomValues(2, own * columns, 1 / Math.sqrt(columns)) });
  const repeated = <T extends Uint8Array | Int8Array | Uint16Array | Float32Array>(part: T): T => {
    const all = new (part.constructor as new (length: number) => T)((part.length / own) * rows);
    for (let at = 0; at < all.length; at += part.length) all.set(part.subarray(0, Math.min(part.length, all.length - at)) as never, at);
    return all;
  };
  return { ...some, shape: [rows, columns], parts: Object.fromEntries(Object.entries(some.parts).map(([name, part]) => [name, repeated(part)])) };
}

interface Layer { readonly norms: readonly [Vector, Vector]; readonly q: Weight; readonly k: Weight; readonly v: Weight; readonly o: Weight; readonly gate: Weight; readonly up: Weight; readonly down: Weight }

export class BenchDecoder {
  readonly #ops: Ops;
  readonly #shape: DecoderShape;
  readonly #headDim: number;
  readonly #layers: Layer[] = [];
  readonly #embedding: Weight;
  readonly #last: Vector;
  readonly #rotary: Rotary;
  readonly #cache: KvCache;
  /** That a step of one row reads of weights. */
  readonly weightBytes: number;

  constructor(ops: Ops, shape: DecoderShape, format: string) {
    this.#ops = ops;
    this.#shape = shape;
    const { hidden, inner, heads, kvHeads, vocabulary, layers } = shape;
    this.#headDim = hidden / heads;
    let bytes = 0;
    const made = new Map<string, EncodedTensor>();
    const weight = (rows: number, columns: number, own = format): Weight => {
      const key = `${own} ${rows} ${columns}`;
      const encoded = made.get(key) ?? patterned(own, rows, columns);
      made.set(key, encoded);
      bytes += encodedBytes(encoded);
      return ops.weight(encoded, formatNamed(own));
    };
    const ones = (): Vector => ops.vector(new Float32Array(hidden).fill(1));
    for (let i = 0; i < layers; i++) {
      this.#layers.push({
        norms: [ones(), ones()], q: weight(hidden, hidden), k: weight(kvHeads * this.#headDim, hidden), v: weight(kvHeads * this.#headDim, hidden), o: weight(hidden, hidden),
        gate: weight(inner, hidden), up: weight(inner, hidden), down: weight(hidden, inner),
      });
    }
    // Tied to the head, which is not quantized.
    this.#embedding = weight(vocabulary, hidden, 'fp16');
    this.weightBytes = bytes;
    this.#last = ones();
    const { cos, sin } = rotaryTables(10000, this.#headDim, POSITIONS);
    this.#rotary = ops.rotary(cos, sin, POSITIONS, this.#headDim / 2);
    this.#cache = ops.kvCache(layers, 1, POSITIONS, kvHeads, this.#headDim);
  }

  /** Logits of the last of `count` tokens of one sequence from `position` on. */
  async step(position: number, count: number): Promise<Float32Array> {
    const ops = this.#ops;
    const { heads, kvHeads } = this.#shape;
    const each = Int32Array.from({ length: count }, (_, i) => position + i);
    const rows: Rows = { slot: new Int32Array(count), position: each, token: each };
    ops.begin(rows);
    let x = ops.embed(this.#embedding);
    for (const [index, { norms, q, k, v, o, gate, up, down }] of this.#layers.entries()) {
      const n = ops.rmsNorm(x, norms[0], 1e-5);
      const [queries, keys, values] = [ops.linear(n, q), ops.linear(n, k), ops.linear(n, v)];
      const attended = ops.attention(ops.rotate(queries, this.#rotary, this.#headDim), ops.rotate(keys, this.#rotary, this.#headDim), values, this.#cache, index, { heads, kvHeads, headDim: this.#headDim, window: 0 });
      x = ops.linear(attended, o, undefined, x);
      const m = ops.rmsNorm(x, norms[1], 1e-5);
      x = ops.linear(ops.siluMul(ops.linear(m, gate), ops.linear(m, up)), down, undefined, x);
    }
    const last = count === 1 ? x : ops.take(x, Int32Array.of(count - 1));
    return ops.read(ops.linear(ops.rmsNorm(last, this.#last, 1e-5), this.#embedding), 'logits');
  }
}
