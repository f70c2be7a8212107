/** The median and its distribution-free interval from order statistics (W. J. Conover, Practical Nonparametric Statistics, 3rd ed. (1999), 3.2). */
import type { Interval } from './bootstrap.ts';

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('a median of no values');
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * The narrowest symmetric interval between order statistics that holds the median with at least `level`: the largest j with
 * 2 P(Binomial(n, 1/2) < j) <= 1 - level gives [x(j), x(n + 1 - j)]. Undefined with too few values (fewer than 6 for 0.95).
 */
export function medianInterval(values: readonly number[], level: number): Interval | undefined {
  const n = values.length;
  const sorted = Float64Array.from(values).sort();
  let probability = 1; // of Binomial = i, times 2^n
  for (let i = 0; i < n; i++) probability /= 2;
  let below = 0; // P(Binomial < j)
  let j = 0;
  while (2 * (below + probability) <= 1 - level) {
    below += probability;
    probability = probability * (n - j) / (j + 1);
    j++;
  }
  return j === 0 ? undefined : { low: sorted[j - 1]!, high: sorted[n - j]! };
}
