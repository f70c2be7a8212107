/**
 * Simultaneous intervals for a curve: one critical value for all of its points, from the bootstrap distribution of the largest |t*|.
 * Source: P. H. Westfall and S. S. Young, Resampling-Based Multiple Testing (1993), ch. 2: the single-step largest-|t| method.
 */
import { share, studentised } from './bootstrap.ts';
import type { Interval } from './bootstrap.ts';
import { once } from './estimate.ts';
import type { Estimator } from './estimate.ts';
import { sortedQuantile } from './quantile.ts';
import { resamples } from './resample.ts';

export interface Band {
  readonly values: readonly number[];
  /** Intervals that hold the whole curve together at this level (0.95). Undefined where the resamples do not reach so far. */
  intervals(level: number): readonly Interval[] | undefined;
  /** p-value of "the curve is nowhere beyond +-margin", corrected for looking at all points. */
  pBeyond(margin: number): number;
}

/** All points are estimated over the same clusters. Undefined where one has no spread. */
export function band(points: readonly Estimator[]): Band | undefined {
  const clusters = points[0]!.clusters;
  const estimates = points.map((point) => point.estimate(once(clusters)));
  if (!estimates.every(({ standardError }) => standardError > 0)) return undefined;
  const largest = Float64Array.from(resamples(clusters), (times) =>
    points.reduce((most, point, i) => Math.max(most, Math.abs(studentised(point, times, estimates[i]!.value))), 0)).sort();
  return {
    values: estimates.map(({ value }) => value),
    intervals(level) {
      const critical = sortedQuantile(largest, level);
      if (!Number.isFinite(critical)) return undefined;
      return estimates.map(({ value, standardError }) => ({ low: value - critical * standardError, high: value + critical * standardError }));
    },
    pBeyond(margin) {
      const observed = Math.max(...estimates.map(({ value, standardError }) => (Math.abs(value) - margin) / standardError));
      return share(largest, (each) => each >= observed);
    },
  };
}
