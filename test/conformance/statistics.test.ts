/**
 * The statistics of every canonical engine of the register against the reference's, bit for bit: fewer rows than lanes and ragged blocks,
 * odd vocabularies, ties, denormals, differences beyond every exponential, all kinds of points; and shapes at random. An engine that
 * cannot run here is reported as not run.
 */
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ARITHMETIC_VERSION, engines, EngineUnfit, openEngine, threefry2x32 } from '../../kernels/index.ts';
import { testValues } from '../../kernels/op-cases/case.ts';
import type { ComparedScores, FormatSums, SamplingPoint, Statistics, SummedRows } from '../../kernels/statistics.ts';
import { referenceStatistics } from '../../kernels/statistics/reference.ts';
import { firstDifference64, statisticsCases, statisticsSelfTest } from '../../kernels/statistics/selftest.ts';
import { nativeForTests } from '../kernels/native-library.ts';
import { notHere, notRun } from '../not-run.ts';

await nativeForTests();
for (const engine of engines) {
  const missing = await engine.unavailable();
  if (missing !== undefined) {
    // No suite's business: its statistics are those of wasm.
    (missing.endsWith('has no shader-f16') ? notHere : notRun)(`statistics of engine ${engine.name}`, missing);
    continue;
  }
  if (!engine.canonical) continue;
  const statistics = async (): Promise<Statistics> => {
    const { instance } = await openEngine(engine.name);
    instance.ops.dispose();
    return instance.statistics;
  };

  test(`${engine.name}: every statistic as the reference`, async () => statisticsSelfTest(engine.name, await statistics(), statisticsCases('full')));

  test(`${engine.name}: shapes, grids and company at random as the reference`, async () => {
    const own = await statistics();
    for (let seed = 0; seed < 60; seed++) {
      const [expected, actual] = [randomRun(referenceStatistics, seed), randomRun(own, seed)];
      const at = firstDifference64(expected, actual);
      assert.is(at, undefined, `seed ${seed}: element ${at} is ${actual[at!]}, not ${expected[at!]}`);
    }
  });

  test(`${engine.name}: a format's numbers do not depend on its company, nor a row's on the rows beside it`, async () => {
    const own = await statistics();
    const [rows, vocabulary] = [11, 50];
    const points = [0, 5].flatMap((topK) => [0.3, 1].map((temperature) => ({ temperature, topK })));
    const [base, judge, first, second] = [1, 2, 3, 4].map((seed) => testValues(seed, rows * vocabulary)) as [Float32Array, Float32Array, Float32Array, Float32Array];
    const together = [summed(first, points), summed(second, points)];
    own.sampling(vocabulary, points, baseSums(base, points), judge, together);
    const alone = summed(second, points);
    for (let row = 0; row < rows; row++) {
      const part = (all: Float32Array): Float32Array => all.slice(row * vocabulary, (row + 1) * vocabulary);
      own.sampling(vocabulary, points, baseSums(part(base), points), part(judge), [{ logits: part(second), sums: alone.sums }]);
    }
    assert.equal(together[1]!.sums, alone.sums);
  });

  test(`${engine.name}: what does not fit the contract is refused`, async () => {
    const own = await statistics();
    const logits = testValues(1, 12);
    assert.throws(() => own.logSumExp(6, logits, new Float64Array(3)), /logits has 12 values; it must have 18/);
    assert.throws(() => own.logSumExp(0, logits, new Float64Array(2)), /a vocabulary of 0 tokens/);
    assert.throws(() => own.fidelity(6, Int32Array.of(0, 6), compared(logits, 2), []), /token 6 is outside the vocabulary of 6/);
    assert.throws(() => own.fidelity(6, Int32Array.of(0, 1), compared(logits, 2), [compared(logits, 1)]), /nll has 1 values; it must have 2/);
    assert.throws(() => own.sampling(5, [], baseSums(logits, []), logits, []), /12 logits are not whole rows of 5/);
    const beyond = [{ temperature: 1, topK: 7 }];
    assert.throws(() => own.sampling(6, beyond, baseSums(logits, beyond), logits, []), /top_k 7/);
    assert.throws(() => own.noiseQuality({ vocabulary: 6, base: logits, counters: new Int32Array(2), keys: [1, 2] }, logits, Float64Array.of(1), Float64Array.of(0), new Float64Array(2)), /temperature 0/);
  });

  test(`${engine.name}: no rows, no points and no formats are nothing to do`, async () => {
    const own = await statistics();
    const none = new Float32Array(0);
    own.logSumExp(6, none, new Float64Array(0));
    own.fidelity(6, new Int32Array(0), compared(none, 0), [compared(none, 0)]);
    own.sampling(6, [], baseSums(none, []), none, []);
    own.sampling(6, [], baseSums(testValues(1, 12), []), testValues(2, 12), [summed(testValues(3, 12), [])]);
    own.rowKl(6, none, none, new Float64Array(0));
    own.noiseKl({ vocabulary: 6, base: testValues(1, 6), counters: new Int32Array(1), keys: [1, 2] }, new Float64Array(0), new Float64Array(0));
  });
}

/** As test/kernels/arithmetic.test.ts for the ops: exact keys hold of all this the arithmetic version alone. */
test('the bits of the statistics of this arithmetic version are frozen', () => {
  assert.is(ARITHMETIC_VERSION, 1);
  const hash = createHash('sha256');
  for (const { run } of statisticsCases('full')) hash.update(run(referenceStatistics));
  assert.is(hash.digest('hex').slice(0, 16), '38a2197d8db45c01');
});

test('a statistic that differs makes an engine unfit, and is named', () => {
  const wrong: Statistics = { ...referenceStatistics, logSumExp: (vocabulary, logits, lse) => {
    referenceStatistics.logSumExp(vocabulary, logits, lse);
    lse[1]! += 1;
  } };
  const broken: Statistics = { ...referenceStatistics, rowKl: () => { throw new Error('no memory'); } };
  for (const [statistics, message] of [[wrong, /disagrees with the reference.*logSumExp.*element 1/], [broken, /rowKl.*no memory/]] as const) {
    assert.throws(() => statisticsSelfTest('x', statistics), (error: Error) => error instanceof EngineUnfit && message.test(error.message));
  }
});

function compared(logits: Float32Array, rows: number): ComparedScores {
  return { logits, nll: new Float64Array(rows), entropy: new Float64Array(rows), kl: new Float64Array(rows), top1: new Int32Array(rows) };
}

function summed(logits: Float32Array, { length }: readonly SamplingPoint[]): SummedRows<FormatSums> {
  return { logits, sums: { totalVariation: new Float64Array(length), outsideMass: new Float64Array(length), qualityShift: new Float64Array(length) } };
}

function baseSums(logits: Float32Array, { length }: readonly SamplingPoint[]): Parameters<Statistics['sampling']>[2] {
  return { logits, sums: { entropy: new Float64Array(length), quality: new Float64Array(length) } };
}

/** Everything once, of sizes and kinds that the seed says. */
function randomRun(statistics: Statistics, seed: number): Float64Array {
  let draws = 0;
  const upTo = (most: number): number => (threefry2x32(seed, 9, draws++, 0)[0] >>> 0) % (most + 1);
  const [rows, vocabulary] = [1 + upTo(20), 1 + upTo(upTo(3) === 0 ? 700 : 90)];
  const scale = [1, 4, 1e-38, 200][upTo(3)]!;
  const steps = [0, 2, 50][upTo(2)]!; // 0: as they are; else rounded, so that some are equal
  const values = (n: number): Float32Array => testValues(1000 * seed + n, rows * vocabulary, scale).map((z) => steps === 0 ? z : Math.round(z * steps) / steps);
  const points = Array.from({ length: upTo(24) }, () => ({ temperature: [0, 0.1, 0.7, 1, 1.3, 1e-4, 30][upTo(6)]!, topK: upTo(1) * upTo(vocabulary) }));
  const base = values(0);
  const formats = Array.from({ length: upTo(4) }, (_, f) => {
    const distance = upTo(1) === 0 ? 1 : 0.01;
    return upTo(4) === 0 ? base : values(f + 1).map((z, i) => base[i]! + distance * z);
  });
  const lse = new Float64Array(rows);
  statistics.logSumExp(vocabulary, base, lse);
  const [own, scores] = [compared(base, rows), formats.map((logits) => compared(logits, rows))];
  statistics.fidelity(vocabulary, Int32Array.from({ length: rows }, () => upTo(vocabulary - 1)), own, scores);
  const [ownSums, sums] = [baseSums(base, points), formats.map((logits) => summed(logits, points))];
  statistics.sampling(vocabulary, points, ownSums, values(10), sums);
  const kl = new Float64Array(rows);
  statistics.rowKl(vocabulary, base, values(11), kl);
  const noise = { vocabulary, base, counters: Int32Array.from({ length: rows }, () => upTo(100_000)), keys: [upTo(4294967294), upTo(9)] as const };
  const sigmas = Float64Array.from({ length: 1 + upTo(4) }, () => upTo(100) / 50);
  const temperatures = Float64Array.from({ length: 1 + upTo(5) }, () => (1 + upTo(20)) / 10);
  const [noisyKl, quality] = [new Float64Array(sigmas.length * rows), new Float64Array(sigmas.length * temperatures.length * rows)];
  statistics.noiseKl(noise, sigmas, noisyKl);
  statistics.noiseQuality(noise, values(12), sigmas, temperatures, quality);
  return Float64Array.from([
    lse, kl, noisyKl, quality, ...[own, ...scores].flatMap((row) => [row.nll, row.entropy, row.kl, row.top1]), ...[ownSums, ...sums].flatMap((row) => Object.values(row.sums)),
  ].flatMap((array) => [...array]));
}

test.run();
