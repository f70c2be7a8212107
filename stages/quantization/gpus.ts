/** The GPUs that tasks of the study share out among them: those to which a process can be bound (kernels/webgpu/cards.ts). */
import { GPU_VARIABLE } from '../../kernels/engines.ts';
import type { Gpu, MachineGpus } from '../dag/index.ts';
import { surveyGpus } from './gpu-survey.ts';

/** The one of this name. */
export const gpuNamed = (card: string): Gpu => ({ name: card, environment: { [GPU_VARIABLE]: card } });

/** Of this machine. Where there is no WebGPU nothing is known of them: other programs may have GPUs all the same. */
export async function machineGpus(): Promise<MachineGpus> {
  const { shared: { cards, told } } = await surveyGpus();
  return { gpus: cards.map(({ card }) => gpuNamed(card)), told };
}
