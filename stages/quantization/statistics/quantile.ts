/**
 * Quantiles by the inverse of the empirical distribution: the smallest value with at least the share p of the sample at or below it
 * (R. J. Hyndman and Y. Fan, The American Statistician 50 (1996) 361-365, definition 1). No interpolation, so a quantile is an
 * observed value and weights are simple.
 */

/** Of ascending values; p in [0, 1]. */
export function sortedQuantile(ascending: ArrayLike<number>, p: number): number {
  if (ascending.length === 0) throw new RangeError('a quantile of no values');
  return ascending[rank(ascending.length, p)]!;
}

/** ceil(n p) - 1, with p n taken as whole where it is so but for rounding. */
function rank(n: number, p: number): number {
  return Math.min(n - 1, Math.max(0, Math.ceil(n * p - 1e-9) - 1));
}

/**
 * Several quantiles of values given in ascending order with the cluster of each, each cluster counting `times` times. `shares` must ascend.
 */
export function weightedQuantiles(ascending: ArrayLike<number>, cluster: ArrayLike<number>, times: ArrayLike<number>, shares: readonly number[]): number[] {
  let n = 0;
  for (let i = 0; i < ascending.length; i++) n += times[cluster[i]!]!;
  const found: number[] = [];
  let seen = 0;
  for (let i = 0; i < ascending.length && found.length < shares.length; i++) {
    seen += times[cluster[i]!]!;
    while (found.length < shares.length && seen > rank(n, shares[found.length]!)) found.push(ascending[i]!);
  }
  return found;
}
