/**
 * What an implementation of the statistics must compute exactly as the reference does. An engine runs statisticsSelfTest() with its
 * own self-test when it is first opened in a process; test/conformance/statistics.test.ts runs the larger set.
 */
import { testValues } from '../op-cases/case.ts';
import { EngineUnfit } from '../selftest.ts';
import type { ComparedScores, NoiseRows, SamplingPoint, Statistics } from '../statistics.ts';
import { referenceStatistics } from './reference.ts';

/** One computation; what it gives must have the same bits whoever computes. */
export interface StatisticsCase {
  readonly name: string;
  run(statistics: Statistics): Float64Array;
}

/** Throws EngineUnfit naming the first case whose bits differ. */
export function statisticsSelfTest(engine: string, statistics: Statistics, cases: readonly StatisticsCase[] = statisticsCases('start')): void {
  for (const { name, run } of cases) {
    const expected = run(referenceStatistics);
    let actual: Float64Array;
    try {
      actual = run(statistics);
    } catch (error) {
      throw new EngineUnfit(engine, `${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    const at = firstDifference64(expected, actual);
    if (at !== undefined) throw new EngineUnfit(engine, `${name}: element ${at} is ${actual[at]}, not ${expected[at]}`);
  }
}

/** Index of the first value whose bits differ, or undefined. */
export function firstDifference64(expected: Float64Array, actual: Float64Array): number | undefined {
  if (expected.length !== actual.length) return Math.min(expected.length, actual.length);
  const bits = (values: Float64Array): BigInt64Array => new BigInt64Array(values.buffer, values.byteOffset, values.length);
  const [a, b] = [bits(expected), bits(actual)];
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? undefined : at;
}

/** Kinds of rows: of a model's spread, with many equal logits, with denormals, with differences beyond every exponential. */
const KINDS: { readonly [kind: string]: (values: Float32Array) => Float32Array } = {
  plain: (values) => values.map((value) => value * 4),
  tied: (values) => values.map((value) => Math.round(value * 2) / 2),
  denormal: (values) => values.map((value, i) => (i % 3 === 0 ? value * 1e-40 : value)),
  extreme: (values) => values.map((value, i) => (i % 5 === 0 ? value * 1e37 : value * 300)),
  equal: (values) => values.fill(-1.5),
};

export const GRID: readonly SamplingPoint[] = [
  ...[0, 0.1, 0.3, 0.5, 0.7, 0.8, 1, 1.3].map((temperature) => ({ temperature, topK: 0 })),
  ...[0.1, 0.7, 1].map((temperature) => ({ temperature, topK: 5 })),
  { temperature: 0.7, topK: 1 }, { temperature: 1, topK: 17 }, { temperature: 0, topK: 5 },
  // More temperatures than any vector has lanes; one that leaves the largest logits alone, one that makes all equal.
  ...[1e-300, 1e-3, 1e300].flatMap((temperature) => [0, 5].map((topK) => ({ temperature, topK }))),
];

/** `start`: milliseconds. `full`: a second or two. */
export function statisticsCases(extent: 'start' | 'full'): StatisticsCase[] {
  // Fewer rows than lanes, and ragged blocks of them; odd vocabularies.
  if (extent === 'start') return [...casesOf(9, 37, 'plain'), ...casesOf(3, 70, 'tied'), ...casesOf(2, 21, 'extreme')];
  const shapes: readonly (readonly [number, number])[] = [[1, 1], [2, 2], [1, 5], [3, 7], [4, 64], [7, 130], [8, 33], [9, 257], [17, 70], [33, 19], [5, 2051]];
  return shapes.flatMap(([rows, vocabulary]) => Object.keys(KINDS).flatMap((kind) => casesOf(rows, vocabulary, kind)));
}

function casesOf(rows: number, vocabulary: number, kind: string): StatisticsCase[] {
  const size = rows * vocabulary;
  const what = `${kind}, ${rows} rows of ${vocabulary}`;
  const given = new Map<number, Float32Array>();
  const of = (seed: number): Float32Array => {
    const values = given.get(seed) ?? KINDS[kind]!(testValues(seed, size));
    given.set(seed, values);
    return values;
  };
  const noise: NoiseRows = { vocabulary, base: of(1), counters: Int32Array.from({ length: rows }, (_, i) => 7 * i + 1), keys: [4294967295, -5] };
  const sigmas = Float64Array.of(0, 0.01, 3.7);
  return [
    { name: `logSumExp ${what}`, run: (statistics) => filled(rows, (lse) => statistics.logSumExp(vocabulary, of(1), lse)) },
    { name: `fidelity ${what}`, run: (statistics) => fidelityRun(statistics, rows, vocabulary, of) },
    { name: `sampling ${what}`, run: (statistics) => samplingRun(statistics, vocabulary, of, GRID.filter(({ topK }) => topK <= vocabulary)) },
    { name: `sampling at one point ${what}`, run: (statistics) => samplingRun(statistics, vocabulary, of, [{ temperature: 0.7, topK: 0 }]) },
    { name: `greedy sampling ${what}`, run: (statistics) => samplingRun(statistics, vocabulary, of, [{ temperature: 0, topK: 0 }]) },
    { name: `rowKl ${what}`, run: (statistics) => filled(rows, (kl) => statistics.rowKl(vocabulary, of(1), of(2), kl)) },
    { name: `noiseKl ${what}`, run: (statistics) => filled(rows * sigmas.length, (kl) => statistics.noiseKl(noise, sigmas, kl)) },
    {
      name: `noiseQuality ${what}`,
      run: (statistics) => filled(rows * sigmas.length * 3, (quality) => statistics.noiseQuality(noise, of(3), sigmas, Float64Array.of(0.1, 0.7, 1), quality)),
    },
  ];
}

function filled(length: number, fill: (values: Float64Array) => void): Float64Array {
  const values = new Float64Array(length).fill(NaN);
  fill(values);
  return values;
}

/** Two formats, one that is the base, and one equal to it. */
function formatsOf(of: (seed: number) => Float32Array): { readonly base: Float32Array; readonly formats: readonly Float32Array[] } {
  const base = of(1);
  return { base, formats: [of(2), base, base.slice(), of(4)] };
}

function fidelityRun(statistics: Statistics, rows: number, vocabulary: number, of: (seed: number) => Float32Array): Float64Array {
  const compared = (logits: Float32Array): ComparedScores => ({ logits, nll: new Float64Array(rows), entropy: new Float64Array(rows), kl: new Float64Array(rows), top1: new Int32Array(rows) });
  const { base, formats } = formatsOf(of);
  const [own, others] = [compared(base), formats.map(compared)];
  statistics.fidelity(vocabulary, Int32Array.from({ length: rows }, (_, i) => (i * 13) % vocabulary), own, others);
  return Float64Array.from([own, ...others].flatMap(({ nll, entropy, kl, top1 }) => [...nll, ...entropy, ...kl, ...top1]));
}

/** Twice, the second time onto the sums of the first. */
function samplingRun(statistics: Statistics, vocabulary: number, of: (seed: number) => Float32Array, points: readonly SamplingPoint[]): Float64Array {
  const zeros = (): Float64Array => new Float64Array(points.length);
  const { base, formats } = formatsOf(of);
  const own = { logits: base, sums: { entropy: zeros(), quality: zeros() } };
  const others = formats.map((logits) => ({ logits, sums: { totalVariation: zeros(), outsideMass: zeros(), qualityShift: zeros() } }));
  for (let time = 0; time < 2; time++) statistics.sampling(vocabulary, points, own, of(3), others);
  return Float64Array.from([own, ...others].flatMap(({ sums }) => Object.values(sums).flatMap((array) => [...array])));
}
