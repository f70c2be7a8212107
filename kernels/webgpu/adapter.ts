/**
 * Where a GPU comes from: the browser's own WebGPU, or in Node the package `webgpu` (Dawn), which the user installs (it has 130 MB, so the project does not bring it).
 * Nothing here computes.
 */
import { adapterOption, GPU_VARIABLE, listGpus, notBindable, notTheOne, shownName } from './bound.ts';
import type { ListedGpu } from './bound.ts';

/** Not spelled out where it is loaded: it may be absent, and what is not there cannot count into the identity of code. Its version is part of the engine's build. */
const PACKAGE = 'webgpu';

/**
 * The clock as it is: what pages get is coarse, against those who would spy. And fp16 of NVIDIA's Vulkan drivers, which Dawn hides because they fail some of its conformance tests (crbug.com/42251215):
 * an engine that takes it holds every op to its bounds before it computes.
 */
const DAWN_OPTIONS = ['disable-dawn-features=timestamp_quantization', 'enable-dawn-features=vulkan_enable_f16_on_nvidia'];

/** The version that is tested: the file that is loaded lies within the package, and another version may have it elsewhere. */
const TRIED = '0.6.2';
const INSTALL_HINT = `npm install --no-save --ignore-scripts ${PACKAGE}@${TRIED} installs it (130 MB)`;

/** What gives adapters, and what it is called. */
export interface GpuSource {
  readonly gpu: Gpu;
  readonly name: string;
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

/** Why nothing gives adapters here. */
export interface NoGpuSource {
  readonly sentence: string;
  /** Where it is not that something is missing: the variable BITWIDTH_GPU names none that can be taken. */
  readonly wrong?: 'variable';
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
  const { createRequire } = await import('node:module');
  const require = createRequire(import.meta.url);
  let version: string;
  try {
    ({ version } = require(`${PACKAGE}/package.json`) as { readonly version: string });
  } catch {
    return { sentence: `the package ${PACKAGE} is not installed; ${INSTALL_HINT}` };
  }
  const platform = `${process.platform}-${process.platform === 'darwin' ? 'universal' : process.arch}`;
  try {
    const { create } = require(`${PACKAGE}/dist/${platform}/dawn.node`) as { create(options: readonly string[]): Gpu };
    const list = (): Promise<ListedGpu[]> => listGpus(create);
    const own: GpuSource = { gpu: create(DAWN_OPTIONS), name: `dawn ${version}`, list, boundTo: (name) => ({ ...own, gpu: create([...DAWN_OPTIONS, adapterOption(name)]), bound: name }) };
    const bound = process.env[GPU_VARIABLE] || undefined;
    if (bound === undefined) return own;
    const sentence = notBindable(bound, await list());
    return sentence === undefined ? own.boundTo!(bound) : { sentence, wrong: 'variable' };
  } catch (error) {
    return { sentence: `the package ${PACKAGE} ${version} cannot be loaded on ${platform}: ${(error as Error).message.split('\n')[0]}` };
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
  /** `fallback`: a processor that plays a GPU. */
  readonly adapters: readonly { readonly words: string; readonly fallback: boolean }[];
  /** All that Dawn can open, by name. */
  readonly listed: readonly ListedGpu[];
}

/** The distinct adapters that WebGPU shows, or why it cannot be asked. It lists none, but may be asked for one of each kind. */
export async function gpuAdapters(): Promise<FoundAdapters | NoGpuSource> {
  const from = await gpuSource();
  if ('sentence' in from) return from;
  const { name } = from;
  const found = new Map<string, boolean>();
  for (const options of [{ powerPreference: 'high-performance' }, { powerPreference: 'low-power' }, { forceFallbackAdapter: true }]) {
    const adapter = await adapterFor(from, options);
    if (typeof adapter !== 'string') found.set(adapterWords(adapter.info), adapter.info.isFallbackAdapter === true);
  }
  return { name, listed: (await from.list?.()) ?? [], adapters: [...found].map(([words, fallback]) => ({ words, fallback })) };
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
