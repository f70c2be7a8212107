/**
 * The WebGPU engine on the adapter that is here (SwiftShader where there is no GPU) against the reference: every op, format and odd shape; weights in pieces; a whole
 * model's logits and drawn tokens; and what happens when the device is lost or has no room.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { generate, openEngine, scoreWindow } from '../../kernels/index.ts';
import type { EngineInstance, Ops } from '../../kernels/index.ts';
import { boundedGpuCases, exactGpuCases, gpuOps, gpuToleranceTest } from '../../kernels/engines/gpu-selftest.ts';
import { FUSED_FP32 } from '../../kernels/engines/fast-selftest.ts';
import { RecordedOps } from '../../kernels/engines/recorded-ops.ts';
import { logitsBound } from '../../kernels/logits-bound.ts';
import { disagreement, openWebGpu, webgpu } from '../../kernels/engines/webgpu.ts';
import { input, table, testValues } from '../../kernels/op-cases/case.ts';
import { EngineUnfit, firstDifference, opCases, selfTest } from '../../kernels/selftest.ts';
import type { OpCase } from '../../kernels/op-cases/case.ts';
import { openGpu } from '../../kernels/webgpu/adapter.ts';
import { gpuContext } from '../../kernels/webgpu/context.ts';
import { WebGpuDevice } from '../../kernels/webgpu/device.ts';
import { KERNEL_FILES } from '../../kernels/webgpu/pipelines.ts';
import { kernelSources } from '../../kernels/webgpu/sources.ts';
import { bundledCheckpoint, goldenModels, sessionOf, someTokens } from '../kernels/test-models.ts';
import { notRun } from '../not-run.ts';
import { fillable } from './fillable.ts';

test('every file of a kernel is among the sources', async () => {
  assert.equal(Object.keys(await kernelSources()).sort(), [...KERNEL_FILES].sort());
});

test('auto never takes it', async () => {
  const register = [{ ...webgpu, rank: 99 }];
  await openEngine('auto', register).then(() => assert.unreachable(), (error) => assert.match(error.message, /no exact engine works here/));
});

const missing = await webgpu.unavailable();
if (missing !== undefined) notRun('engine webgpu', missing);
else {
  const { agrees, build, computes, ops, context } = await openWebGpu();
  ops.dispose();
  const fresh = (mostBytes?: number): Ops => new RecordedOps(new WebGpuDevice(context, mostBytes));

  test(`webgpu: every op and format as it says of itself: ${computes} (${build})`, async () => {
    if (agrees) await selfTest('webgpu', gpuOps(context), [...opCases('full'), ...exactGpuCases()]);
    else await gpuToleranceTest('webgpu', FUSED_FP32, context, boundedGpuCases('full'));
  });

  test('webgpu: weights that lie in several buffers', async () => {
    const product = (name: string): OpCase => ({
      name: `${name} in pieces`,
      run(own) {
        const x = input(own, 3, 192, testValues(1, 576));
        const w = table(own, name, 150, 192, testValues(2, 150 * 192, 0.05));
        return own.read(own.linear(x, w, own.vector(testValues(3, 150)), own.linear(x, w)), 'linear');
      },
    });
    const embedded: OpCase = {
      name: 'rows of several pieces',
      run(own) {
        const w = table(own, 'bf16', 150, 192, testValues(2, 150 * 192));
        own.begin({ slot: new Int32Array(4), position: Int32Array.of(0, 1, 2, 3), token: Int32Array.of(149, 0, 64, 63) });
        return own.read(own.embed(w), 'embed');
      },
    };
    // 64 rows are the least that a piece has.
    const cases = [...['fp32', 'fp16', 'bf16', 'int8', 'nf4', 'fp4-dq'].map(product), embedded];
    for (const one of cases) {
      const whole = fresh();
      const inPieces = fresh(1024);
      assert.is(firstDifference(await one.run(whole), await one.run(inPieces)), undefined, one.name);
      whole.dispose();
      inPieces.dispose();
    }
  });

  for (const format of ['fp16', 'nf4', 'int8']) {
    test(`webgpu ${format}: logits of a bundled model, and the tokens drawn from them`, async () => {
      const checkpoint = bundledCheckpoint('novel-1m');
      const run = async (engine?: EngineInstance): Promise<{ logits: Float32Array; tokens: readonly Int32Array[] }> => {
        const session = engine === undefined ? sessionOf(checkpoint, format) : sessionOf(checkpoint, format, engine);
        const logits = await scoreWindow(session, someTokens(48, 2048));
        const prompts = [1, 2].map((key) => ({ ids: someTokens(4, 2048, key), key }));
        const texts = await generate(session, { prompts, temperature: 0.8, topK: 40, maxNewTokens: 8, seed: 7 });
        session.dispose();
        return { logits, tokens: texts.map((text) => Int32Array.from(text)) };
      };
      const expected = await run();
      const actual = await run(await openWebGpu());
      if (agrees) {
        assert.is(firstDifference(expected.logits, actual.logits), undefined);
        assert.equal(actual.tokens, expected.tokens);
        return;
      }
      const largest = expected.logits.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const apart = expected.logits.reduce((most, value, i) => Math.max(most, Math.abs(value - actual.logits[i]!)), 0);
      assert.ok(apart <= largest * logitsBound(format), `${apart} apart, of ${largest}`);
    });
  }

  test('webgpu: logits of every architecture', async () => {
    if (!agrees) return notRun('every architecture on webgpu', `this adapter has not the reference's bits: ${computes}`);
    for (const { name, checkpoint } of goldenModels()) {
      const tokens = someTokens(20, 96);
      const [expected, actual] = await Promise.all([undefined, openWebGpu()].map(async (engine) => {
        const session = sessionOf(checkpoint, 'nf4', await engine);
        const logits = await scoreWindow(session, tokens);
        session.dispose();
        return logits;
      }));
      assert.is(firstDifference(expected!, actual!), undefined, name);
    }
  });

  for (const [cases, file, right, wrong] of [
    [/^add$/, 'elementwise', 'out = add(x, y);', 'out = add(x, add(y, y));'],
    [/^attention with even/, 'attend', 'block = first - first % 64u', 'block = first'],
    [/^(embed|products) fp4-dq/, 'weights-table4', '>> u32(op.e2)', '>> 0u'],
    // The last candidate that top_k admits, the first of equal ones, what lies behind the first round of the threads, places from half of the vocabulary on.
    [/^sample/, 'sample', 'i > lastEqual', 'i >= lastEqual'],
    [/^sample/, 'sample', 'tokenOf[i] < best', 'tokenOf[i] > best'],
    [/^sample/, 'sample', 'i < vocabulary; i += 256u) { own += select(0u, 1u, ordered(workspace[logits + i]) > threshold', 'i < 256u; i += 256u) { own += select(0u, 1u, ordered(workspace[logits + i]) > threshold'],
    [/^sample/, 'sample', '0x80000000u >> countLeadingZeros', '0x40000000u >> countLeadingZeros'],
  ] as const) test(`webgpu: a wrong kernel is noticed: ${file} with ${wrong}`, async () => {
    const sources = await kernelSources();
    assert.ok(sources[file]!.includes(right));
    const changed = gpuContext(context.device, { ...sources, [file]: sources[file]!.replace(right, wrong) }, context.rounding);
    const some = [...opCases('start'), ...exactGpuCases()].filter(({ name }) => cases.test(name));
    await selfTest('webgpu', gpuOps(changed), some).then(() => assert.unreachable(), (error) => assert.ok(error instanceof EngineUnfit));
  });

  test('webgpu: a kernel that does not compile is named', async () => {
    const broken = gpuContext(context.device, { ...await kernelSources(), elementwise: 'fn main( {' }, context.rounding);
    const own = new RecordedOps(new WebGpuDevice(broken));
    const x = input(own, 1, 4, testValues(1, 4));
    await own.read(own.add(x, x), 'add').then(() => assert.unreachable(), (error) => assert.match(error.message, /the GPU's compiler refuses the kernel elementwise: /));
    own.dispose();
  });

  test('webgpu: what no buffer can hold is refused with its size', () => {
    const own = fresh();
    assert.throws(() => own.kvCache(1, 1 << 12, 1 << 12, 64, 128), /the keys or values of one layer for 4096 slots of 4096 positions needs \d+ bytes in one piece; this GPU's driver allows \d+/);
    own.dispose();
  });

  test('webgpu: a self-test that finds no memory is no disagreement', async () => {
    const full = gpuContext(fillable(context.device, { full: true, asked: 0 }), await kernelSources(), context.rounding);
    const error = await disagreement(full).then(() => undefined, (thrown: Error) => thrown);
    assert.is(error?.name, 'GpuFull', String(error));
  });

  test('webgpu: a lost device is an error with its reason, and the next one works', async () => {
    const gpu = await openGpu();
    if (typeof gpu === 'string') throw new Error(gpu);
    const own = new RecordedOps(new WebGpuDevice(gpuContext(gpu.device, await kernelSources(), context.rounding)));
    const x = input(own, 2, 4, testValues(1, 8));
    const sum = own.add(x, x);
    gpu.device.destroy();
    await own.read(sum, 'sum').then(() => assert.unreachable(), (error) => assert.match(error.message, /^the GPU was lost \(destroyed/));
    own.dispose();
    const ofLost = await disagreement(gpuContext(gpu.device, await kernelSources(), context.rounding)).then(() => undefined, (error: Error) => error);
    assert.is(ofLost?.name, 'GpuLost', 'a self-test on it says nothing of its bits');
    const next = await openWebGpu();
    assert.is(next.agrees, agrees);
    assert.is(next.canonical, false, 'no exact result comes from it');
    next.ops.dispose();
  });
}

test.run();
