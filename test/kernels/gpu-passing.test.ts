/** What may pass of a GPU, a loss of the device or want of memory, stays what it is on its way through self-tests and the compiled kernels. No GPU computes here. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Ops } from '../../kernels/index.ts';
import { FUSED_FP32, toleranceTest } from '../../kernels/engines/fast-selftest.ts';
import { lossFirst } from '../../kernels/engines/gpu-selftest.ts';
import { ReferenceOps } from '../../kernels/engines/reference.ts';
import type { OpCase } from '../../kernels/op-cases/case.ts';
import { EngineUnfit, selfTest } from '../../kernels/selftest.ts';
import type { GpuContext } from '../../kernels/webgpu/context.ts';
import { GpuFull } from '../../kernels/webgpu/gpu-full.ts';
import { GpuLost } from '../../kernels/webgpu/gpu-lost.ts';
import { KERNEL_FILES, Pipelines } from '../../kernels/webgpu/pipelines.ts';

/** What a promise is rejected with. */
const thrownBy = (work: Promise<unknown>): Promise<unknown> => work.then(() => assert.unreachable(), (error: unknown) => error);

test('a self-test says of an engine that it disagrees only for what it computed: a loss and want of memory are thrown as they are', async () => {
  const ops = (): Ops => new ReferenceOps();
  const throwing = (error: Error): OpCase => {
    let first = true;
    // The reference is asked first.
    return { name: 'add', run: async () => { if (first) { first = false; return Float32Array.of(1); } throw error; } };
  };
  for (const error of [new GpuFull('no memory'), new GpuLost('the GPU was lost')]) {
    assert.is(await thrownBy(selfTest('x', ops, [throwing(error)])), error);
    assert.is(await thrownBy(toleranceTest('x', FUSED_FP32, ops, [{ ...throwing(error), bound: () => 1 }])), error);
  }
  assert.ok(await thrownBy(selfTest('x', ops, [throwing(new Error('a mistake'))])) instanceof EngineUnfit);
});

test('where a device is lost, whatever a test says comes of it', async () => {
  const unfit = new EngineUnfit('x', 'add: element 0 is 0, not 1');
  const context = (loss: string | undefined) => ({ loss: () => loss }) as unknown as GpuContext;
  const lost = await thrownBy(lossFirst(context('the GPU was lost (unknown)'), Promise.reject(unfit)));
  assert.ok(lost instanceof GpuLost && lost.message === 'the GPU was lost (unknown)' && lost.cause === unfit);
  assert.is(await thrownBy(lossFirst(context(undefined), Promise.reject(unfit))), unfit);
});

test('a kernel for which there was no memory is compiled when there is some, and is told apart from one that is refused', async () => {
  const answers = ['vkCreateComputePipelines failed with VK_ERROR_OUT_OF_DEVICE_MEMORY', 'line 3: no such function', undefined];
  let compiled = 0;
  const device = { pushErrorScope: () => {}, popErrorScope: async () => null, createShaderModule: () => ({}), createPipelineLayout: () => ({}), createBindGroupLayout: () => ({}), createComputePipelineAsync: async () => {
    const answer = answers[compiled++];
    if (answer !== undefined) throw new Error(answer);
    return {};
  } } as unknown as GpuDevice;
  const pipelines = new Pipelines(device, Object.fromEntries(KERNEL_FILES.map((file) => [file, ''])), 'plain', 1);
  const [full, refused] = [await thrownBy(pipelines.all(['norm'])), await thrownBy(pipelines.all(['norm']))];
  assert.ok(full instanceof GpuFull, String(full));
  assert.match((full as Error).message, /^the GPU has no memory for the kernel norm: /);
  assert.match((refused as Error).message, /^the GPU's compiler refuses the kernel norm: line 3/);
  await pipelines.all(['norm']);
  await pipelines.all(['norm']);
  assert.is(compiled, 3, 'what compiles is compiled once');
});

test.run();
