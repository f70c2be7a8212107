/** The peers that a study names, with what of them is installed here: their cells' facts. Nothing is looked at where it names none, or where nobody asks for keys. */
import { computesOnGpu } from '../../kernels/gpu-engines.ts';
import type { Asked } from '../dag/index.ts';
import type { StudyConfig } from './config.ts';
import { surveyGpus } from './gpu-survey.ts';
import type { StudyPeer } from './peered-model.ts';
import { peerNamed } from './peers.ts';
import { gpu } from './peers/gpu.ts';

/** Those for which it is enough which cells there are. */
const WITHOUT_KEYS: ReadonlySet<string> = new Set(['runs', 'logs', 'graph', 'render', 'peers', 'doctor']);

/** Whether a command need not know what is here of peers and GPUs, which may take looking. */
export const asksForNoKeys = (asked: Pick<Asked, 'command'> | undefined): boolean => asked !== undefined && WITHOUT_KEYS.has(asked.command);

/** `asked`: the command that it is for. */
export async function studyPeers({ peers }: Pick<StudyConfig, 'peers'>, asked?: Pick<Asked, 'command' | 'say'>): Promise<StudyPeer[]> {
  return Promise.all(peers.map(async ({ name, ...settings }) => {
    const peer = peerNamed(name);
    if (asksForNoKeys(asked)) return { peer, settings, found: { missing: 'it was not looked for' } };
    // That of all others takes no time.
    if (peer.findEach !== undefined) await surveyGpus(asked?.say);
    const found = await peer.find(settings);
    const cards = 'missing' in found ? undefined : await peer.findEach?.(settings);
    return { peer, settings, found, ...(cards === undefined ? {} : { cards }) };
  }));
}

/** Where the engines of its timings that compute on a GPU find one: as the peer gpu that computes with them. By engine; nothing is looked at where it names none. */
export async function timedGpus({ speed }: Pick<StudyConfig, 'speed'>, asked?: Pick<Asked, 'command' | 'say'>): Promise<ReadonlyMap<string, StudyPeer>> {
  const named = speed.engines.filter(computesOnGpu).map((compute) => ({ name: gpu.name, device: gpu.devices[0]!, compute }));
  return new Map((await studyPeers({ peers: named }, asked)).map((found) => [found.settings.compute, found]));
}
