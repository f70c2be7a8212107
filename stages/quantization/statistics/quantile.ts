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

const STRETCH = 256;

/**
 * Several quantiles of values given in ascending order with the cluster of each, each cluster counting `times` times: a function of `times`,
 * for it is asked of thousands of resamples. `shares` must ascend.
 */
export function weightedQuantiles(ascending: ArrayLike<number>, cluster: ArrayLike<number>, shares: readonly number[]): (times: ArrayLike<number>) => number[] {
  // How many values of each cluster a stretch of them has: most are counted by the stretch, and only where a quantile lies one by one.
  const stretches = Array.from({ length: Math.ceil(ascending.length / STRETCH) }, (_, stretch) => {
    const counts = new Map<number, number>();
    for (let i = stretch * STRETCH; i < Math.min(ascending.length, (stretch + 1) * STRETCH); i++) counts.set(cluster[i]!, (counts.get(cluster[i]!) ?? 0) + 1);
    return { clusters: Int32Array.from(counts.keys()), counts: Int32Array.from(counts.values()) };
  });
  const within = new Float64Array(stretches.length);

  return (times) => {
    let n = 0;
    stretches.forEach(({ clusters, counts }, stretch) => {
      let sum = 0;
      for (let i = 0; i < clusters.length; i++) sum += counts[i]! * times[clusters[i]!]!;
      within[stretch] = sum;
      n += sum;
    });
    const found: number[] = [];
    let before = 0;
    for (let stretch = 0; stretch < stretches.length && found.length < shares.length; stretch++) {
      let seen = before;
      before += within[stretch]!;
      if (before <= rank(n, shares[found.length]!)) continue;
      for (let i = stretch * STRETCH; seen < before && found.length < shares.length; i++) {
        seen += times[cluster[i]!]!;
        while (found.length < shares.length && seen > rank(n, shares[found.length]!)) found.push(ascending[i]!);
      }
    }
    return found;
  };
}
