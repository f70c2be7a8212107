/**
 * The bootstrap-t over clusters: intervals and one-sided p-values from the distribution of t* = (value* - value) / error*.
 * Source: B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (1993), 12.5; p = (1 + k) / (1 + resamples) as in A. C. Davison and
 * D. V. Hinkley, Bootstrap Methods and their Application (1997), ch. 4.
 */
import type { Estimator } from './estimate.ts';
import { once } from './estimate.ts';
import { sortedQuantile } from './quantile.ts';
import { resamples } from './resample.ts';

export interface Bootstrapped {
  readonly value: number;
  readonly standardError: number;
  readonly clusters: number;
  /** t* of every resample, ascending. Infinite where a resample has no spread. */
  readonly t: Float64Array;
}

export interface Interval { readonly low: number; readonly high: number }

export function bootstrap(estimator: Estimator): Bootstrapped {
  const { clusters } = estimator;
  const { value, standardError } = estimator.estimate(once(clusters));
  const t = Float64Array.from(resamples(clusters), (times) => studentised(estimator, times, value)).sort();
  return { value, standardError, clusters, t };
}

/** (value* - value) / error* of one resample; 0 where it equals the sample, infinite where it differs without spread. */
export function studentised(estimator: Estimator, times: ArrayLike<number>, value: number): number {
  const again = estimator.estimate(times);
  const difference = again.value - value;
  return difference === 0 ? 0 : difference / again.standardError;
}

/** The two-sided interval of this level (0.95), equal-tailed. Undefined where the sample has no spread or too little of it. */
export function interval({ value, standardError, t }: Bootstrapped, level: number): Interval | undefined {
  const tail = (1 - level) / 2;
  const low = value - sortedQuantile(t, 1 - tail) * standardError;
  const high = value - sortedQuantile(t, tail) * standardError;
  return standardError > 0 && Number.isFinite(low) && Number.isFinite(high) ? { low, high } : undefined;
}

/**
 * The interval between percentiles of resampled values, for what has no simple standard error or too few clusters for one (Efron and
 * Tibshirani, ch. 13). Undefined where the resamples are all the same or some could not be computed.
 */
export function percentileInterval(resampled: readonly number[], level: number): Interval | undefined {
  if (resampled.length === 0 || !resampled.every(Number.isFinite)) return undefined;
  const ascending = Float64Array.from(resampled).sort();
  const tail = (1 - level) / 2;
  const [low, high] = [sortedQuantile(ascending, tail), sortedQuantile(ascending, 1 - tail)];
  return low < high ? { low, high } : undefined;
}

/** p-value of "the quantity is at least `bound`" against "it is less": small where the estimate lies clearly below. */
export function pLess({ value, standardError, t }: Bootstrapped, bound: number): number {
  const observed = (value - bound) / standardError;
  return share(t, (each) => each <= observed);
}

/** p-value of "the quantity is at most `bound`" against "it is more". */
export function pMore({ value, standardError, t }: Bootstrapped, bound: number): number {
  const observed = (value - bound) / standardError;
  return share(t, (each) => each >= observed);
}

/** The share of resamples at least as extreme as the sample, which counts as one of them. */
export function share(resampled: Float64Array, extreme: (each: number) => boolean): number {
  let k = 0;
  for (const each of resampled) if (extreme(each)) k++;
  return (1 + k) / (1 + resampled.length);
}
