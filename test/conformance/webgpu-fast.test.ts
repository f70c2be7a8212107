/**
 * The engine webgpu-fast on the adapter that is here (SwiftShader where there is no GPU): every op, format and odd shape within the bound that it says of itself, with
 * subgroups and without; ops that share a dispatch; a model's logits; the GPU's clock.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openEngine, scoreWindow } from '../../kernels/index.ts';
import type { MemoryUse, Ops } from '../../kernels/index.ts';
import { firstOutside, FUSED_FP32, toleranceCases, toleranceTest } from '../../kernels/engines/fast-selftest.ts';
import { gpuOps, openingCases, productTrials, trying } from '../../kernels/engines/gpu-selftest.ts';
import { RecordedOps } from '../../kernels/engines/recorded-ops.ts';
import { ReferenceOps } from '../../kernels/engines/reference.ts';
import { openWebGpu } from '../../kernels/engines/webgpu.ts';
import { openWebGpuFast, webgpuFast } from '../../kernels/engines/webgpu-fast.ts';
import { input, table, testValues } from '../../kernels/op-cases/case.ts';
import { EngineUnfit } from '../../kernels/selftest.ts';
import { gpuContext } from '../../kernels/webgpu/context.ts';
import { WebGpuDevice } from '../../kernels/webgpu/device.ts';
import { kernelSources } from '../../kernels/webgpu/sources.ts';
import { bundledCheckpoint, sessionOf, someTokens } from '../kernels/test-models.ts';
import { notRun } from '../not-run.ts';
import { fillable } from './fillable.ts';

test('auto never takes it', async () => {
  await openEngine('auto', [{ ...webgpuFast, rank: 99 }]).then(() => assert.unreachable(), (error) => assert.match(error.message, /no exact engine works here/));
});

const missing = await webgpuFast.unavailable();
if (missing !== undefined) notRun('engine webgpu-fast', missing);
else {
  const { build, canonical, ops, context } = await openWebGpuFast();
  ops.dispose();

  test(`webgpu-fast: every op and format within its bound (${build})`, async () => {
    assert.is(canonical, false);
    await trying('webgpu-fast', FUSED_FP32, context).tried!(productTrials(false).keys());
    await toleranceTest('webgpu-fast', FUSED_FP32, gpuOps(context), toleranceCases('full'));
  });

  /** Queries, keys and values: three products of one activation, of different sizes, some with a bias and a residual, and in pieces. */
  const together = async (own: Ops, format: string, rows: number, columns: number): Promise<Float32Array> => {
    const x = input(own, rows, columns, testValues(1, rows * columns));
    const [q, k, v] = [96, 40, 33].map((outputs, i) => table(own, format, outputs, columns, testValues(2 + i, outputs * columns, 0.05)));
    const all = [own.linear(x, q!, own.vector(testValues(7, 96))), own.linear(x, k!), own.linear(x, v!, own.vector(testValues(8, 33)))];
    // Read one after the other, so that a part that wrote where another's result lies is seen.
    const read: Float32Array[] = [];
    for (const one of all) read.push(await own.read(one, 'product'));
    return Float32Array.from(read.flatMap((values) => [...values]));
  };

  for (const [width, name] of [[undefined, 'as it is'], [1, 'without subgroups']] as const) {
    test(`webgpu-fast: ops that share a dispatch, ${name}`, async () => {
      const own = width === undefined ? context : gpuContext(context.device, await kernelSources(), 'plain', { width });
      for (const format of ['nf4', 'fp16', 'int8']) for (const [rows, columns] of [[1, 256], [1, 2304], [3, 192], [21, 128], [130, 64]] as const) {
        const expected = await together(new ReferenceOps(), format, rows, columns);
        const actual = await together(new RecordedOps(new WebGpuDevice(own)), format, rows, columns);
        assert.is(firstOutside(expected, actual, 2e-3), undefined, `${format} ${rows} x ${columns}`);
        if (rows > 3 || width !== undefined) continue;
        const pieces = await together(new RecordedOps(new WebGpuDevice(own, 1024)), format, rows, columns);
        assert.is(firstOutside(expected, pieces, 2e-3), undefined, `${format} ${rows} x ${columns} in pieces`);
      }
    });
  }

  test('webgpu-fast: a model\'s logits, its memory, and the time that the GPU worked', async () => {
    const checkpoint = bundledCheckpoint('novel-1m');
    const exact = sessionOf(checkpoint, 'nf4');
    const expected = await scoreWindow(exact, someTokens(40, 2048));
    const engine = await openWebGpuFast();
    const session = sessionOf(checkpoint, 'nf4', engine);
    const actual = await scoreWindow(session, someTokens(40, 2048));
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    assert.is(firstOutside(expected, actual, 1e-4 * largest), undefined);
    const counted = ({ weights, decodedCopies }: MemoryUse): number => weights + decodedCopies;
    const other = sessionOf(checkpoint, 'nf4', await openWebGpu());
    const [own, least] = [counted(session.memory()), counted(other.memory())];
    other.dispose();
    // Buffers hold many weights, and double until they are large.
    assert.ok(own >= least && own <= 2.5 * least, `${own} bytes of weights, of ${least}`);
    if (context.device.features.has('timestamp-query')) {
      assert.ok(engine.workedMs!()! > 0);
      assert.is(engine.workedMs!(), 0, 'it tells what was since it was asked');
    }
    session.dispose();
  });

  for (const [kernel, file, right, wrong] of [
    ['row fp16 1 32', 'fast-row', 'min(output + $ou, outputs - 1u)', 'min(output, outputs - 1u)'],
    ['int8 row 4 64', 'fast-int8-row', 'n += TEAM', 'n += select(TEAM, 2u * TEAM, ROWS == 4u && TEAM == 64u)'],
    ['int8 row 1 128', 'fast-int8-row', 'n += TEAM', 'n += 2u * TEAM'],
    ['int8 tile', 'fast-int8-tile', 'row < rows', 'row + 1u < rows'],
    // Kernels and ways of cutting work that only larger models need.
    ['row table4 1 128', 'fast-row', 'q += TEAM', 'q += 2u * TEAM'],
    ['tile fp16 128', 'fast-tile', 'top + 16u * $iu]', 'top]'],
    ['tile fp16 128', 'fast-tile', 'row < rows', 'row <= rows'],
    ['row table4 1 32', 'fast-row', '>> shift', '>> 0u'],
    ['tile table4 64', 'fast-tile', '>> shift', '>> 0u'],
    ['row bf16 4 64', 'fast', 'group.z * ops[0].across', 'group.z'],
  ] as const) {
    test(`webgpu-fast: a wrong ${file} is noticed by ${kernel}: ${wrong}`, async () => {
      const sources = await kernelSources();
      assert.ok(sources[file]!.includes(right));
      const changed = gpuContext(context.device, { ...sources, [file]: sources[file]!.replaceAll(right, wrong) }, 'plain', { width: 1 });
      const own = trying('webgpu-fast', FUSED_FP32, changed);
      await own.tried!([kernel]).then(() => assert.unreachable(), (error) => assert.ok(error instanceof EngineUnfit, String(error)));
    });
  }

  for (const [cases, file, right, wrong] of [
    [/^rotate/, 'fast-rotate', 'i < 2u * half', 'i <= 2u * half'],
    [/^rmsNorm/, 'fast-norm', ' + ops[0].f1', ''],
    [/^embed fp4-dq/, 'quads-embed', '>> u32(op.e2)', '>> 0u'],
  ] as const) test(`webgpu-fast: a wrong ${file} is noticed when it is opened`, async () => {
    const sources = await kernelSources();
    assert.ok(sources[file]!.includes(right));
    const changed = gpuContext(context.device, { ...sources, [file]: sources[file]!.replace(right, wrong) }, 'plain', { width: 1 });
    await toleranceTest('webgpu-fast', FUSED_FP32, gpuOps(changed), openingCases().filter(({ name }) => cases.test(name))).then(() => assert.unreachable(), (error) => assert.ok(error instanceof EngineUnfit, String(error)));
  });

  test('webgpu-fast: a trial that found no memory is made again when there is some, and else once', async () => {
    const state = { full: true, asked: 0 };
    const own = trying('webgpu-fast', FUSED_FP32, gpuContext(fillable(context.device, state), await kernelSources(), 'plain', { width: 1 }));
    await own.tried!(['row fp16 1 32']).then(() => assert.unreachable(), (error: Error) => assert.is(error.name, 'GpuFull', error.message));
    const { asked } = state;
    state.full = false;
    await own.tried!(['row fp16 1 32']);
    const tried = state.asked;
    assert.ok(tried > asked);
    await own.tried!(['row fp16 1 32']);
    assert.is(state.asked, tried);
  });

  test('webgpu-fast: when a trial has failed no other goes on, and what it found stays', async () => {
    const state = { full: false, asked: 0 };
    const sources = { ...await kernelSources(), 'fast-row': 'fn main( {' };
    const own = trying('webgpu-fast', FUSED_FP32, gpuContext(fillable(context.device, state), sources, 'plain', { width: 1 }));
    const isUnfit = (kernels: readonly string[]): Promise<void> => own.tried!(kernels).then(() => assert.unreachable(), (error) => assert.ok(error instanceof EngineUnfit, String(error)));
    await isUnfit(['row fp16 1 32', 'tile fp16 64']);
    const { asked } = state;
    await own.tried!(['tile fp16 64']);
    await isUnfit(['row fp16 1 32']);
    assert.is(state.asked, asked);
  });
}

test.run();
