/**
 * Time to an event that not every case shows: the product-limit estimate (E. L. Kaplan and P. Meier, Journal of the American Statistical
 * Association 53 (1958) 457-481) and its restricted mean (P. Royston and M. K. B. Parmar, BMC Medical Research Methodology 13 (2013) 152).
 */

export interface Observed {
  /** Steps survived, a whole number. */
  readonly time: number;
  /** True where the event came at the step after them; false where watching ended there. */
  readonly event: boolean;
}

/** S(0) .. S(limit): S(t) is the share without an event in their first t steps. `times[i]`: how often case i counts. */
export function survival(observed: readonly Observed[], limit: number, times: ArrayLike<number> = new Uint8Array(observed.length).fill(1)): Float64Array {
  // Of each step: those whose event comes at it, and those that are watched no longer.
  const events = new Float64Array(limit);
  const censored = new Float64Array(limit);
  let atRisk = 0;
  for (let i = 0; i < observed.length; i++) {
    const { time, event } = observed[i]!;
    atRisk += times[i]!;
    const ends = event ? events : censored;
    if (time < limit) ends[time] = ends[time]! + times[i]!;
  }
  const curve = new Float64Array(limit + 1);
  let share = 1;
  curve[0] = 1;
  for (let step = 0; step < limit; step++) {
    atRisk -= censored[step]!;
    if (atRisk > 0) share *= 1 - events[step]! / atRisk;
    atRisk -= events[step]!;
    curve[step + 1] = share;
  }
  return curve;
}

/** Mean number of steps survived within `limit`: the sum of S(1) .. S(limit). */
export function restrictedMean(curve: Float64Array): number {
  let sum = 0;
  for (let t = 1; t < curve.length; t++) sum += curve[t]!;
  return sum;
}
