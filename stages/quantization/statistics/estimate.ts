/**
 * Estimates over clusters (windows of text, or prompts), each with its linearised standard error: what the bootstrap resamples.
 *
 * `times[c]` is how often cluster c counts: all 1 for the sample itself. Source of the standard errors: the ratio estimator
 * under cluster sampling, W. G. Cochran, Sampling Techniques, 3rd ed. (1977), ch. 6 and 9A.
 */

export interface Estimate { readonly value: number; readonly standardError: number }

/** A spread this small beside the value is rounding: it counts as none, or a resample's t would be boundless. */
const ROUNDING = 1e-12;

export interface Estimator {
  readonly clusters: number;
  estimate(times: ArrayLike<number>): Estimate;
}

/** The mean per item: sum over clusters of `sums` divided by that of `sizes`. Paired differences: give the differences' sums. */
export function mean(sums: ArrayLike<number>, sizes: ArrayLike<number>): Estimator {
  return {
    clusters: sums.length,
    estimate(times) {
      const [total, size, drawn] = totals(times, sums, sizes);
      const value = total / size;
      let squares = 0;
      for (let c = 0; c < sums.length; c++) squares += times[c]! * (sums[c]! - value * sizes[c]!) * (sums[c]! - value * sizes[c]!);
      return { value, standardError: spread(Math.sqrt(squares * drawn / (drawn - 1)) / size, value) };
    },
  };
}

/** log of (sum of a / sum of b): by how much a exceeds b, as a ratio. `log` must be the same everywhere. */
export function logRatio(a: ArrayLike<number>, b: ArrayLike<number>, log: (x: number) => number): Estimator {
  return {
    clusters: a.length,
    estimate(times) {
      const [above, below, drawn] = totals(times, a, b);
      let squares = 0;
      for (let c = 0; c < a.length; c++) squares += times[c]! * (a[c]! / above - b[c]! / below) * (a[c]! / above - b[c]! / below);
      return { value: log(above) - log(below), standardError: spread(Math.sqrt(squares * drawn / (drawn - 1)), 1) };
    },
  };
}

function spread(standardError: number, scale: number): number {
  return standardError <= ROUNDING * Math.abs(scale) ? 0 : standardError;
}

function totals(times: ArrayLike<number>, a: ArrayLike<number>, b: ArrayLike<number>): [number, number, number] {
  let first = 0;
  let second = 0;
  let drawn = 0;
  for (let c = 0; c < a.length; c++) {
    first += times[c]! * a[c]!;
    second += times[c]! * b[c]!;
    drawn += times[c]!;
  }
  return [first, second, drawn];
}

/** The sample itself: every cluster once. */
export const once = (clusters: number): Uint8Array => new Uint8Array(clusters).fill(1);
