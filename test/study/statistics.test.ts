/** Statistics against values by hand, from textbooks, and against their own definitions. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { threefry2x32 } from '../../kernels/index.ts';
import { band } from '../../stages/quantization/statistics/band.ts';
import { bootstrap, interval, pLess, pMore, percentileInterval } from '../../stages/quantization/statistics/bootstrap.ts';
import type { Bootstrapped } from '../../stages/quantization/statistics/bootstrap.ts';
import { decide } from '../../stages/quantization/statistics/decide.ts';
import type { Decided, Margin } from '../../stages/quantization/statistics/decide.ts';
import { logRatio, mean, once } from '../../stages/quantization/statistics/estimate.ts';
import { firstDifference } from '../../stages/quantization/statistics/first-difference.ts';
import { holm } from '../../stages/quantization/statistics/holm.ts';
import { median, medianInterval } from '../../stages/quantization/statistics/median.ts';
import { distinctTwoGrams, repeatedFourGrams } from '../../stages/quantization/statistics/ngrams.ts';
import { sortedQuantile, weightedQuantiles } from '../../stages/quantization/statistics/quantile.ts';
import { RESAMPLES, resamples } from '../../stages/quantization/statistics/resample.ts';
import { restrictedMean, survival } from '../../stages/quantization/statistics/survival.ts';

const near = (actual: number, expected: number, tolerance: number): void => {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);
};
const ones = (n: number): Float64Array => new Float64Array(n).fill(1);

test('resamples draw as many clusters as there are, evenly, and are the same each time', () => {
  const drawn = resamples(30);
  assert.is(drawn.length, RESAMPLES);
  const totals = new Float64Array(30);
  for (const times of drawn) {
    assert.is(times.reduce((sum, n) => sum + n, 0), 30);
    times.forEach((n, c) => { totals[c] = totals[c]! + n; });
  }
  for (const total of totals) near(total / RESAMPLES, 1, 0.1); // standard error 0.022
  assert.equal(resamples(30)[7], drawn[7]);
  assert.not.equal(drawn[7], drawn[8]);
});

test('the mean of equal clusters has the classical standard error', () => {
  const { value, standardError } = mean([1, 2, 3, 4], ones(4)).estimate(once(4));
  assert.is(value, 2.5);
  near(standardError, 1.2909944487358056 / 2, 1e-15); // sd / sqrt(n)
});

test('clusters of unequal size: the ratio estimator by hand', () => {
  // sums 2, 9; sizes 1, 3: 11/4; residuals 2 - 2.75, 9 - 8.25; sqrt(2 (0.5625 + 0.5625)) / 4
  const { value, standardError } = mean([2, 9], [1, 3]).estimate(once(2));
  assert.is(value, 2.75);
  near(standardError, 1.5 / 4, 1e-15);
});

test('the log of a ratio agrees with the delta method', () => {
  const [a, b] = [[3, 5, 4, 6], [2, 2, 3, 3]];
  const { value, standardError } = logRatio(a, b, Math.log).estimate(once(4));
  near(value, Math.log(18 / 10), 1e-15);
  const residuals = a.map((x, c) => x / 18 - b[c]! / 10);
  near(standardError, Math.sqrt(4 / 3 * residuals.reduce((sum, r) => sum + r * r, 0)), 1e-15);
});

/** Skewed values: squares of sums of uniforms, by cluster. */
function skewed(seed: number, clusters: number): Float64Array {
  return Float64Array.from({ length: clusters }, (_, c) => {
    let sum = 0;
    for (let i = 0; i < 4; i++) sum += (threefry2x32(seed, 9, c, i)[0] >>> 0) / 4294967296 - 0.5;
    return sum * sum; // mean 4 / 12
  });
}

test('intervals of level 0.9 hold the true mean of skewed data about nine times in ten', () => {
  let held = 0;
  for (let seed = 0; seed < 300; seed++) {
    const bounds = interval(bootstrap(mean(skewed(seed, 30), ones(30))), 0.9)!;
    if (bounds.low <= 1 / 3 && 1 / 3 <= bounds.high) held++;
  }
  assert.ok(held / 300 > 0.86 && held / 300 < 0.94, `held ${held} of 300`); // binomial standard error 0.017
});

test('p-values and intervals tell the same story', () => {
  const done = bootstrap(mean(skewed(1, 40), ones(40)));
  const { low, high } = interval(done, 0.9)!;
  assert.ok(pLess(done, high + 1e-9) <= 0.0505 && pLess(done, high - 1e-2) > 0.05);
  assert.ok(pMore(done, low - 1e-9) <= 0.0505 && pMore(done, low + 1e-2) > 0.05);
});

test('percentiles of resampled values: the middle share, and none where they are all the same or not all numbers', () => {
  const values = Array.from({ length: 1000 }, (_, i) => (i * 379) % 1000); // 0 .. 999 in disorder
  assert.equal(percentileInterval(values, 0.9), { low: 49, high: 949 });
  assert.is(percentileInterval([3, 3, 3], 0.9), undefined);
  assert.is(percentileInterval([1, NaN, 3], 0.9), undefined);
  assert.is(percentileInterval([], 0.9), undefined);
});

test('a spread of rounding alone counts as none', () => {
  // Shares that are equal but for their last bit, as sums of decimals are.
  const sums = [0.1 + 0.2, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3];
  assert.is(mean(sums, ones(8)).estimate(once(8)).standardError, 0);
  assert.is(interval(bootstrap(mean([...sums.slice(0, 7), 0.5], ones(8))), 0.95), undefined);
});

test('no spread gives no interval', () => {
  assert.is(interval(bootstrap(mean(ones(30), ones(30))), 0.95), undefined);
});

test('a band over one point is an interval, and over several it is wider', () => {
  const point = (seed: number): ReturnType<typeof mean> => mean(skewed(seed, 40), ones(40));
  const [one] = band([point(1)])!.intervals(0.95)!;
  const [first] = band([point(1), point(2), point(3), point(4)])!.intervals(0.95)!;
  assert.ok(first!.low < one!.low && first!.high > one!.high);
  assert.ok(band([point(1)])!.pBeyond(0) < 0.01); // the mean is 1/3, far from 0
  assert.is(band([point(1)])!.pBeyond(10), 1);
});

test('a band finds the one point that lies beyond the margin', () => {
  const flat = (seed: number, level: number): ReturnType<typeof mean> => mean(skewed(seed, 40).map((x) => x - 1 / 3 + level), ones(40));
  assert.ok(band([flat(1, 0), flat(2, 0), flat(3, 1)])!.pBeyond(0.3) < 0.01);
  assert.ok(band([flat(1, 0), flat(2, 0), flat(3, 0.3)])!.pBeyond(0.3) > 0.2);
});

test('Holm by hand', () => {
  const decided = holm([0.01, 0.04, 0.03, 0.005], 0.05);
  assert.equal(decided.map(({ rejected }) => rejected), [true, false, false, true]); // 0.005 <= 0.0125, 0.01 <= 0.0167, 0.03 > 0.025
  assert.equal(decided.map(({ alpha }) => alpha), [0.05 / 3, 0.025, 0.025, 0.0125]);
});

test('quantiles are observed values (Hyndman and Fan, definition 1)', () => {
  const values = Array.from({ length: 10 }, (_, i) => i + 1);
  assert.equal([0, 0.1, 0.11, 0.5, 0.9, 0.99, 1].map((p) => sortedQuantile(values, p)), [1, 1, 2, 5, 9, 10, 10]);
  const weighted = weightedQuantiles([1, 2, 3, 4], [0, 1, 0, 1], [0.25, 0.5, 0.75, 1]);
  assert.equal(weighted([1, 1]), [1, 2, 3, 4]);
  assert.equal(weighted([0, 2]), [2, 2, 4, 4]);
});

test('quantiles of clusters that count several times are those of the values written out as often', () => {
  const ascending = Float64Array.from(skewed(7, 2000)).sort();
  const cluster = Array.from(ascending, (_, i) => (i * i + 3 * i) % 31);
  const shares = [0, 0.01, 0.05, 0.5, 0.501, 0.95, 0.999, 1];
  const weighted = weightedQuantiles(ascending, cluster, shares);
  for (const times of [Array.from({ length: 31 }, (_, c) => c % 4), Array.from({ length: 31 }, (_, c) => (c === 30 ? 0 : c === 7 ? 9 : 1))]) {
    const writtenOut = Array.from(ascending).flatMap((value, i) => Array.from({ length: times[cluster[i]!]! }, () => value));
    assert.equal(weighted(times), shares.map((share) => sortedQuantile(writtenOut, share)));
  }
});

test('the median and its interval from order statistics', () => {
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 3, 2]), 2.5);
  const to = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
  assert.is(medianInterval(to(5), 0.95), undefined); // 2 / 32 > 0.05
  assert.equal(medianInterval(to(6), 0.95), { low: 1, high: 6 }); // 2 / 64
  assert.equal(medianInterval(to(10), 0.95), { low: 2, high: 9 }); // 22 / 1024, but 112 / 1024 for the next
  assert.equal(medianInterval(to(30), 0.95), { low: 10, high: 21 });
});

test('Kaplan-Meier of the 6-MP trial (Freireich et al., 1963), as textbooks print it', () => {
  const events = [6, 6, 6, 7, 10, 13, 16, 22, 23];
  const censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35];
  const curve = survival([...events.map((time) => ({ time, event: true })), ...censored.map((time) => ({ time: time + 1, event: false }))], 35);
  // Ours is the share past t steps, an event at time t being step t + 1; a case censored at t was still watched at t.
  const after = (time: number): number => curve[time + 1]!;
  for (const [time, expected] of [[6, 0.857], [7, 0.807], [10, 0.753], [13, 0.690], [16, 0.627], [22, 0.538], [23, 0.448]] as const) near(after(time), expected, 0.0005);
});

test('without censoring the restricted mean is the mean of min(time, limit)', () => {
  const times = [0, 3, 3, 7, 12];
  near(restrictedMean(survival(times.map((time) => ({ time, event: true })), 10)), (0 + 3 + 3 + 7 + 10) / 5, 1e-12);
  near(restrictedMean(survival([{ time: 10, event: false }], 10)), 10, 0);
  near(restrictedMean(survival(times.map((time) => ({ time, event: true })), 10, [0, 0, 0, 2, 0])), 7, 1e-12);
});

test('repetition, by hand', () => {
  assert.is(repeatedFourGrams([1, 2, 3]), undefined);
  assert.is(repeatedFourGrams([1, 2, 3, 4]), 0);
  assert.is(repeatedFourGrams([1, 1, 1, 1, 1, 1]), 2 / 3);
  assert.is(distinctTwoGrams([1, 2, 1, 2, 1]), 0.5);
  assert.is(distinctTwoGrams([1]), undefined);
});

test('where texts part', () => {
  assert.is(firstDifference([1, 2, 3], [1, 2, 3]), null);
  assert.is(firstDifference([1, 2, 3], [1, 5, 3]), 1);
  assert.is(firstDifference([1, 2], [1, 2, 3]), 2);
  assert.is(firstDifference([], []), null);
});

/** A mean with this value whose clusters spread by about `spread`. */
const around = (value: number, spread: number, clusters = 40): ReturnType<typeof bootstrap> =>
  bootstrap(mean(skewed(3, clusters).map((x, _, all) => value + spread * (x - all.reduce((a, b) => a + b, 0) / all.length)), ones(clusters)));

const decideOne = (models: readonly Bootstrapped[], margin: Margin): Decided[] => decide([{ models, margin }])[0]!;

test('equivalence: inside, outside, open, too few', () => {
  const margin = { low: -1, high: 1 };
  assert.equal(decideOne([around(0, 1), around(3, 1), around(1, 1)], margin).map(({ decision }) => decision), ['supported', 'contradicted', 'inconclusive']);
  assert.is(decideOne([around(0, 1, 29)], margin)[0]!.decision, 'inconclusive');
  assert.is(decideOne([around(0, 1, 30)], margin)[0]!.decision, 'supported');
  assert.is(decideOne([around(0.9, 1)], { high: 1 })[0]!.level, 0.9);
});

test('one exception contradicts, so contradiction is corrected across all parts, support across models only', () => {
  const outside = Array.from({ length: 60 }, (_, i) => around(1 + i / 100, 1)).find((one) => pMore(one, 1) > 0.026 && pMore(one, 1) <= 0.05)!;
  assert.ok(outside, 'a borderline case');
  const margin = { high: 1 };
  assert.is(decideOne([outside], margin)[0]!.decision, 'contradicted');
  const [[first], [second]] = decide([{ models: [outside], margin }, { models: [around(0, 1)], margin }]) as [Decided[], Decided[]];
  assert.equal([first!.decision, second!.decision, second!.level], ['inconclusive', 'supported', 0.9]);
});

test('an open question says how many clusters would decide it', () => {
  const [open] = decideOne([around(0.95, 1)], { low: -1, high: 1 });
  assert.is(open!.decision, 'inconclusive');
  const half = (open!.interval!.high - open!.interval!.low) / 2;
  assert.is(open!.neededClusters, Math.ceil(40 * (half / 0.05) ** 2));
});

test('Holm makes each of several models harder to decide', () => {
  // An estimate whose one-sided p-value is between 0.05 / 3 and 0.05 passes alone, but not first among three.
  const alone = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9].map((value) => around(value, 1)).find((one) => pLess(one, 1) > 0.017 && pLess(one, 1) <= 0.05)!;
  assert.ok(alone, 'a borderline case');
  assert.is(decideOne([alone], { high: 1 })[0]!.decision, 'supported');
  assert.is(decideOne([alone, around(1.2, 5), around(1.1, 5)], { high: 1 })[0]!.decision, 'inconclusive');
});

test.run();
