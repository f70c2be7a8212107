/** A GPU device that is open, with its kernels: what instances of the engine share. It knows nothing of where the device came from. */
import { Pipelines } from './pipelines.ts';
import type { KernelSources, Rounding } from './pipelines.ts';

export interface GpuContext {
  readonly device: GpuDevice;
  readonly rounding: Rounding;
  readonly pipelines: Pipelines;
  /** A sentence, once the device is lost. */
  loss(): string | undefined;
}

export function gpuContext(device: GpuDevice, sources: KernelSources, rounding: Rounding): GpuContext {
  let said: string | undefined;
  void device.lost.then(({ reason, message }) => (said = `the GPU was lost (${reason}${message === '' ? '' : `: ${message}`})`));
  return { device, rounding, pipelines: new Pipelines(device, sources, rounding), loss: () => said };
}
