/** The numbers of the score stage against plain restatements of their definitions. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exp64, threefry2x32 } from '../../kernels/index.ts';
import { normalQuantile, normalRow } from '../../kernels/statistics/noise.ts';
import { referenceStatistics } from '../../kernels/statistics/reference.ts';
import { argmax, expRow, selectTop, softmaxMean } from '../../kernels/statistics/softmax.ts';
import type { BaseSums, ComparedScores, FormatSums, SamplingPoint } from '../../kernels/statistics.ts';
import { NullSampler } from '../../stages/quantization/score-null-sample.ts';
import { nullShifts } from '../../stages/quantization/score-null.ts';

const near = (actual: number, expected: number, tolerance: number, what = ''): void => {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what} ${actual} is not within ${tolerance} of ${expected}`);
};
const uniform = (seed: number, i: number): number => ((threefry2x32(seed, 5, i, 0)[0] >>> 0) + 0.5) / 4294967296;

/** A row of logits in quarters, so that ties are common. */
function tiedRow(seed: number, vocabulary: number): Float32Array {
  return Float32Array.from({ length: vocabulary }, (_, v) => Math.round(24 * uniform(seed, v)) / 4);
}
function row(seed: number, vocabulary: number, scale = 4): Float32Array {
  const noise = new Float64Array(vocabulary);
  normalRow(seed, 1, 0, noise);
  return Float32Array.from(noise, (x) => scale * x);
}

test('the row exponential is e^x within 2 units in the last place, and 0 far below', () => {
  const count = 20_000;
  const logits = Float32Array.from({ length: count }, (_, i) => i === 0 ? 0 : -708 * uniform(2, i));
  const out = new Float64Array(count);
  const sum = expRow(logits, 0, count, 0, 1, out);
  let total = 0;
  logits.forEach((x, i) => {
    assert.ok(Math.abs(out[i]! - exp64(x)) <= 3 * 2.220446049250313e-16 * exp64(x), `e^${x}`); // exp64 is within 1
    total += out[i]!;
  });
  assert.is(out[0], 1);
  assert.is(sum, total);
  assert.is(expRow(Float32Array.of(-709, -1e30), 0, 2, 0, 1, out), 0);
});

test('candidates are those of a full sort: logit descending, then id ascending', () => {
  for (let seed = 0; seed < 40; seed++) {
    const vocabulary = 30 + seed * 7;
    const logits = tiedRow(seed, vocabulary);
    const sorted = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
    for (const k of [1, 2, 13, vocabulary]) {
      const ids = new Int32Array(k);
      selectTop(logits, 0, vocabulary, k, ids);
      assert.equal([...ids], sorted.slice(0, k));
    }
    assert.is(argmax(logits, 0, vocabulary), sorted[0]);
  }
});

/** The sampler's distribution, by its definition. */
function distribution(logits: Float32Array, { temperature, topK }: SamplingPoint): number[] {
  const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
  const kept = new Set(order.slice(0, temperature === 0 ? 1 : topK || logits.length));
  const weights = Array.from(logits, (z, v) => kept.has(v) ? temperature === 0 ? 1 : Math.exp((z - logits[order[0]!]!) / temperature) : 0);
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / sum);
}

function sampled(points: readonly SamplingPoint[], base: Float32Array, format: Float32Array, judge: Float32Array): { of: BaseSums; sums: FormatSums } {
  const zeros = (): Float64Array => new Float64Array(points.length);
  const [of, sums] = [{ entropy: zeros(), quality: zeros() }, { totalVariation: zeros(), outsideMass: zeros(), qualityShift: zeros() }];
  referenceStatistics.sampling(base.length, points, { logits: base, sums: of }, judge, [{ logits: format, sums }]);
  return { of, sums };
}

test('sampling quantities equal their definitions, with ties, at every kind of point', () => {
  const vocabulary = 60;
  const points = [0, 0.3, 1, 2.5].flatMap((temperature) => [0, 1, 5, 59, 60].filter((k) => temperature > 0 || k === 0).map((topK) => ({ temperature, topK })));
  for (let seed = 0; seed < 25; seed++) {
    const make = seed % 2 === 0 ? tiedRow : row;
    const [base, format, judge] = [make(seed, vocabulary), make(seed + 100, vocabulary), row(seed + 200, vocabulary)];
    const { of, sums } = sampled(points, base, format, judge);
    points.forEach((point, i) => {
      const [p, q, pJudge] = [distribution(base, point), distribution(format, point), distribution(judge, { temperature: 1, topK: 0 })];
      const what = `seed ${seed} T ${point.temperature} k ${point.topK}`;
      near(sums.totalVariation[i]!, 0.5 * p.reduce((sum, each, v) => sum + Math.abs(each - q[v]!), 0), 1e-13, what);
      near(sums.outsideMass[i]!, q.reduce((sum, each, v) => sum + (p[v]! === 0 ? each : 0), 0), 1e-13, what);
      if (point.topK > 0) return;
      near(sums.qualityShift[i]!, q.reduce((sum, each, v) => sum - (each - p[v]!) * Math.log(pJudge[v]!), 0), 1e-12, what);
      near(of.quality[i]!, p.reduce((sum, each, v) => sum - each * Math.log(pJudge[v]!), 0), 1e-12, what);
      near(of.entropy[i]!, p.reduce((sum, each) => sum - (each > 0 ? each * Math.log(each) : 0), 0), 1e-12, what);
    });
  }
});

function compared(rows: number, logits: Float32Array): ComparedScores {
  return { logits, nll: new Float64Array(rows), entropy: new Float64Array(rows), kl: new Float64Array(rows), top1: new Int32Array(rows) };
}

test('equal logits differ by exactly nothing', () => {
  const vocabulary = 500;
  const points = [0, 0.3, 1].map((temperature) => ({ temperature, topK: 0 })).concat({ temperature: 1, topK: 40 });
  const logits = row(1, vocabulary);
  const { sums } = sampled(points, logits, logits.slice(), row(2, vocabulary));
  for (const each of Object.values(sums)) assert.equal([...each], [0, 0, 0, 0]);
  const [base, format] = [compared(1, logits), compared(1, logits.slice())];
  referenceStatistics.fidelity(vocabulary, Int32Array.of(7), base, [format]);
  assert.is(format.kl[0], 0);
  assert.is(format.nll[0], base.nll[0]);
  assert.is(format.entropy[0], base.entropy[0]);
});

test('fidelity equals its definitions, row by row', () => {
  const vocabulary = 80;
  for (let seed = 0; seed < 20; seed++) {
    const [base, format] = [compared(3, row(seed, 3 * vocabulary)), compared(3, row(seed + 50, 3 * vocabulary))];
    const tokens = Int32Array.of(1, seed * 4, 79);
    referenceStatistics.fidelity(vocabulary, tokens, base, [format]);
    const point = { temperature: 1, topK: 0 };
    tokens.forEach((token, i) => {
      const own = ({ logits }: ComparedScores): number[] => distribution(logits.slice(i * vocabulary, (i + 1) * vocabulary), point);
      const [p, q] = [own(base), own(format)];
      near(base.nll[i]!, -Math.log(p[token]!), 1e-12);
      near(format.nll[i]!, -Math.log(q[token]!), 1e-12);
      near(format.kl[i]!, p.reduce((sum, each, v) => sum + each * Math.log(each / q[v]!), 0), 1e-12);
      near(base.entropy[i]!, -p.reduce((sum, each) => sum + each * Math.log(each), 0), 1e-12);
      near(format.entropy[i]!, -q.reduce((sum, each) => sum + each * Math.log(each), 0), 1e-12);
      assert.is(base.top1[i], p.indexOf(Math.max(...p)));
      assert.is(format.top1[i], q.indexOf(Math.max(...q)));
    });
  }
});

test('arrays of a wrong length are refused, with their name', () => {
  assert.throws(() => referenceStatistics.logSumExp(4, new Float32Array(7), new Float64Array(2)), /logits has 7 values; it must have 8/);
  assert.throws(() => referenceStatistics.logSumExp(0, new Float32Array(0), new Float64Array(2)), /a vocabulary of 0 tokens/);
  const [base, format] = [compared(1, row(1, 9)), { ...compared(1, row(1, 9)), kl: new Float64Array(2) }];
  assert.throws(() => referenceStatistics.fidelity(9, Int32Array.of(0), base, [format]), /kl has 2 values; it must have 1/);
  assert.throws(() => referenceStatistics.fidelity(9, Int32Array.of(9), base, []), /token 9 is outside/);
  assert.throws(() => sampled([{ temperature: 1, topK: 10 }], row(1, 9), row(2, 9), row(3, 9)), /top_k 10/);
  assert.throws(() => sampled([{ temperature: -1, topK: 0 }], row(1, 9), row(2, 9), row(3, 9)), /temperature -1/);
});

test('the normal quantile equals Python 3.11 statistics.NormalDist().inv_cdf', () => {
  for (const [u, x] of [
    [1e-10, -6.361340902404056], [1e-6, -4.753424308822899], [0.001, -3.090232306167813], [0.02, -2.0537489106318225], [0.07499, -1.4396021182393162],
    [0.0751, -1.4388253927525398], [0.3, -0.5244005127080407], [0.5, 0], [0.6, 0.2533471031357998], [0.925, 1.439531470938456], [0.9999, 3.7190164854557084],
  ] as const) near(normalQuantile(u), x, 4e-15, `u = ${u}`);
});

test('noise is standard normal, the same each time, and a row is the beginning of a longer one', () => {
  const noise = new Float64Array(50_000);
  normalRow(3, 4, 5, noise);
  const moment = (power: number): number => noise.reduce((sum, x) => sum + x ** power, 0) / noise.length;
  near(moment(1), 0, 0.02);
  near(moment(2), 1, 0.03);
  near(moment(3), 0, 0.06);
  near(moment(4), 3, 0.2);
  const odd = new Float64Array(7);
  normalRow(3, 4, 5, odd);
  assert.equal([...odd], [...noise.slice(0, 7)]);
  normalRow(3, 4, 6, odd);
  assert.not.equal(odd[0], noise[0]);
});

test('the null samples every stride-th position with enough context; a position\'s noise is its own', () => {
  const text = { windows: 2, windowTokens: 100, positions: 99, ids: new Int32Array(200), bytes: new Int32Array(200) };
  const sampler = new NullSampler(3, text, 24);
  const [base, judge, own] = [Float32Array.of(9, 9, 9, 1, 2, 3), Float32Array.of(0, 0, 0, 4, 5, 6), new Float32Array(18)];
  for (const window of [0, 1]) {
    for (let index = 0; index < text.positions; index++) {
      if (!sampler.has(index)) continue;
      sampler.take({ window, index, at: 3 }, base, judge);
      sampler.takeRow({ window, index, at: 0 }, base, own);
    }
  }
  assert.is(sampler.perWindow, 3);
  assert.equal([...sampler.sample.window], [0, 0, 0, 1, 1, 1]);
  assert.equal([...sampler.sample.index], [48, 72, 96, 148, 172, 196]); // tokens of the text, not of the window
  assert.equal([...sampler.sample.base.subarray(15)], [1, 2, 3]);
  assert.equal([...sampler.sample.judge.subarray(15)], [4, 5, 6]);
  assert.equal([...own], new Array(18).fill(9));
});

/** `count` rows, one after the other. */
function rows(seed: number, count: number, vocabulary: number): Float32Array {
  const all = new Float32Array(count * vocabulary);
  for (let i = 0; i < count; i++) all.set(row(seed + i, vocabulary, 3), i * vocabulary);
  return all;
}

test('the null has the format\'s mean KL, and a request\'s result does not depend on its neighbours', () => {
  const [vocabulary, count] = [300, 12];
  const stacked = (seed: number): Float32Array => rows(seed, count, vocabulary);
  const base = stacked(0);
  const noise = stacked(1000);
  const requests = [0.02, 0.1].map((scale) => ({ logits: base.map((z, i) => z + scale * noise[i]!), temperatures: [0.5, 1] }));
  const sample = { vocabulary, count, window: Int32Array.from({ length: count }, (_, i) => i >> 2), index: Int32Array.from({ length: count }, (_, i) => 40 + i), base, judge: stacked(500) };
  const results = nullShifts(referenceStatistics, sample, requests, 3, 4, { seed: 1, text: 2 });
  for (const { formatKl, noiseKl } of results) near(noiseKl / formatKl, 1, 1e-4);
  near(results[0]!.sigma, 0.06, 0.02); // the format is noise of 0.02 * 3
  assert.equal(results[0]!.draws.map((draws) => draws.map((windows) => windows.length)), [[3, 3, 3, 3], [3, 3, 3, 3]]);
  assert.equal(nullShifts(referenceStatistics, sample, [{ ...requests[1]!, temperatures: [1] }], 3, 4, { seed: 1, text: 2 })[0]!.draws[0], results[1]!.draws[1]);
  // The expected judge NLL that the shifts are differences of.
  const weights = sample.judge.subarray(0, vocabulary);
  const expected = distribution(base.slice(0, vocabulary), { temperature: 0.5, topK: 0 }).reduce((sum, p, v) => sum + p * weights[v]!, 0);
  near(softmaxMean(base, 0, vocabulary, base[argmax(base, 0, vocabulary)]!, 2, weights, 0), expected, 1e-12);
});

test('draws come in pairs: noise, and the same noise with its sign turned; their mean leaves out what is in proportion to it', () => {
  const [vocabulary, count, draws] = [200, 16, 5];
  const [base, judge, noise] = [rows(0, count, vocabulary), rows(500, count, vocabulary), rows(1000, count, vocabulary)];
  const sample = { vocabulary, count, window: new Int32Array(count), index: Int32Array.from({ length: count }, (_, i) => 40 + i), base, judge };
  const request = { logits: base.map((z, i) => z + 0.06 * noise[i]!), temperatures: [0.7] };
  const [result] = nullShifts(referenceStatistics, sample, [request], 1, draws, { seed: 1, text: 2 });
  const shifts = result!.draws[0]!.map(([sum]) => sum!);
  assert.is(shifts.length, draws);
  const quality = new Float64Array(3 * count);
  const lse = new Float64Array(count);
  referenceStatistics.logSumExp(vocabulary, judge, lse);
  const surprisal = judge.map((z, i) => lse[Math.floor(i / vocabulary)]! - z);
  referenceStatistics.noiseQuality({ vocabulary, base, counters: sample.index, keys: [1 + 1, 2] }, surprisal, Float64Array.of(0, result!.sigma, -result!.sigma), Float64Array.of(0.7), quality);
  const total = (from: number): number => quality.subarray(from * count, (from + 1) * count).reduce((sum, each) => sum + each, 0);
  near(shifts[2]!, total(1) - total(0), 1e-9);
  near(shifts[3]!, total(2) - total(0), 1e-9);
  // What is left of a pair is of second order.
  assert.ok(Math.abs(shifts[0]! + shifts[1]!) < Math.abs(shifts[0]! - shifts[1]!) / 2, shifts.join());
});

test.run();
