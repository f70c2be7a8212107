/**
 * The WebGPU engine: the kernels of kernels/webgpu on whatever adapter there is. WGSL lets an adapter round, fuse and flush as it likes, so agreement with the reference is
 * a measured fact: the self-test tries the roundings of pipelines.ts one after the other, takes the first that gives the reference's bits in every case, and says where none does.
 * Agreement on some cases of one adapter and driver is no promise of a language that allows otherwise: it is shown, and no exact result comes from this engine.
 */
import type { Engine, EngineInstance } from '../engines.ts';
import { EngineUnfit, opCases, selfTest, selfTestAtOnce } from '../selftest.ts';
import { gpuUnavailable, openGpu } from '../webgpu/adapter.ts';
import type { OpenedGpu } from '../webgpu/adapter.ts';
import { gpuContext } from '../webgpu/context.ts';
import type { GpuContext } from '../webgpu/context.ts';
import { WebGpuDevice } from '../webgpu/device.ts';
import { kernelSources } from '../webgpu/sources.ts';
import { ROUNDINGS } from '../webgpu/pipelines.ts';
import type { KernelSources } from '../webgpu/pipelines.ts';
import { forcedRounding } from '../webgpu/rounding.ts';
import { FUSED_FP32 } from './fast-selftest.ts';
import { boundedGpuCases, exactGpuCases, gpuOps, gpuToleranceTest, lossFirst, remembered } from './gpu-selftest.ts';
import { RecordedOps } from './recorded-ops.ts';
import { wasmStatisticsTested } from './wasm.ts';

interface Judged {
  readonly context: GpuContext;
  readonly build: string;
  /** Undefined: the reference's bits. */
  readonly differs: string | undefined;
}

/** The device of this process, judged; opened anew after a loss, and after a failure that may pass. */
let judged: Promise<Judged> | undefined;

async function judge(): Promise<Judged> {
  const forced = forcedRounding();
  const gpu = await openGpu();
  if (typeof gpu === 'string') throw new Error(`the engine webgpu is not available here: ${gpu}`);
  const sources = await kernelSources();
  const attempts: { readonly context: GpuContext; readonly differs: string }[] = [];
  for (const rounding of forced === undefined ? ROUNDINGS : [forced]) {
    const context = gpuContext(gpu.device, sources, rounding);
    const differs = await disagreement(context);
    if (differs === undefined) return { context, build: await buildOf(gpu, sources, rounding), differs };
    attempts.push({ context, differs });
  }
  // An adapter that has the reference's bits in no way is held to a bound, in the quickest that keeps products apart.
  const { context, differs } = attempts.find(({ context }) => context.rounding === 'guarded') ?? attempts[0]!;
  await gpuToleranceTest(`webgpu (${gpu.words})`, FUSED_FP32, context, boundedGpuCases('start'));
  return { context, build: await buildOf(gpu, sources, context.rounding), differs };
}

/** Of denormal numbers, by one kernel. */
const TELLING: ReadonlySet<string> = new Set(['mul', 'scale']);

/** The first case whose bits are not the reference's, in words. A loss of the device and want of memory are thrown: they say nothing of its bits. */
export async function disagreement(context: GpuContext): Promise<string | undefined> {
  try {
    // Those that tell adapters apart come first, and alone: each kernel takes a compiler some tenths of a second.
    const cases = [...opCases('start'), ...exactGpuCases()];
    await lossFirst(context, selfTest('webgpu', gpuOps(context), cases.filter(({ name }) => TELLING.has(name))));
    await lossFirst(context, selfTestAtOnce('webgpu', gpuOps(context), cases.filter(({ name }) => !TELLING.has(name))));
    return undefined;
  } catch (error) {
    if (error instanceof EngineUnfit) return error.message.replace(/^.*on this machine: /, '');
    throw error;
  }
}

/** In a build, before the name of an adapter that is none. */
const PLAYED = 'a processor that plays a GPU: ';

/** Identifies kernels, how they are used, and the adapter. */
export async function buildOf({ words, info }: OpenedGpu, sources: KernelSources, how: string): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify(Object.entries(sources).sort(([a], [b]) => (a < b ? -1 : 1))));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', text));
  const sha256 = Array.from(digest.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `webgpu-${sha256}-${how} (${info.isFallbackAdapter === true ? PLAYED : ''}${words})`;
}

/** As the engine's open(). `agrees`: it had the reference's bits in every case of the self-test. `mostBytes`: of one buffer of weights, where it shall be less than what the adapter allows. */
export async function openWebGpu(mostBytes?: number): Promise<EngineInstance & { readonly context: GpuContext; readonly agrees: boolean }> {
  if (judged !== undefined && (await judged.catch(() => undefined))?.context.loss() !== undefined) judged = undefined;
  judged ??= remembered(judge(), () => (judged = undefined));
  const { context, build, differs } = await judged;
  const device = new WebGpuDevice(context, mostBytes);
  return {
    name: 'webgpu', canonical: false, agrees: differs === undefined, build, ops: new RecordedOps(device), workedMs: () => device.workedMs(), statistics: await wasmStatisticsTested(), context,
    computes: differs === undefined ? 'fp32, the reference\'s bits in every case of its self-test on this adapter' : `fp32 within ${FUSED_FP32.roundoff} of the sum of magnitudes, not the reference's bits: ${differs}`,
  };
}

export const webgpu: Engine = {
  name: 'webgpu',
  title: 'WebGPU kernels; whether an adapter gives the reference\'s bits is shown',
  rank: 0,
  // What an adapter gives is known only after its self-test, and a CPU that plays a GPU is slower than any other engine.
  canonical: false,
  unavailable: gpuUnavailable,
  open: () => openWebGpu(),
};
