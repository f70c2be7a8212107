/** The change beyond noise on data of known truth: how often it is called below the margin where it is not, and where it is. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { normalRow } from '../../kernels/statistics/noise.ts';
import { leastClearExcess } from '../../stages/quantization/claims/beyond-noise.ts';
import type { SamplingClusters } from '../../stages/quantization/score-clusters.ts';
import { mean } from '../../stages/quantization/statistics/estimate.ts';
import { someBelow } from '../../stages/quantization/statistics/some-below.ts';

const MARGIN = 0.002;
const WINDOWS = 30;
const POSITIONS = 352;

interface Truth {
  /** What the format changes by on average, and what noise does, nats. */
  readonly format: number;
  readonly noise: number;
  /** Standard deviations from window to window: of the texts' part, which noise shares by half, and of what few positions and draws leave in noise. */
  readonly text?: number;
  readonly drawn?: number;
}

/** One study: two temperatures, skewed texts (a squared normal has a skewness of 2.8). */
function study(seed: number, { format, noise, text = 0.003, drawn = 0.0015 }: Truth): { profile: Map<number, SamplingClusters>; null: Map<number, Float64Array> } {
  const normals = (row: number): Float64Array => { const values = new Float64Array(WINDOWS); normalRow(seed, 7, row, values); return values; };
  const texts = normals(0).map((x) => (x * x - 1) / Math.SQRT2);
  const [rest, draws] = [normals(1), normals(2)];
  const at = (shift: (w: number) => number): SamplingClusters => {
    const size = new Float64Array(WINDOWS).fill(POSITIONS);
    return { clusters: WINDOWS, tokens: WINDOWS * POSITIONS, size, totalVariation: size, outsideMass: size, qualityShift: size.map((n, w) => n * shift(w)), baseEntropy: undefined, baseQuality: undefined };
  };
  const rise = (w: number): number => format + text * (0.8 * texts[w]! + 0.6 * rest[w]!);
  return {
    profile: new Map([[0.1, at(() => 0.01)], [0.5, at((w) => 0.01 + rise(w))]]),
    null: new Map([[0.1, new Float64Array(WINDOWS)], [0.5, Float64Array.from(texts, (t, w) => POSITIONS * (noise + 0.5 * text * t + drawn * draws[w]!))]]),
  };
}

/** The share of studies in which the excess is called below the margin at 5 %. */
function called(truth: Truth, studies = 100): number {
  let below = 0;
  for (let seed = 1; seed <= studies; seed++) {
    const { profile, null: noise } = study(seed, truth);
    if (leastClearExcess(profile, noise, MARGIN).p <= 0.05) below++;
  }
  return below / studies;
}

// 300 studies: an error of 5 % has a standard error of 1.3 %.
const MOST = 0.085;

test('an excess of exactly the margin is called below it about one time in twenty, or less', () => {
  const at = {
    'the same way': { format: 0.008, noise: 0.006 }, 'falling, as the format does': { format: -0.008, noise: -0.006 },
    'no noise to speak of': { format: 0.002, noise: 0 }, 'noise the other way': { format: 0.002, noise: -0.006 }, 'noise that few draws tell': { format: 0.008, noise: 0.006, drawn: 0.006 },
  };
  for (const [name, truth] of Object.entries(at)) {
    const error = called(truth, 300);
    assert.ok(error <= MOST, `${name}: ${error}`);
  }
});

test('an excess beyond the margin is hardly ever called below it', () => {
  assert.is(called({ format: 0.011, noise: 0.006 }), 0);
  assert.is(called({ format: 0.005, noise: -0.006 }), 0);
});

test('what noise of equal size does as well is called below the margin, though it changes by three times that', () => {
  assert.ok(called({ format: 0.006, noise: 0.006 }) > 0.9);
  assert.ok(called({ format: -0.006, noise: -0.006 }) > 0.9);
});

test('a change that is next to nothing in itself is below the margin whatever noise does', () => {
  for (const noise of [0, -0.01, 0.01]) assert.ok(called({ format: 0.0002, noise, text: 0.002 }) > 0.9, String(noise));
});

test('noise that goes the other way makes nothing larger: the excess is the change itself', () => {
  const { profile, null: noise } = study(1, { format: 0.005, noise: -0.02 });
  const { value } = leastClearExcess(profile, noise, MARGIN);
  assert.ok(Math.abs(value.value - 0.005) < 0.002);
});

test('some below: one quantity alone is tested as by itself, and several unrelated ones cost a correction', () => {
  const quantity = (row: number, shift: number): ReturnType<typeof mean> => {
    const values = new Float64Array(40);
    normalRow(3, 9, row, values);
    return mean(values.map((x) => x + shift), new Float64Array(40).fill(1));
  };
  const alone = someBelow([quantity(1, -0.4)], 0);
  assert.is(alone.decider, 0);
  assert.equal(someBelow([quantity(1, -0.4), quantity(1, -0.4)], 0).p, alone.p, 'the same twice costs nothing');
  const three = someBelow([quantity(2, 1), quantity(1, -0.4), quantity(3, 1)], 0);
  assert.is(three.decider, 1);
  assert.ok(three.p > alone.p && three.p < 4 * alone.p, `${alone.p} ${three.p}`);
});

test.run();
