/**
 * Statistics of rows of logits: what scoring keeps of a model's distributions.
 *
 * A row is the `vocabulary` fp32 logits z of one position, all finite; `max` is its largest, the lower id where several are. Every number
 * is computed in float64 from fp32 logits, each sum in token-id order from +0, with
 *   e(z) = e^((z - max) * beta)   the row exponential of statistics/softmax.ts; beta = 1 / temperature
 *   sum  = sum_v e(z_v)
 *   lse  = max + log64(sum)       at beta 1
 * One rounding an operation, in the order in which the formulas below are written: statistics/reference.ts states them in code, and every
 * other implementation gives its bits. What is independent (temperatures, rows) may be computed side by side; the terms of a sum may not.
 *
 * Arrays that hold several rows hold one after the other; the number of rows is that of the first array named. All results are nats,
 * masses or token ids. Arrays of a wrong length are a RangeError.
 */

/** One point of the sampler's grid: softmax(z / temperature) over the topK largest logits, 0: all. Temperature 0 is greedy whatever topK is. */
export interface SamplingPoint { readonly temperature: number; readonly topK: number }

/** Rows of one model, and what is to be known of each alone. */
export interface RowScores {
  readonly logits: Float32Array;
  /** lse - z[token]: -log p(token). */
  readonly nll: Float64Array;
  /** log64(sum) + sum_v p_v (max - z_v), p_v = e(z_v) * (1 / sum). */
  readonly entropy: Float64Array;
  /** The most probable token. */
  readonly top1: Int32Array;
}

/** Rows of a format of that model. */
export interface ComparedScores extends RowScores {
  /** sum_v p_base,v (z_base,v - z_v + (lse - lse_base)), KL(base || format). */
  readonly kl: Float64Array;
}

/** Of the base: what each row in turn is added to, by point; nothing is added where topK is above 0. */
export interface BaseSums {
  /** As RowScores says, at the point's temperature: log64(sum) + beta * sum_v p_v (max - z_v); at temperature 0 nothing is added. */
  readonly entropy: Float64Array;
  /** sum_v p_v surprisal_v; at temperature 0 the surprisal of the base's choice. */
  readonly quality: Float64Array;
}

/** Of a format, likewise. p of the base and q of the format are e * (1 / sum) among the point's candidates, best first where topK is above 0. */
export interface FormatSums {
  /** 0.5 sum_v |q_v - p_v|; among candidates 0.5 * (sum over common ones + sum of other q's + sum of other p's); at temperature 0: 1 where the choice differs. */
  readonly totalVariation: Float64Array;
  /** Sum of q over tokens outside the base's candidates; at temperature 0: 1 where the choice differs. */
  readonly outsideMass: Float64Array;
  /** sum_v (q_v - p_v) surprisal_v, at temperature 0 the difference of the choices' surprisals; nothing is added where topK is above 0. */
  readonly qualityShift: Float64Array;
}

export interface SummedRows<Sums> { readonly logits: Float32Array; readonly sums: Sums }

/** Rows that noise is added to. Row i's noise is that of Threefry's key `keys` and counter counters[i] (statistics/noise.ts): its own. */
export interface NoiseRows {
  readonly vocabulary: number;
  readonly base: Float32Array;
  readonly counters: Int32Array;
  /** 32-bit numbers. */
  readonly keys: readonly [number, number];
}

export interface Statistics {
  /** lse of each row. */
  logSumExp(vocabulary: number, logits: Float32Array, lse: Float64Array): void;

  /** One token a row. A format whose logits are the base's own array costs nothing. */
  fidelity(vocabulary: number, tokens: Int32Array, base: RowScores, formats: readonly ComparedScores[]): void;

  /**
   * Distributions at all points. Surprisals are those of the judge's row, lse_judge - z_judge,v. A format whose logits are the base's own
   * array differs from it by nothing, and costs nothing.
   */
  sampling(vocabulary: number, points: readonly SamplingPoint[], base: SummedRows<BaseSums>, judge: Float32Array, formats: readonly SummedRows<FormatSums>[]): void;

  /** kl[row] = sum_v p_v (z_base,v - z_v + (lse - lse_base)) with p_v = e(z_base,v) / sum_base: divided, unlike fidelity's. */
  rowKl(vocabulary: number, base: Float32Array, logits: Float32Array, kl: Float64Array): void;

  /** As rowKl, of fp32(z_base + sigma * noise) for each sigma; `kl` is [sigma][row]. */
  noiseKl(rows: NoiseRows, sigmas: Float64Array, kl: Float64Array): void;

  /**
   * sum_v e(z_v) weights_v / sum of z = fp32(z_base + sigma * noise), for each sigma and temperature above 0; `quality` is
   * [sigma][temperature][row], and weights has a value for each logit.
   */
  noiseQuality(rows: NoiseRows, weights: Float32Array, sigmas: Float64Array, temperatures: Float64Array, quality: Float64Array): void;
}

/** The same, with every length held to the contract: what compiled code is called through. */
export function checked(inner: Statistics): Statistics {
  return {
    logSumExp(vocabulary, logits, lse) {
      demand('logits', logits, rowsOf(vocabulary, lse) * vocabulary);
      inner.logSumExp(vocabulary, logits, lse);
    },
    fidelity(vocabulary, tokens, base, formats) {
      const rows = rowsOf(vocabulary, tokens);
      for (const token of tokens) if (!(token >= 0 && token < vocabulary)) throw new RangeError(`token ${token} is outside the vocabulary of ${vocabulary}`);
      for (const scores of [base, ...formats]) {
        demand('logits', scores.logits, rows * vocabulary);
        for (const column of ['nll', 'entropy', 'top1'] as const) demand(column, scores[column], rows);
      }
      for (const { kl } of formats) demand('kl', kl, rows);
      inner.fidelity(vocabulary, tokens, base, formats);
    },
    sampling(vocabulary, points, base, judge, formats) {
      wholeRows(vocabulary, base.logits);
      for (const { temperature, topK } of points) {
        if (!(temperature >= 0)) throw new RangeError(`temperature ${temperature} is not a number from 0`);
        if (!(Number.isInteger(topK) && topK >= 0 && (topK <= vocabulary || temperature === 0))) throw new RangeError(`top_k ${topK} is not a number from 0 to the vocabulary's ${vocabulary} tokens`);
      }
      demand('judge', judge, base.logits.length);
      for (const { logits } of formats) demand('logits', logits, base.logits.length);
      for (const { sums } of [base, ...formats]) for (const [name, array] of Object.entries(sums)) demand(name, array, points.length);
      inner.sampling(vocabulary, points, base, judge, formats);
    },
    rowKl(vocabulary, base, logits, kl) {
      demand('base', base, rowsOf(vocabulary, kl) * vocabulary);
      demand('logits', logits, base.length);
      inner.rowKl(vocabulary, base, logits, kl);
    },
    noiseKl(rows, sigmas, kl) {
      demandNoise(rows);
      demand('kl', kl, sigmas.length * rows.counters.length);
      inner.noiseKl(rows, sigmas, kl);
    },
    noiseQuality(rows, weights, sigmas, temperatures, quality) {
      demandNoise(rows);
      demand('weights', weights, rows.base.length);
      for (const temperature of temperatures) if (!(temperature > 0)) throw new RangeError(`temperature ${temperature} is not above 0`);
      demand('quality', quality, sigmas.length * temperatures.length * rows.counters.length);
      inner.noiseQuality(rows, weights, sigmas, temperatures, quality);
    },
  };
}

function rowsOf(vocabulary: number, perRow: ArrayLike<number>): number {
  if (!(Number.isInteger(vocabulary) && vocabulary >= 1)) throw new RangeError(`a vocabulary of ${vocabulary} tokens; it must be a whole number from 1`);
  return perRow.length;
}

function wholeRows(vocabulary: number, logits: Float32Array): void {
  rowsOf(vocabulary, logits);
  if (logits.length % vocabulary !== 0) throw new RangeError(`${logits.length} logits are not whole rows of ${vocabulary}`);
}

function demandNoise({ vocabulary, base, counters }: NoiseRows): void {
  demand('base', base, rowsOf(vocabulary, counters) * vocabulary);
}

function demand(name: string, array: ArrayLike<number>, length: number): void {
  if (array.length !== length) throw new RangeError(`${name} has ${array.length} values; it must have ${length}`);
}
