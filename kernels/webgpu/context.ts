/** A GPU device that is open, with its kernels: what instances of the engine share. It knows nothing of where the device came from. */
import { Pipelines } from './pipelines.ts';
import type { KernelSources, Rounding } from './pipelines.ts';

export interface GpuContext {
  readonly device: GpuDevice;
  readonly rounding: Rounding;
  readonly pipelines: Pipelines;
  /** Of the engine webgpu-fast: other kernels, and another place for weights. */
  readonly fast: boolean;
  /** A sentence, once the device is lost. */
  loss(): string | undefined;
}

/** `fast`: for the engine webgpu-fast; `width`: threads of every subgroup of the device, 1 where there are none to rely on. */
export function gpuContext(device: GpuDevice, sources: KernelSources, rounding: Rounding, fast?: { readonly width: number }): GpuContext {
  let said: string | undefined;
  void device.lost.then(({ reason, message }) => (said = `the GPU was lost (${reason}${message === '' ? '' : `: ${message}`})`));
  return { device, rounding, pipelines: new Pipelines(device, sources, rounding, fast?.width ?? 1), fast: fast !== undefined, loss: () => said };
}
