/** The peers that a study names, with what of them is installed here: their cells' facts. Nothing is looked at where it names none, or where nobody asks for keys. */
import { computesOnGpu } from '../../kernels/gpu-engines.ts';
import type { Asked } from '../dag/index.ts';
import type { StudyConfig } from './config.ts';
import { surveyGpus } from './gpu-survey.ts';
import type { StudyPeer } from './peered-model.ts';
import { peerNamed } from './peers.ts';
import { gpu } from './peers/gpu.ts';

/** The command that it is for. */
export type AskedForGpus = Pick<Asked, 'command'> & Partial<Asked>;

const ALWAYS = (): boolean => true;

/** Those for which it is enough which cells there are, or that read another's files only; some of them in one of their ways. All others are given keys: with wrong ones they would call results out of date. */
const WITHOUT_KEYS: { readonly [command: string]: (asked: AskedForGpus) => boolean } = {
  runs: ALWAYS, logs: ALWAYS, graph: ALWAYS, render: ALWAYS, peers: ALWAYS, doctor: ALWAYS, 'check-site': ALWAYS, open: ALWAYS, import: ALWAYS,
  // Models and the native library, on whatever machine has a network or a compiler.
  fetch: ALWAYS, prepare: ALWAYS,
  // Of papers it tells what is out of date.
  check: ({ positionals = [] }) => positionals.length === 0,
  keep: ({ values, positionals = [] }) => positionals.length > 0 || typeof values?.['drop'] === 'string',
  // Another's pack is computed by commands of their own.
  reproduce: ({ positionals = [] }) => positionals.length === 1 && /\.zip$/i.test(positionals[0]!),
};

/** Whether a command need not know what is here of peers and GPUs, which may take looking. */
export const asksForNoKeys = (asked: AskedForGpus | undefined): boolean => asked !== undefined && Object.hasOwn(WITHOUT_KEYS, asked.command) && WITHOUT_KEYS[asked.command]!(asked);

/** `asked`: the command that it is for. */
export async function studyPeers({ peers }: Pick<StudyConfig, 'peers'>, asked?: AskedForGpus): Promise<StudyPeer[]> {
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
export async function timedGpus({ speed }: Pick<StudyConfig, 'speed'>, asked?: AskedForGpus): Promise<ReadonlyMap<string, StudyPeer>> {
  const named = speed.engines.filter(computesOnGpu).map((compute) => ({ name: gpu.name, device: gpu.devices[0]!, compute }));
  return new Map((await studyPeers({ peers: named }, asked)).map((found) => [found.settings.compute, found]));
}
