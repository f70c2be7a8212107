/**
 * Where a GPU comes from: the browser's own WebGPU, or in Node the package `webgpu` (dawn.ts).
 * Nothing here computes.
 */
import { adapterOption, GPU_VARIABLE, listGpus, notBindable, notTheOne, shownName } from './bound.ts';
import type { ListedGpu } from './bound.ts';
import { loadDawn } from './dawn.ts';
import type { NoGpuSource } from './dawn.ts';

/**
 * The clock as it is: what pages get is coarse, against those who would spy. And fp16 of NVIDIA's Vulkan drivers, which Dawn hides because they fail some of its conformance tests (crbug.com/42251215):
 * an engine that takes it holds every op to its bounds before it computes.
 */
const DAWN_OPTIONS = ['disable-dawn-features=timestamp_quantization', 'enable-dawn-features=vulkan_enable_f16_on_nvidia'];

/** What gives adapters, and what it is called. */
export interface GpuSource {
  readonly gpu: Gpu;
  readonly name: string;
  /** The version that is tried, where this is another. */
  readonly untried?: string;
  /** The name of the adapter that this process is bound to. */
  readonly bound?: string;
  /** All that there are; a browser tells of none. */
  list?(): Promise<ListedGpu[]>;
  /** Of a process that is bound to the one of this name; a browser binds none. */
  boundTo?(name: string): GpuSource;
}

export interface OpenedGpu {
  readonly device: GpuDevice;
  readonly info: GpuAdapterInfo;
  /** Threads of every subgroup; 1 where the adapter has none, or of several sizes, or of more than MOST_WIDTH. */
  readonly subgroupWidth: number;
  /** 'dawn 0.6.2, google swiftshader, swiftshader-device-subzero, SwiftShader driver 5.0.0' */
  readonly words: string;
}

/** Kept, because devices die with what made them. */
let source: Promise<GpuSource | NoGpuSource> | undefined;

/** What gives adapters here, or why there is none. */
export function gpuSource(): Promise<GpuSource | NoGpuSource> {
  return (source ??= findSource());
}

async function findSource(): Promise<GpuSource | NoGpuSource> {
  const { navigator } = globalThis as { readonly navigator?: { readonly gpu?: Gpu } };
  if (navigator?.gpu !== undefined) return { gpu: navigator.gpu, name: 'browser' };
  if (typeof process === 'undefined') return { sentence: 'this browser has no WebGPU' };
  const dawn = await loadDawn();
  if ('sentence' in dawn) return dawn;
  const { version, untried, create } = dawn;
  try {
    const list = (): Promise<ListedGpu[]> => listGpus(create);
    const own: GpuSource = {
      gpu: create(DAWN_OPTIONS), name: `dawn ${version}`, ...(untried === undefined ? {} : { untried }), list,
      boundTo: (name) => ({ ...own, gpu: create([...DAWN_OPTIONS, adapterOption(name)]), bound: name }),
    };
    const bound = process.env[GPU_VARIABLE] || undefined;
    if (bound === undefined) return own;
    const sentence = notBindable(bound, await list());
    return sentence === undefined ? own.boundTo!(bound) : { sentence, wrong: 'variable' };
  } catch (error) {
    return { sentence: `the package webgpu ${version} cannot be used: ${(error as Error).message.split('\n')[0]}`, wrong: 'package' };
  }
}

/** The adapter that the engine takes: the one that this process is bound to, else a GPU where there is one. A sentence where there is none. */
async function bestAdapter(from: GpuSource): Promise<GpuAdapter | string> {
  const adapter = await adapterFor(from, { powerPreference: 'high-performance' });
  return typeof adapter === 'string' ? adapter : (from.bound === undefined ? undefined : notTheOne(from.bound, adapter.info)) ?? adapter;
}

/** Or a sentence. Dawn throws where it was to take one by name and has none such that is as it is asked for. */
async function adapterFor({ gpu, bound }: GpuSource, options: Parameters<Gpu['requestAdapter']>[0]): Promise<GpuAdapter | string> {
  try {
    return await gpu.requestAdapter(options) ?? NO_ADAPTER;
  } catch (error) {
    if (bound === undefined) throw error;
    return `WebGPU cannot open the GPU ${JSON.stringify(bound)}, which ${GPU_VARIABLE} asks for`;
  }
}

/** Undefined when there is an adapter here; otherwise a sentence that says what is missing. */
export async function gpuUnavailable(): Promise<string | undefined> {
  const from = await gpuSource();
  if ('sentence' in from) return from.sentence;
  const adapter = await bestAdapter(from);
  return typeof adapter === 'string' ? adapter : undefined;
}

/** Undefined when there is an adapter here that has a feature; otherwise a sentence that says what is missing. */
export async function gpuLacks(feature: string): Promise<string | undefined> {
  const from = await gpuSource();
  if ('sentence' in from) return from.sentence;
  const adapter = await bestAdapter(from);
  if (typeof adapter === 'string') return adapter;
  return adapter.features.has(feature) ? undefined : `the adapter ${adapterWords(adapter.info)} has no ${feature}`;
}

export interface FoundGpu {
  /** 'dawn 0.6.2' */
  readonly name: string;
  /** With name and driver: 'google swiftshader, swiftshader-device-subzero, SwiftShader driver 5.0.0'. */
  readonly words: string;
  /** A processor that plays a GPU. */
  readonly fallback: boolean;
  readonly limits: GpuAdapter['limits'];
  has(feature: string): boolean;
}

/** The adapter that an engine takes in this process, without opening it; or why there is none. */
export async function gpuHere(): Promise<FoundGpu | string> {
  const from = await gpuSource();
  return 'sentence' in from ? from.sentence : gpuFrom(from);
}

/** The same of a process that `from` is the source of. */
export async function gpuFrom(from: GpuSource): Promise<FoundGpu | string> {
  const adapter = await bestAdapter(from);
  if (typeof adapter === 'string') return adapter;
  return { name: from.name, words: adapterWords(adapter.info), fallback: adapter.info.isFallbackAdapter === true, limits: adapter.limits, has: (feature) => adapter.features.has(feature) };
}

export interface FoundAdapters {
  /** 'dawn 0.6.2' */
  readonly name: string;
  /** The version that is tried, where this is another. */
  readonly untried?: string;
  /** `fallback`: a processor that plays a GPU. */
  readonly adapters: readonly { readonly words: string; readonly fallback: boolean }[];
  /** All that Dawn can open, by name. */
  readonly listed: readonly ListedGpu[];
}

/** The distinct adapters that WebGPU shows, or why it cannot be asked. It lists none, but may be asked for one of each kind. */
export async function gpuAdapters(): Promise<FoundAdapters | NoGpuSource> {
  const from = await gpuSource();
  if ('sentence' in from) return from;
  const { name, untried } = from;
  const found = new Map<string, boolean>();
  for (const options of [{ powerPreference: 'high-performance' }, { powerPreference: 'low-power' }, { forceFallbackAdapter: true }]) {
    const adapter = await adapterFor(from, options);
    if (typeof adapter !== 'string') found.set(adapterWords(adapter.info), adapter.info.isFallbackAdapter === true);
  }
  return { name, ...(untried === undefined ? {} : { untried }), listed: (await from.list?.()) ?? [], adapters: [...found].map(([words, fallback]) => ({ words, fallback })) };
}

/** Vulkan describes the driver, which cards of one maker have in common: what tells them apart is the name. */
function adapterWords({ vendor, architecture, device, description }: GpuAdapterInfo): string {
  const name = device.replace(/^-|-$/g, '');
  return [[vendor, architecture].filter(Boolean).join(' '), shownName(description).includes(name) ? '' : name, description].filter(Boolean).join(', ');
}

/** The smallest team of fast-row.wgsl: a subgroup must not have threads of two. */
const MOST_WIDTH = 32;

/** Features that kernels use where they are. */
const WANTED = ['subgroups', 'timestamp-query', 'shader-f16'];

/** A device with the adapter's own limits, or why there is none. */
export async function openGpu(): Promise<OpenedGpu | string> {
  const from = await gpuSource();
  if ('sentence' in from) return from.sentence;
  const adapter = await bestAdapter(from);
  if (typeof adapter === 'string') return adapter;
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  try {
    const device = await adapter.requestDevice({ requiredFeatures: WANTED.filter((feature) => adapter.features.has(feature)), requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
    const { subgroupMinSize = 1, subgroupMaxSize = 1 } = adapter.info;
    const subgroupWidth = adapter.features.has('subgroups') && subgroupMinSize === subgroupMaxSize && subgroupMinSize <= MOST_WIDTH ? subgroupMinSize : 1;
    return { device, info: adapter.info, subgroupWidth, words: [from.name, adapterWords(adapter.info)].join(', ') };
  } catch (error) {
    return `the adapter ${adapterWords(adapter.info)} gives no device: ${(error as Error).message.split('\n')[0]}`;
  }
}

const NO_ADAPTER = 'no adapter: WebGPU finds no GPU and no driver for one';
