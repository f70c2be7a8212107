/**
 * Which of several GPUs a process takes. WebGPU lists no adapters, but Dawn takes one by a part of its name, and names all where none has it: so cards of different names
 * can be told apart, and what was opened is held against the name afterwards. Cards of one name cannot: neither Dawn nor WebGPU says which of them it opened.
 */

/** The GPU that this process takes, by its whole name as `doctor` shows it. */
export const GPU_VARIABLE = 'BITWIDTH_GPU';

/** One that Dawn shows. */
export interface ListedGpu {
  readonly name: string;
  /** No other has this name, or one that contains it: a process can be bound to it. */
  readonly distinct: boolean;
}

/** No driver's name for a card. */
const NONE = '\u0001none';

/** Dawn's option for an adapter whose name has this in it. */
export const adapterOption = (name: string): string => `adapter=${name}`;

/** The GPUs that Dawn can open, software ones included. `create`: of the package `webgpu`. */
export async function listGpus(create: (options: readonly string[]) => Gpu): Promise<ListedGpu[]> {
  try {
    await create([adapterOption(NONE)]).requestAdapter();
  } catch (error) {
    return namesIn((error as Error).message).map((name, _, all) => ({ name, distinct: all.filter((other) => other.includes(name)).length === 1 }));
  }
  return [];
}

/** Of Dawn's message that no adapter has the name asked for: lines such as " * backend: 'vulkan', name: 'SwiftShader Device (Subzero)'". */
export function namesIn(message: string): string[] {
  return [...message.matchAll(/^ \* backend: '[^']*', name: '(.*)'$/gm)].map(([, name]) => name!);
}

/** Why an opened adapter is not the one of this name; undefined if it is. WebGPU shows the name in small letters, with a dash for all between letters and digits. */
export function notTheOne(name: string, { device }: Pick<GpuAdapterInfo, 'device'>): string | undefined {
  return device === shownName(name) ? undefined : `${GPU_VARIABLE} asks for ${JSON.stringify(name)}, and what opened says that it is ${JSON.stringify(device)}; nothing is computed there`;
}

const shownName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]+/g, '-');

/** Why no process can be bound to the GPU of this name among these; undefined if one can. */
export function notBindable(name: string, gpus: readonly ListedGpu[]): string | undefined {
  const names = gpus.map((gpu) => JSON.stringify(gpu.name)).join(', ') || 'none';
  const found = gpus.find((gpu) => gpu.name === name);
  if (found === undefined) return `${GPU_VARIABLE} asks for the GPU ${JSON.stringify(name)}, which is not here; WebGPU finds ${names}`;
  return found.distinct ? undefined : `${GPU_VARIABLE} asks for the GPU ${JSON.stringify(name)}, which cannot be told from another; WebGPU finds ${names}`;
}
