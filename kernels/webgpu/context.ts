/** A GPU device that is open, with its kernels: what instances of the engine share. It knows nothing of where the device came from. */
import { Pipelines } from './pipelines.ts';
import type { KernelSources, Rounding } from './pipelines.ts';

export interface GpuContext {
  readonly device: GpuDevice;
  readonly rounding: Rounding;
  readonly pipelines: Pipelines;
  /** Of the engine webgpu-fast: other kernels, and another place for weights. */
  readonly fast: boolean;
  /** Products in fp16 where there are kernels for them. */
  readonly f16: boolean;
  /** Demands that these kernels were tried before they compute; of an engine that tries each when it is first needed. Throws where one fails. */
  readonly tried?: (kernels: Iterable<string>) => Promise<void>;
  /** A sentence, once the device is lost. */
  loss(): string | undefined;
}

/** `fast`: for the engine webgpu-fast; `width`: threads of every subgroup of the device, 1 where there are none to rely on; `f16`: with products in fp16, for a device that has them. */
export function gpuContext(device: GpuDevice, sources: KernelSources, rounding: Rounding, fast?: { readonly width: number; readonly f16?: boolean }): GpuContext {
  let said: string | undefined;
  void device.lost.then(({ reason, message }) => (said = `the GPU was lost (${reason}${message === '' ? '' : `: ${message}`})`));
  return { device, rounding, pipelines: new Pipelines(device, sources, rounding, fast?.width ?? 1), fast: fast !== undefined, f16: fast?.f16 === true, loss: () => said };
}
