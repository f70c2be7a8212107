/**
 * The WebGPU engine for timings on real GPUs: products are fused, sums taken in any order by subgroups, weights lie in few buffers in an order of their own. Not exact: each
 * op is held to a bound that follows from how it computes, by a self-test on each adapter.
 */
import type { Engine, EngineInstance } from '../engines.ts';
import { gpuUnavailable, openGpu } from '../webgpu/adapter.ts';
import { gpuContext } from '../webgpu/context.ts';
import type { GpuContext } from '../webgpu/context.ts';
import { WebGpuDevice } from '../webgpu/device.ts';
import { kernelSources } from '../webgpu/sources.ts';
import { FUSED_FP32, toleranceTest } from './fast-selftest.ts';
import { RecordedOps } from './recorded-ops.ts';
import { wasmStatisticsTested } from './wasm.ts';
import { buildOf } from './webgpu.ts';

interface Tested { readonly context: GpuContext; readonly build: string }

/** The device of this process, tested; opened anew after a loss. */
let tested: Promise<Tested> | undefined;

async function openTested(): Promise<Tested> {
  const gpu = await openGpu();
  if (typeof gpu === 'string') throw new Error(`the engine webgpu-fast is not available here: ${gpu}`);
  const sources = await kernelSources();
  const context = gpuContext(gpu.device, sources, 'plain', { width: gpu.subgroupWidth });
  await toleranceTest(`webgpu-fast (${gpu.words})`, FUSED_FP32, () => new RecordedOps(new WebGpuDevice(context)));
  return { context, build: await buildOf(gpu, sources, `fast${gpu.subgroupWidth > 1 ? `-subgroups-of-${gpu.subgroupWidth}` : ''}`) };
}

/** As the engine's open(). `mostBytes`: of one buffer of weights, where it shall be less than what the adapter allows. */
export async function openWebGpuFast(mostBytes?: number): Promise<EngineInstance & { readonly context: GpuContext }> {
  if (tested !== undefined && (await tested.catch(() => undefined))?.context.loss() !== undefined) tested = undefined;
  tested ??= openTested();
  const { context, build } = await tested;
  const device = new WebGpuDevice(context, mostBytes);
  return { name: 'webgpu-fast', canonical: false, build, computes: FUSED_FP32.words, ops: new RecordedOps(device), statistics: await wasmStatisticsTested(), context, workedMs: () => device.workedMs() };
}

export const webgpuFast: Engine = {
  name: 'webgpu-fast',
  title: 'WebGPU kernels made for the memory\'s speed of real GPUs; not exact',
  rank: 0,
  canonical: false,
  unavailable: gpuUnavailable,
  open: () => openWebGpuFast(),
};
