/**
 * Softmax of one row of logits: fp32 in, float64 throughout, sums in token-id order (docs/arithmetic.md, "Scores").
 *
 * The exponential takes most of the time, so it has one of its own: e^x = 2^k * 2^(j/256) * e^r with n the integer
 * nearest to x * 256 / ln 2, k = n >> 8, j = n & 255, |r| <= ln 2 / 512. The Taylor polynomial of degree 4 leaves r^5 / 120 < 4e-17;
 * with the table's rounding the result is within 2 ulp of e^x. Only +, -, x and table lookups: the same bits everywhere.
 */
import { exp64, log64 } from '../float64.ts';

export const STEPS = 369.3299304675746; // 256 / ln 2
/** ln 2 / 256 in two parts; the first has 33 significant bits, so that its product with n < 2^20 is exact. */
export const STEP_HIGH = Math.round((Math.LN2 / 256) * 2199023255552) / 2199023255552;
/** What float64 loses of ln 2 is 2.319046813846299e-17. */
export const STEP_LOW = Math.LN2 / 256 - STEP_HIGH + 2.319046813846299e-17 / 256;
/** Adding and taking away 1.5 * 2^52 rounds a number of modest size to the nearest integer. */
export const ROUNDER = 6755399441055744;
/** e^x counts as 0 below this: it would be smaller than the smallest normal number. */
export const FLUSH = -708;

/** 2^(j / 256). Compiled implementations take this table, so that they have its bits. */
export const FRACTIONS = Float64Array.from({ length: 256 }, (_, j) => exp64((j * Math.LN2) / 256));
const LOWEST = -1022;
const POWERS = new Float64Array(1 - LOWEST);
for (let k = 0, power = 1; k >= LOWEST; k--, power /= 2) POWERS[k - LOWEST] = power;

/** Index of the largest logit of row `at` .. `at + count`; the lower id wins a tie. */
export function argmax(logits: Float32Array, at: number, count: number): number {
  let best = 0;
  let largest = logits[at]!;
  for (let v = 1; v < count; v++) {
    const z = logits[at + v]!;
    if (z > largest) { largest = z; best = v; }
  }
  return best;
}

/** e^x for x <= 0; small enough to be inlined. */
function expOf(x: number): number {
  if (!(x >= FLUSH)) return 0;
  const whole = x * STEPS + ROUNDER - ROUNDER;
  const n = whole | 0;
  const r = x - whole * STEP_HIGH - whole * STEP_LOW;
  const tail = r * (1 + r * (0.5 + r * (0.16666666666666666 + r * 0.041666666666666664)));
  const head = FRACTIONS[n & 255]!;
  return (head + head * tail) * POWERS[(n >> 8) - LOWEST]!;
}

/** out[v] = e^((z[v] - max) * beta) for the row's `count` logits; returns their sum. `max` is the row's largest logit. */
export function expRow(logits: Float32Array, at: number, count: number, max: number, beta: number, out: Float64Array): number {
  let sum = 0;
  for (let v = 0; v < count; v++) {
    const e = expOf((logits[at + v]! - max) * beta);
    out[v] = e;
    sum += e;
  }
  return sum;
}

/** Mean of the weights under softmax(beta * z): sum of e^((z[v] - max) * beta) * weights[weightsAt + v] over the sum of e^((z[v] - max) * beta). */
export function softmaxMean(logits: Float32Array, at: number, count: number, max: number, beta: number, weights: Float32Array, weightsAt: number): number {
  let sum = 0;
  let weighted = 0;
  for (let v = 0; v < count; v++) {
    const e = expOf((logits[at + v]! - max) * beta);
    sum += e;
    weighted += e * weights[weightsAt + v]!;
  }
  return weighted / sum;
}

/** log sum over v of e^z[v], from the row's largest logit and its exponentials' sum at beta 1. */
export function logSumExp(max: number, sum: number): number {
  return max + log64(sum);
}

/**
 * The `k` largest logits: their ids into `ids` (logit descending, then id ascending), as the sampler takes its candidates.
 * Insertion into a sorted list behind a threshold: for k much smaller than the vocabulary nearly every logit stops at one comparison.
 */
export function selectTop(logits: Float32Array, at: number, count: number, k: number, ids: Int32Array): void {
  let held = 0;
  let threshold = -Infinity;
  for (let v = 0; v < count; v++) {
    const z = logits[at + v]!;
    if (held === k && !(z > threshold)) continue;
    let low = 0;
    let high = held;
    while (low < high) { // first place whose logit is smaller
      const middle = (low + high) >> 1;
      if (logits[at + ids[middle]!]! >= z) low = middle + 1;
      else high = middle;
    }
    const end = held < k ? held++ : k - 1;
    for (let i = end; i > low; i--) ids[i] = ids[i - 1]!;
    ids[low] = v;
    if (held === k) threshold = logits[at + ids[k - 1]!]!;
  }
}
