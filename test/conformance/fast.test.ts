/**
 * The engine `fast`, which is held to bounds instead of bits: each of its instruction sets that this processor has, and the exact kernels that
 * stand in where it has none; every op; whole models; what its rounding does to the distributions of a text.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formats, scoreWindow } from '../../kernels/index.ts';
import type { Session } from '../../kernels/index.ts';
import { exp64, log64 } from '../../kernels/float64.ts';
import { computesOf, fast, openFast } from '../../kernels/engines/fast.ts';
import { firstOutside, FUSED_FP32, toleranceCases, toleranceTest } from '../../kernels/engines/fast-selftest.ts';
import { NativeDevice } from '../../kernels/engines/native-device.ts';
import { RecordedOps } from '../../kernels/engines/recorded-ops.ts';
import { ReferenceOps } from '../../kernels/engines/reference.ts';
import { logitsBound } from '../../kernels/logits-bound.ts';
import { EngineUnfit } from '../../kernels/selftest.ts';
import { bundledCheckpoint, goldenModels, sessionOf, someTokens, tinyCheckpoint } from '../kernels/test-models.ts';
import { nativeForTests } from '../kernels/native-library.ts';
import { notHere, notRun } from '../not-run.ts';

/**
 * Largest difference of a logit from the reference's, as a part of the largest logit, and the mean KL divergence in nats. fp32: a sum of some
 * hundred products, in other order. bf16: half a unit of 8 bits on each factor, averaged over the columns of every product on the way. int8: a
 * last bit of an activation may turn its code into the neighbour, 1/127 of the row's largest away, and again in each layer.
 */
const LOGITS = { fused: logitsBound('fp32'), bf16: 0.03, int8: logitsBound('int8') };
const MEAN_KL = { fused: 1e-9, bf16: 1e-4, int8: 2e-3 };

const library = await nativeForTests();
if (typeof library === 'string') notRun('engine fast', library);
else {
  const { functions } = library;
  const sets = functions.fastInstructionSets();
  for (const set of ['fast-amx', 'fast-avx512-bf16', 'fast-avx512', 'fast-avx2']) if (!sets.includes(set)) notHere(`engine fast (${set})`, 'this processor or its system lacks it');

  for (const set of sets) {
    const kindOf = (format: string) => (format === 'int8' ? 'int8' : computesOf(set) === FUSED_FP32 ? 'fused' : 'bf16');
    test(`${set}: every op and format within its bound, with threads`, async () => {
      await toleranceTest(set, computesOf(set), () => new RecordedOps(new NativeDevice(functions, set, 3)), toleranceCases('full'));
    });

    for (const { name: format } of formats) {
      test(`${set} ${format}: logits of the tiny models, in one step, in a batch and token by token`, async () => {
        for (const model of ['llama', 'llama_tied']) {
          const tokens = someTokens(70, 128);
          const expected = await logitsOf(sessionOf(tinyCheckpoint(model), format), tokens);
          const session = sessionOf(tinyCheckpoint(model), format, await openFast({ instructionSet: set, threads: 2 }));
          const bound = LOGITS[kindOf(format)] * largest(expected);
          within(expected, await scoreWindow(session, tokens), bound, `${model} in one step`);
          within(expected, await byPieces(session, tokens, 1), bound, `${model} token by token`);
          within(expected, await byPieces(session, tokens, 9), bound, `${model} in pieces`);
          session.dispose();
        }
      });
    }

    test(`${set}: logits of every architecture`, async () => {
      for (const { name, checkpoint } of goldenModels()) {
        const tokens = someTokens(70, 96);
        const expected = await logitsOf(sessionOf(checkpoint, 'bf16'), tokens);
        const session = sessionOf(checkpoint, 'bf16', await openFast({ instructionSet: set, threads: 2 }));
        within(expected, await scoreWindow(session, tokens), LOGITS[kindOf('bf16')] * largest(expected), name);
        session.dispose();
      }
    });

    test(`${set}: distributions of a text`, async () => {
      for (const format of ['fp16', 'int8', 'nf4']) {
        const tokens = someTokens(96, 2048);
        const expected = await logitsOf(sessionOf(bundledCheckpoint('novel-1m'), format), tokens);
        const actual = await logitsOf(sessionOf(bundledCheckpoint('novel-1m'), format, await openFast({ instructionSet: set })), tokens);
        within(expected, actual, LOGITS[kindOf(format)] * largest(expected), format);
        const kl = meanKl(expected, actual, 2048);
        assert.ok(kl <= MEAN_KL[kindOf(format)], `${format}: mean KL ${kl}`);
      }
    });
  }

  test('fast: says what computes, and is never exact', async () => {
    const { name, canonical, build, computes, ops } = await fast.open();
    ops.dispose();
    assert.is(name, 'fast');
    assert.is(canonical, false);
    assert.match(build, /^fast-([0-9a-f]{12}-(amx|avx512-bf16|avx512|avx2)|exact-)/);
    assert.ok(computes !== undefined && computes.length > 0);
    assert.is(fast.rank, 0);
  });

  test('fast: what is not one of its instruction sets is refused', async () => {
    await openFast({ instructionSet: 'fast-abacus' }).then(() => assert.unreachable(), (error) => assert.match(error.message, /lacks the instruction set/));
  });
}

test('the tolerance test notices an op that is wrong by more than rounding', async () => {
  const wrong = (change: Partial<ReferenceOps>) => Object.assign(new ReferenceOps(), change);
  const unchanged = ReferenceOps.prototype;
  for (const [what, make] of Object.entries({
    linear: () => wrong({ linear: function (this: ReferenceOps, x, w, bias) { return unchanged.linear.call(this, x, w, bias); } }),
    rmsNorm: () => wrong({ rmsNorm: function (this: ReferenceOps, x, weight, eps) { return unchanged.rmsNorm.call(this, x, weight, eps * 100); } }),
    attention: () => wrong({ attention: function (this: ReferenceOps, q, k, v, cache, layer, shape) { return unchanged.attention.call(this, q, k, v, cache, layer, { ...shape, window: 3 }); } }),
    siluMul: () => wrong({ siluMul: function (this: ReferenceOps, gate, up) { return unchanged.siluMul.call(this, up, gate); } }),
    add: () => wrong({ add: (a) => a }),
  })) {
    await toleranceTest('wrong', FUSED_FP32, make).then(() => assert.unreachable(what), (error) => assert.ok(error instanceof EngineUnfit, what));
  }
  await toleranceTest('right', FUSED_FP32, () => new ReferenceOps());
});

test('a value that is not a number is outside of any bound', () => {
  assert.is(firstOutside(Float32Array.of(1, 2), Float32Array.of(1, NaN), Infinity), 1);
  assert.is(firstOutside(Float32Array.of(1, 2), Float32Array.of(1.5, 2), 0.5), undefined);
});

async function logitsOf(session: Session, tokens: Int32Array): Promise<Float32Array> {
  const logits = await scoreWindow(session, tokens);
  session.dispose();
  return logits;
}

/** Logits of all tokens, fed so many at a time. */
async function byPieces(session: Session, tokens: Int32Array, size: number): Promise<Float32Array> {
  const { vocabulary } = session.shape;
  const all = new Float32Array(tokens.length * vocabulary);
  session.reset(1, tokens.length);
  for (let from = 0; from < tokens.length; from += size) {
    const token = tokens.subarray(from, from + size);
    all.set(await session.step({ slot: new Int32Array(token.length), position: token.map((_, i) => from + i), token }), from * vocabulary);
  }
  return all;
}

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function within(expected: Float32Array, actual: Float32Array, bound: number, what: string): void {
  const at = firstOutside(expected, actual, bound);
  assert.is(at, undefined, at === undefined ? '' : `${what}: element ${at} is ${actual[at]}, not ${expected[at]} within ${bound}`);
}

/** Mean over rows of sum p (log p - log q), in nats. */
function meanKl(p: Float32Array, q: Float32Array, vocabulary: number): number {
  const logSum = (row: Float32Array): number => {
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    return most + log64(row.reduce((sum, z) => sum + exp64(z - most), 0));
  };
  let total = 0;
  const rows = p.length / vocabulary;
  for (let row = 0; row < rows; row++) {
    const [a, b] = [p, q].map((all) => all.subarray(row * vocabulary, (row + 1) * vocabulary)) as [Float32Array, Float32Array];
    const [sumA, sumB] = [logSum(a), logSum(b)];
    for (let v = 0; v < vocabulary; v++) total += exp64(a[v]! - sumA) * (a[v]! - sumA - (b[v]! - sumB));
  }
  return total / rows;
}

test.run();
