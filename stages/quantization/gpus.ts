/** The GPUs that tasks of the study share out among them: those to which a process can be bound (kernels/webgpu/cards.ts). */
import { forcedRounding, GPU_VARIABLE } from '../../kernels/engines.ts';
import { computesOnGpu } from '../../kernels/gpu-engines.ts';
import { ConfigurationError } from '../dag/index.ts';
import type { Gpu, MachineGpus } from '../dag/index.ts';
import type { StudyConfig } from './config.ts';
import { surveyGpus } from './gpu-survey.ts';
import { peerNamed } from './peers.ts';
import { gpu, ROUNDED } from './peers/gpu.ts';
import { asksForNoKeys } from './study-peers.ts';
import type { AskedForGpus } from './study-peers.ts';

/** The one of this name. */
export const gpuNamed = (card: string): Gpu => ({ name: card, environment: { [GPU_VARIABLE]: card } });

/** Of this machine. Where there is no WebGPU nothing is known of them: other programs may have GPUs all the same. */
export async function machineGpus(): Promise<MachineGpus> {
  const { shared: { cards, told } } = await surveyGpus();
  return { gpus: cards.map(({ card }) => gpuNamed(card)), told };
}

/** Throws ConfigurationError where the environment asks of GPUs what cannot be and the study computes on one: all figures of GPUs would be missing, because of a letter. `asked`: the command that it is for. */
export async function refuseWrongGpu({ peers, speed }: Pick<StudyConfig, 'peers' | 'speed'>, asked?: AskedForGpus): Promise<void> {
  if (asksForNoKeys(asked)) return;
  if (speed.engines.includes(ROUNDED) || peers.some(({ name, compute }) => name === gpu.name && compute === ROUNDED)) refuseWrongRounding();
  if (!process.env[GPU_VARIABLE]) return;
  const takesOne = peers.some(({ name, device }) => { const { findEach, gpuDevices } = peerNamed(name); return findEach !== undefined && gpuDevices.includes(device); })
    || speed.engines.some(computesOnGpu);
  if (!takesOne) return;
  const { adapters, wrong } = await surveyGpus(asked?.say);
  if (wrong === 'variable' && typeof adapters === 'string') throw new ConfigurationError(`${adapters}: set it to one of these names, or unset it`);
}

function refuseWrongRounding(): void {
  try {
    forcedRounding();
  } catch (error) {
    throw new ConfigurationError(`${(error as Error).message}: set it to one of these, or unset it`);
  }
}
