/**
 * Simultaneous intervals for a curve: one critical value for all of its points, from the bootstrap distribution of the largest |t*|.
 * Source: A. C. Davison and D. V. Hinkley, Bootstrap Methods and their Application (1997), 4.2.4; the max-|t| method of P. H. Westfall
 * and S. S. Young, Resampling-Based Multiple Testing (1993), 2.5.
 */
import { studentised } from './bootstrap.ts';
import type { Interval } from './bootstrap.ts';
import { once } from './estimate.ts';
import type { Estimator } from './estimate.ts';
import { sortedQuantile } from './quantile.ts';
import { resamples } from './resample.ts';

export interface Band { readonly values: readonly number[]; readonly intervals: readonly Interval[]; readonly critical: number }

/** The band that holds the whole curve at this level (0.95). All estimators are over the same clusters. Undefined without spread. */
export function simultaneousBand(points: readonly Estimator[], level: number): Band | undefined {
  const clusters = points[0]!.clusters;
  const estimates = points.map((point) => point.estimate(once(clusters)));
  if (estimates.some(({ standardError }) => !(standardError > 0))) return undefined;
  const largest = Float64Array.from(resamples(clusters), (times) =>
    points.reduce((most, point, i) => Math.max(most, Math.abs(studentised(point, times, estimates[i]!.value))), 0)).sort();
  const critical = sortedQuantile(largest, level);
  if (!Number.isFinite(critical)) return undefined;
  return {
    values: estimates.map(({ value }) => value),
    intervals: estimates.map(({ value, standardError }) => ({ low: value - critical * standardError, high: value + critical * standardError })),
    critical,
  };
}
