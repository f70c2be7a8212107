/**
 * What an engine that is not exact must keep: each op within a bound of the reference that follows from how it computes. The bound of a
 * product is its unit roundoff times the sum of the magnitudes of all that is added, sum |w x| + |bias| + |residual|: the same computation done
 * by the reference with absolute values of everything. Ops that fuse nothing pass with room; only products and attention need it.
 */
import { formatNamed, formats } from '../formats.ts';
import type { EncodedTensor, Format } from '../formats.ts';
import type { Activation, AttentionShape, Ops, Vector, Weight } from '../ops.ts';
import { input as embedded, table as encodedWeight, testValues } from '../op-cases/case.ts';
import type { OpCase } from '../op-cases/case.ts';
import { Passing } from '../passing.ts';
import { allOrFirst, EngineUnfit, opCases, referenceOf } from '../selftest.ts';
import { ReferenceOps } from './reference.ts';

/** What an engine's products are of, and the largest relative error of a term of one. */
export interface Computes {
  /** In words: 'fp32', 'bf16 products, fp32 sums'. */
  readonly words: string;
  /** Of w x in a product with weights of 4 or 16 bits, and of what is added up. */
  readonly roundoff: number;
  /** Factors and products below it may count as zero. */
  readonly flushed?: number;
}

/** 2^-14. A product of up to a thousand columns fused in any order: (1000 + 2) 2^-24; exp and reciprocals are well within it. */
const FP32_ROUNDOFF = 1 / 16384;

export const FUSED_FP32: Computes = { words: 'fp32, fused', roundoff: FP32_ROUNDOFF };
/** Both factors rounded to 8 bits, 2^-8 each at most: 2 * 2^-8 + 2^-16, and the sum. */
const BF16_ROUNDOFF = 1 / 128 + 1 / 65536 + FP32_ROUNDOFF;
export const BF16_TILES: Computes = { words: 'up to 3 rows, and fp32 weights: fp32, fused; more rows: bf16 products, fp32 sums, and attention to bf16 values', roundoff: BF16_ROUNDOFF };
export const BF16_DOTS: Computes = { words: '4-bit weights, and 16-bit ones with more than 4 rows: bf16 products, fp32 sums; all else: fp32, fused', roundoff: BF16_ROUNDOFF };

/**
 * Both factors rounded to 11 bits, 2^-11 each; 16 products and their sum in fp16, fused or not: 2^-11 for a product and for each sum that it goes through; then fp32.
 * An adapter may take fp16 below 2^-14 for zero: that far may factors and products be off besides.
 */
export const F16_PRODUCTS: Computes = { words: '4-bit weights, and fp16 ones with more than 16 rows: fp16 products, of which up to 16 are summed in fp16, then fp32 sums; all else: fp32, fused', roundoff: 19 / 2048 + FP32_ROUNDOFF, flushed: 1 / 16384 };

/** Below this nothing counts: products of bf16 take denormal numbers for zero. */
const NOTHING = 1e-33;

/** The reference with the magnitudes of all that it is given, each larger by `more`. */
class Magnitudes extends ReferenceOps {
  readonly #magnitude: (value: number) => number;

  constructor(more: number) {
    super();
    this.#magnitude = (value) => Math.abs(value) + more;
  }

  override weight(encoded: EncodedTensor, format: Format): Weight {
    const fp32 = formatNamed('fp32');
    return super.weight(fp32.encode({ name: encoded.name, shape: encoded.shape, values: format.decode(encoded).map(this.#magnitude) }), fp32);
  }

  override vector(values: Float32Array): Vector {
    return super.vector(values.map(this.#magnitude));
  }

  /** (|x| + mean) r |w| + |b|: of |x| - mean next to nothing may be left. Its deviation is at most that of x, so r is at least as large. */
  protected override layerNormRow(out: Float32Array, x: Float32Array, at: number, weight: Float32Array, bias: Float32Array, eps: number): void {
    const row = x.subarray(at, at + weight.length);
    const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
    const r = 1 / Math.sqrt(row.reduce((sum, value) => sum + (value - mean) * (value - mean), 0) / row.length + eps);
    for (let k = 0; k < row.length; k++) out[at + k] = (row[k]! + mean) * r * weight[k]! + bias[k]!;
  }
}

/** A case, and how far each of its elements may be off; by default what its magnitudes allow. */
export interface BoundedCase extends OpCase { readonly bound?: (computes: Computes) => number }

/** The magnitudes of cases with so much more, computed once in a process. */
const magnitudes = new Map<number, WeakMap<OpCase['run'], Promise<Float32Array>>>();

function magnitudesOf({ run }: OpCase, more: number): Promise<Float32Array> {
  const given = magnitudes.get(more) ?? new WeakMap<OpCase['run'], Promise<Float32Array>>();
  magnitudes.set(more, given);
  let values = given.get(run);
  if (values === undefined) given.set(run, (values = run(new Magnitudes(more))));
  return values;
}

let started: readonly BoundedCase[] | undefined;

/** `extent`: of the exact engines' cases, which are tried too. */
export function toleranceCases(extent: 'start' | 'full'): readonly BoundedCase[] {
  // The exact engines' cases of attention have scores of hundreds, which no bound on them would survive; it has its own.
  const cases = (): BoundedCase[] => [...opCases(extent).filter((one) => !one.name.startsWith('attention')), ...productCases(), ...ATTENTION.map(([shape, longest]) => ({
    name: `attention heads ${shape.heads}/${shape.kvHeads} x ${shape.headDim} window ${shape.window}, ${longest} positions`, run: (ops: Ops) => attentionRun(ops, shape, longest), bound: ({ roundoff }: Computes) => attentionBound(shape, roundoff),
  }))];
  return extent === 'full' ? cases() : (started ??= cases());
}

/** Throws EngineUnfit naming the first case that is out of its bound, and as itself what may pass. `fresh` gives an instance for one case, which is disposed after it. `atOnce`: of a device that is waited for. */
export async function toleranceTest(engine: string, computes: Computes, fresh: (one: OpCase) => Ops, cases: readonly BoundedCase[] = toleranceCases('start'), atOnce = false): Promise<void> {
  const judge = async (one: BoundedCase): Promise<void> => {
    const { name, run } = one;
    const expected = await referenceOf(one);
    const bounds = one.bound?.(computes) ?? (await magnitudesOf(one, more)).map((magnitude) => Math.abs(magnitude) * computes.roundoff + NOTHING);
    const ops = fresh(one);
    try {
      const actual = await run(ops);
      const at = firstOutside(expected, actual, bounds);
      if (at !== undefined) throw new EngineUnfit(engine, `${name}: element ${at} is ${actual[at]}, not ${expected[at]} within ${boundAt(bounds, at)}`);
    } catch (error) {
      throw error instanceof EngineUnfit || error instanceof Passing ? error : new EngineUnfit(engine, `${name}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      ops.dispose();
    }
  };
  // roundoff (|x| + more) (|w| + more) is at least what is lost of x, of w and of their product, where each may be taken for zero.
  const more = Math.sqrt((computes.flushed ?? 0) / computes.roundoff);
  if (atOnce) await allOrFirst(cases.map(judge));
  else for (const one of cases) await judge(one);
}

function boundAt(bounds: Float32Array | number, at: number): number {
  return typeof bounds === 'number' ? bounds : bounds[at]!;
}

/** Index of the first value that is farther from what it should be than its bound, or is not a number. */
export function firstOutside(expected: Float32Array, actual: Float32Array, bounds: Float32Array | number): number | undefined {
  if (expected.length !== actual.length) return Math.min(expected.length, actual.length);
  const at = expected.findIndex((value, index) => !(Math.abs(actual[index]! - value) <= boundAt(bounds, index)));
  return at < 0 ? undefined : at;
}

/** Rows for one register, for some and for more than a tile; outputs that fill no panel; several pieces of columns; whole runs of the largest pieces. */
function productCases(): OpCase[] {
  const shapes = [[1, 40, 192], [3, 17, 128], [37, 33, 192], [18, 17, 704], [2, 21, 512]] as const;
  return formats.flatMap(({ name }) => shapes.map(([rows, outFeatures, inFeatures], index): OpCase => ({
    name: `linear ${name} [${rows}, ${inFeatures}] x [${outFeatures}, ${inFeatures}]`,
    async run(ops) {
      const x = embedded(ops, rows, inFeatures, testValues(300 + index, rows * inFeatures));
      const w = encodedWeight(ops, name, outFeatures, inFeatures, testValues(310 + index, outFeatures * inFeatures, 0.05));
      const bias = ops.vector(testValues(320, outFeatures));
      return ops.read(ops.linear(x, w, bias, ops.linear(x, w)), 'linear');
    },
  })));
}

/** With so many positions; of the last one more than a workgroup of any GPU's kernel has threads. */
const ATTENTION: readonly (readonly [AttentionShape, number])[] = [
  [{ heads: 6, kvHeads: 2, headDim: 64, window: 0 }, 72],
  [{ heads: 3, kvHeads: 1, headDim: 20, window: 7 }, 72],
  [{ heads: 2, kvHeads: 2, headDim: 130, window: 66 }, 72],
  [{ heads: 2, kvHeads: 1, headDim: 8, window: 0 }, 301],
];

/** Queries, keys and values within +-1.1, so that scores are of some units. */
function smallValues(seed: number, length: number): Float32Array {
  return testValues(seed, length).map((value) => value / 8);
}

/** Largest |value| that smallValues() gives: (2 + 6) / 8, and a little. */
const SMALL = 1.001;

/**
 * Scores differ by d = roundoff * headDim * SMALL^2 / sqrt(headDim) at most, so weights by a factor e^(2d) <= 1 + 2.5 d for d <= 0.2; an output is
 * an average of values within SMALL, each rounded once more.
 */
function attentionBound({ headDim }: AttentionShape, roundoff: number): number {
  return SMALL * (2.5 * roundoff * Math.sqrt(headDim) * SMALL * SMALL + 2 * roundoff);
}

/** A sequence of all rows but two, one of 5 in the middle of it; then single rows of both. */
async function attentionRun(ops: Ops, shape: AttentionShape, longest: number): Promise<Float32Array> {
  const cache = ops.kvCache(1, 2, longest + 8, shape.kvHeads, shape.headDim);
  const most = longest - 2;
  const sequence = (slot: number, from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ slot, position: from + i }));
  const results: Float32Array[] = [];
  for (const [step, rows] of [[...sequence(0, 0, 37), ...sequence(1, 0, 5), ...sequence(0, 37, most)], [...sequence(1, 5, 6), ...sequence(0, most, longest)]].entries()) {
    ops.begin({ slot: Int32Array.from(rows, ({ slot }) => slot), position: Int32Array.from(rows, ({ position }) => position), token: Int32Array.from(rows.keys()) });
    const looked = (seed: number, heads: number): Activation => ops.embed(encodedWeight(ops, 'fp32', rows.length, heads * shape.headDim, smallValues(seed, rows.length * heads * shape.headDim)));
    const out = ops.attention(looked(330 + step, shape.heads), looked(340 + step, shape.kvHeads), looked(350 + step, shape.kvHeads), cache, 0, shape);
    results.push(await ops.read(out, 'attention'));
  }
  ops.freeCache(cache);
  const all = new Float32Array(results.reduce((length, one) => length + one.length, 0));
  results.reduce((at, one) => (all.set(one, at), at + one.length), 0);
  return all;
}
