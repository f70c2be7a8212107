/**
 * By how much a format's quality shift changes between two temperatures beyond what noise of equal size explains.
 *
 * Where a format changes by c and noise, on average over its draws, by n, the excess is |c| less the part of n that goes the same way:
 * noise that goes the other way does something else, so it explains nothing, and it makes nothing larger. Hence the excess is never more than |c|,
 * and a change that is itself below the margin is so beyond noise too. Written one way at a time, rises and falls alike: c - max(0, n),
 * the smaller of c and c - n.
 *
 * "Below the margin" is held of every pair of temperatures both ways. Nothing is chosen on the sample, so no correction is due to choice; and as each
 * pair's noise is that pair's own, it also bounds the largest change less the largest of noise, whatever pairs these are found between.
 */
import { bootstrap } from '../statistics/bootstrap.ts';
import type { Bootstrapped } from '../statistics/bootstrap.ts';
import { mean } from '../statistics/estimate.ts';
import { someBelow } from '../statistics/some-below.ts';
import type { SamplingClusters } from '../score-clusters.ts';

export interface Excess {
  /** p-value of "at least the margin". */
  readonly p: number;
  readonly value: Bootstrapped;
}

/** Of all pairs of temperatures, both ways, the excess that is least clearly below the margin. `noise`: the null's sums, by temperature and cluster. */
export function leastClearExcess(profile: ReadonlyMap<number, SamplingClusters>, noise: ReadonlyMap<number, ArrayLike<number>>, margin: number): Excess {
  const rises = [...profile].flatMap(([from, a]) => [...profile].filter(([to]) => to !== from).map(([to, b]) => {
    const own = b.qualityShift!.map((x, c) => x - a.qualityShift![c]!);
    // The same windows on both sides. That either is known at other positions, or by draws, shows in the spread over windows.
    const less = own.map((x, c) => x - (noise.get(to)![c]! - noise.get(from)![c]!));
    const quantities = [mean(own, a.size), mean(less, a.size)];
    const { p, decider } = someBelow(quantities, margin);
    return { p, value: bootstrap(quantities[decider]!) };
  }));
  return rises.reduce((a, b) => (b.p > a.p || (b.p === a.p && b.value.value > a.value.value) ? b : a));
}
