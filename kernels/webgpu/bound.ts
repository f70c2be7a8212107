/**
 * Which of several GPUs a process takes. WebGPU lists no adapters, but Dawn takes one by a part of its name, and names all where none has it: so cards of different names
 * can be told apart, and what was opened is held against the name afterwards. Cards of one name cannot: of an adapter Dawn shows maker, architecture, name and driver, neither address nor UUID,
 * and takes none. Vulkan ignores CUDA_VISIBLE_DEVICES.
 *
 * The loader could be told: VK_LOADER_DRIVERS_SELECT chooses drivers, not cards; VK_LOADER_DEVICE_SELECT orders cards by maker and model, which are equal where names are; Mesa's layer
 * device_select hides all cards but the one at a PCI address (MESA_VK_DEVICE_SELECT, with "!"), where Mesa is installed and the driver tells it addresses. The last could part cards of one name.
 * It is not done: what opened would not say that it is the one.
 */

/** The GPU that this process takes, by its whole name as `doctor` shows it. */
export const GPU_VARIABLE = 'BITWIDTH_GPU';

/** One that Dawn shows. */
export interface ListedGpu {
  readonly name: string;
  /** No other has this name. */
  readonly distinct: boolean;
  /** The name of another that has this one in it: asked for this one, Dawn may take that. */
  readonly within?: string;
  /** It is a part of the processor, and there is one that is not. Where there is none nothing says what kind it is. */
  readonly integrated?: true;
}

/** No driver's name for a card. */
const NONE = '\u0001none';

/** Dawn's option for an adapter whose name has this in it. */
export const adapterOption = (name: string): string => `adapter=${name}`;

/** The GPUs that Dawn can open, software ones included; the first is what it takes if no name is given. `create`: of the package `webgpu`. */
export async function listGpus(create: (options: readonly string[]) => Gpu): Promise<ListedGpu[]> {
  const names = async (powerPreference: string): Promise<string[]> => {
    try {
      await create([adapterOption(NONE)]).requestAdapter({ powerPreference });
    } catch (error) {
      return namesIn((error as Error).message);
    }
    return [];
  };
  return listedAs(await names('high-performance'), await names('low-power'));
}

/** GPUs of these names, in the order for high performance; `lowPower`: in that for low power, where it was asked for. */
export function listedAs(names: readonly string[], lowPower: readonly string[] = names): ListedGpu[] {
  const integrated = integratedAmong(names, lowPower);
  return names.map((name) => {
    const within = names.find((other) => other !== name && other.includes(name));
    return { name, distinct: names.filter((other) => other === name).length === 1, ...(within === undefined ? {} : { within }), ...(integrated.has(name) ? { integrated: true } : {}) };
  });
}

/** WebGPU says of no adapter whether it is integrated, but Dawn's order does: for high performance those that are not come first, for low power those that are, and else nothing differs. */
function integratedAmong(names: readonly string[], lowPower: readonly string[]): ReadonlySet<string> {
  const [first, saving] = [names[0], lowPower[0]];
  return new Set(first === undefined || first === saving ? [] : lowPower.slice(0, Math.max(0, lowPower.indexOf(first))));
}

/** Of Dawn's message that no adapter has the name asked for: lines such as " * backend: 'vulkan', name: 'SwiftShader Device (Subzero)'". */
export function namesIn(message: string): string[] {
  return [...message.matchAll(/^ \* backend: '[^']*', name: '(.*)'$/gm)].map(([, name]) => name!);
}

/** Why an opened adapter is not the one of this name; undefined if it is. WebGPU shows the name in small letters, with a dash for all between letters and digits. */
export function notTheOne(name: string, { device }: Pick<GpuAdapterInfo, 'device'>): string | undefined {
  return device === shownName(name) ? undefined : `${GPU_VARIABLE} asks for ${JSON.stringify(name)}, and what opened says that it is ${JSON.stringify(device)}; nothing is computed there`;
}

export const shownName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]+/g, '-');

/** Why no process can be bound to the GPU of this name among these; undefined if one can, and where there is none at all, which is another matter. */
export function notBindable(name: string, gpus: readonly ListedGpu[]): string | undefined {
  if (gpus.length === 0) return undefined;
  const names = gpus.map((gpu) => JSON.stringify(gpu.name)).join(', ');
  const found = gpus.find((gpu) => gpu.name === name);
  if (found === undefined) return `${GPU_VARIABLE} asks for the GPU ${JSON.stringify(name)}, which is not here; WebGPU finds ${names}`;
  // Of several of this name it is one, and which of them nobody knows.
  return found.within === undefined ? undefined : `${GPU_VARIABLE} asks for the GPU ${JSON.stringify(name)}, whose name is a part of another's, so that it cannot be told from that; WebGPU finds ${names}`;
}
