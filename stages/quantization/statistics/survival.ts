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
  const curve = new Float64Array(limit + 1);
  let share = 1;
  curve[0] = 1;
  for (let step = 0; step < limit; step++) {
    let atRisk = 0;
    let events = 0;
    observed.forEach(({ time, event }, i) => {
      if (time > step || (time === step && event)) atRisk += times[i]!;
      if (time === step && event) events += times[i]!;
    });
    if (atRisk > 0) share *= 1 - events / atRisk;
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
