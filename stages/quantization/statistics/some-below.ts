/**
 * Whether at least one of several quantities lies below a bound, where it is not known beforehand which: the smallest t is held against the
 * bootstrap distribution of the smallest t*. Quantities that move together cost next to nothing by being several.
 * Source: as of band.ts, one-sided: P. H. Westfall and S. S. Young, Resampling-Based Multiple Testing (1993), ch. 2.
 */
import { share, studentised } from './bootstrap.ts';
import { once } from './estimate.ts';
import type { Estimator } from './estimate.ts';
import { resamples } from './resample.ts';

export interface SomeBelow {
  /** p-value of "all are at least `bound`" against "one is less". */
  readonly p: number;
  /** The place of the quantity that lies farthest below in its own standard errors: the one that decides. */
  readonly decider: number;
}

/** All quantities are estimated over the same clusters. */
export function someBelow(quantities: readonly Estimator[], bound: number): SomeBelow {
  const clusters = quantities[0]!.clusters;
  const estimates = quantities.map((quantity) => quantity.estimate(once(clusters)));
  const observed = estimates.map(({ value, standardError }) => value === bound ? 0 : (value - bound) / standardError);
  const least = Math.min(...observed);
  const smallest = Float64Array.from(resamples(clusters), (times) =>
    quantities.reduce((low, quantity, i) => Math.min(low, studentised(quantity, times, estimates[i]!.value)), Infinity));
  return { p: share(smallest, (each) => each <= least), decider: observed.indexOf(least) };
}
