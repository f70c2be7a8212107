/**
 * The WebGPU engine for timings on real GPUs: products are fused, sums taken in any order by subgroups, weights lie in few buffers in an order of their own. Not exact: each
 * op is held to a bound that follows from how it computes, by a self-test on each adapter: kernels of products before the first step that needs them, all others as it is opened.
 */
import type { Engine, EngineInstance } from '../engines.ts';
import { gpuUnavailable, openGpu } from '../webgpu/adapter.ts';
import { gpuContext } from '../webgpu/context.ts';
import type { GpuContext } from '../webgpu/context.ts';
import { WebGpuDevice } from '../webgpu/device.ts';
import { kernelSources } from '../webgpu/sources.ts';
import { F16_PRODUCTS, FUSED_FP32 } from './fast-selftest.ts';
import { gpuToleranceTest, openingCases, remembered, trying } from './gpu-selftest.ts';
import { RecordedOps } from './recorded-ops.ts';
import { wasmStatisticsTested } from './wasm.ts';
import { buildOf } from './webgpu.ts';

interface Tested { readonly context: GpuContext; readonly build: string }

/** The adapter's feature that the second form needs. */
export const FP16_ARITHMETIC = 'shader-f16';

/** Its forms, by name: as products are of fp32 or of fp16. */
const COMPUTES = { 'webgpu-fast': FUSED_FP32, 'webgpu-fast-f16': F16_PRODUCTS } as const;
type Name = keyof typeof COMPUTES;

/** The device of this process for each form, tested; opened anew after a loss, and after a failure that may pass. */
const tested = new Map<Name, Promise<Tested>>();

async function openTested(name: Name): Promise<Tested> {
  const f16 = name === 'webgpu-fast-f16';
  const gpu = await openGpu();
  if (typeof gpu === 'string') throw new Error(`the engine ${name} is not available here: ${gpu}`);
  if (f16 && !gpu.device.features.has(FP16_ARITHMETIC)) throw new Error(`the engine ${name} is not available here: ${gpu.words} has no fp16 arithmetic (${FP16_ARITHMETIC})`);
  const sources = await kernelSources();
  const context = gpuContext(gpu.device, sources, 'plain', { width: gpu.subgroupWidth, f16 });
  const engine = `${name} (${gpu.words})`;
  await gpuToleranceTest(engine, COMPUTES[name], context, openingCases());
  return { context: trying(engine, COMPUTES[name], context), build: await buildOf(gpu, sources, `fast${f16 ? '-f16' : ''}${gpu.subgroupWidth > 1 ? `-subgroups-of-${gpu.subgroupWidth}` : ''}`) };
}

/** As the engine's open(). `mostBytes`: of one buffer of weights, where it shall be less than what the adapter allows. */
export async function openWebGpuFast(mostBytes?: number, name: Name = 'webgpu-fast'): Promise<EngineInstance & { readonly context: GpuContext }> {
  const before = tested.get(name);
  if (before === undefined || (await before.catch(() => undefined))?.context.loss() !== undefined) tested.set(name, remembered(openTested(name), () => tested.delete(name)));
  const { context, build } = await tested.get(name)!;
  const device = new WebGpuDevice(context, mostBytes);
  return { name, canonical: false, build, computes: COMPUTES[name].words, ops: new RecordedOps(device), statistics: await wasmStatisticsTested(), context, workedMs: () => device.workedMs() };
}

export const webgpuFast: Engine = {
  name: 'webgpu-fast',
  title: 'WebGPU kernels made for the memory\'s speed of real GPUs; not exact',
  rank: 0,
  canonical: false,
  unavailable: gpuUnavailable,
  open: () => openWebGpuFast(),
};
