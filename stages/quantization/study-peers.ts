/** The peers that a study names, with what of them is installed here: their cells' facts. Nothing is looked at where it names none. */
import type { StudyConfig } from './config.ts';
import type { StudyPeer } from './peered-model.ts';
import { peerNamed } from './peers.ts';

export async function studyPeers({ peers }: Pick<StudyConfig, 'peers'>): Promise<StudyPeer[]> {
  return Promise.all(peers.map(async ({ name, ...settings }) => {
    const peer = peerNamed(name);
    const found = await peer.find(settings);
    const cards = 'missing' in found ? undefined : await peer.findEach?.(settings);
    return { peer, settings, found, ...(cards === undefined ? {} : { cards }) };
  }));
}
