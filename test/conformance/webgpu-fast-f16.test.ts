/**
 * The engine webgpu-fast-f16 on an adapter with fp16 arithmetic: the one that is here, or Mesa's lavapipe. Every op, format and odd shape within the bound that it says of
 * itself, with subgroups and without; weights in pieces; a model's logits; kernels that are wrong.
 */
import { rmSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openEngine, scoreWindow } from '../../kernels/index.ts';
import type { Ops } from '../../kernels/index.ts';
import { F16_PRODUCTS, firstOutside, toleranceCases, toleranceTest } from '../../kernels/engines/fast-selftest.ts';
import { gpuOps, openingCases, productTrials, trying } from '../../kernels/engines/gpu-selftest.ts';
import { RecordedOps } from '../../kernels/engines/recorded-ops.ts';
import { ReferenceOps } from '../../kernels/engines/reference.ts';
import { openWebGpuFast } from '../../kernels/engines/webgpu-fast.ts';
import { webgpuFastF16 } from '../../kernels/engines/webgpu-fast-f16.ts';
import { logitsBound } from '../../kernels/logits-bound.ts';
import { input, table, testValues } from '../../kernels/op-cases/case.ts';
import { EngineUnfit } from '../../kernels/selftest.ts';
import { gpuContext } from '../../kernels/webgpu/context.ts';
import type { GpuContext } from '../../kernels/webgpu/context.ts';
import { WebGpuDevice } from '../../kernels/webgpu/device.ts';
import { kernelSources } from '../../kernels/webgpu/sources.ts';
import { LAYER, lavapipe } from '../gpu/lavapipe.ts';
import { passesOn } from '../gpu/on-lavapipe.ts';
import { bundledCheckpoint, sessionOf, someTokens } from '../kernels/test-models.ts';
import { notRun } from '../not-run.ts';

const NAME = 'webgpu-fast-f16';

test('auto never takes it', async () => {
  await openEngine('auto', [{ ...webgpuFastF16, rank: 99 }]).then(() => assert.unreachable(), (error) => assert.match(error.message, /no exact engine works here/));
});

const lacks = await webgpuFastF16.unavailable();
if (lacks === undefined) await suite();
else {
  const found = process.env['VK_INSTANCE_LAYERS'] === LAYER ? lacks : lavapipe();
  if (typeof found === 'string') notRun(`engine ${NAME}`, `${lacks}; ${found}`);
  else if (/the package webgpu/.test(lacks)) notRun(`engine ${NAME}`, lacks);
  else {
    if (lacks.includes('shader-f16')) test('an adapter without fp16 arithmetic is refused with its name', async () => {
      await openEngine(NAME).then(() => assert.unreachable(), (error) => assert.ok(error.message.includes(lacks), error.message));
    });
    test.after(() => rmSync(found.folder, { recursive: true }));
    test(`${NAME} on lavapipe`, () => passesOn(found.env, 'conformance/webgpu-fast-f16.test.ts'));
  }
}

async function suite(): Promise<void> {
  const { build, canonical, ops, context } = await openWebGpuFast(undefined, NAME);
  ops.dispose();
  const sources = await kernelSources();
  const fresh = (own: GpuContext, mostBytes?: number): Ops => new RecordedOps(new WebGpuDevice(own, mostBytes));
  const without = gpuContext(context.device, sources, 'plain', { width: 1, f16: true });

  for (const [own, how] of [[context, build], [without, 'without subgroups']] as const) test(`${NAME}: every op and format within its bound (${how})`, async () => {
    assert.is(canonical, false);
    assert.match(build, /^webgpu-[0-9a-f]{12}-fast-f16-/);
    await toleranceTest(NAME, F16_PRODUCTS, gpuOps(own), [...toleranceCases('full'), ...openingCases()]);
    await trying(NAME, F16_PRODUCTS, own).tried!(productTrials(true).keys());
  });

  const product = (format: string, rows: number, columns: number) => async (own: Ops): Promise<Float32Array> => {
    const x = input(own, rows, columns, testValues(1, rows * columns));
    return own.read(own.linear(x, table(own, format, 130, columns, testValues(2, 130 * columns, 0.05)), own.vector(testValues(3, 130))), 'product');
  };

  test(`${NAME}: products are of fp16 where it says so, and only there`, async () => {
    for (const [format, rows, rounded] of [['nf4', 1, true], ['fp4-dq', 3, true], ['nf4', 40, true], ['fp16', 40, true], ['fp16', 3, false], ['bf16', 40, false], ['fp32', 40, false]] as const) {
      const run = product(format, rows, 256);
      const apart = firstOutside(await run(new ReferenceOps()), await run(fresh(context)), 2e-3);
      assert.is(apart !== undefined, rounded, `${format}, ${rows} rows`);
    }
  });

  test(`${NAME}: weights in pieces are the same products`, async () => {
    for (const [format, rows] of [['nf4', 1], ['nf4', 40], ['fp16', 130]] as const) {
      const run = product(format, rows, 192);
      assert.equal(await run(fresh(context, 1024)), await run(fresh(context)), `${format}, ${rows} rows`);
    }
  });

  for (const format of ['fp16', 'int8', 'nf4', 'fp4-dq']) test(`${NAME}: a model's logits in ${format}`, async () => {
    const checkpoint = bundledCheckpoint('novel-1m');
    const expected = await scoreWindow(sessionOf(checkpoint, format), someTokens(40, 2048));
    const session = sessionOf(checkpoint, format, await openWebGpuFast(undefined, NAME));
    const actual = await scoreWindow(session, someTokens(40, 2048));
    session.dispose();
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const apart = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i]!)), 0);
    assert.ok(apart <= largest * logitsBound(format, NAME), `${apart} apart, of ${largest}`);
  });

  test(`${NAME}: what fp16 cannot hold is refused when it is read, not passed on`, async () => {
    const x = (own: Ops) => input(own, 1, 64, new Float32Array(64).fill(7e4));
    const own = fresh(context);
    await own.read(own.linear(x(own), table(own, 'nf4', 4, 64, new Float32Array(256).fill(1))), 'product').then(() => assert.unreachable(), (error) => assert.is(error.name, 'NotFinite'));
  });

  const WRONG = {
    'codes in the wrong order': ['row table4 1 32 f16', 'quads-table4-f16', 'scales[at + (byte >> 4u)], scales[at + (byte & 15u)]', 'scales[at + (byte & 15u)], scales[at + (byte >> 4u)]'],
    'a sum that forgets': ['tile fp16 64 f16', 'terms-f16', 'return acc + vec4f(sum);', 'return vec4f(sum);'],
  } as const;
  for (const [what, [kernel, file, right, wrong]] of Object.entries(WRONG)) test(`${NAME}: a wrong kernel is noticed: ${what}`, async () => {
    assert.ok(sources[file]!.includes(right));
    const own = gpuContext(context.device, { ...sources, [file]: sources[file]!.replace(right, wrong) }, 'plain', { width: 1, f16: true });
    await trying(NAME, F16_PRODUCTS, own).tried!([kernel]).then(() => assert.unreachable(), (error) => assert.ok(error instanceof EngineUnfit, String(error)));
  });
}

test.run();
