/** Which GPU cells take, and the facts of what they compute on: of peers, and of engines of ours that are timed on a GPU. */
import { gpuNamed } from './gpus.ts';
import type { PeerPlace, StudyPeer } from './peered-model.ts';

/**
 * Where a format is computed, and the facts of it. Of several GPUs each format has one, by its place in the peer's register: by its place in the study, a format more would send others to
 * another card. Timings, whose formats are held against each other, are all taken on the first.
 */
export function placeOf({ peer, settings, found, cards = [] }: StudyPeer, format?: string): ReturnType<PeerPlace['on']> {
  if (!peer.gpuDevices.includes(settings.device)) return { facts: factsOf(found), gpus: 0 };
  const own = cards[format === undefined ? 0 : peer.formats.findIndex(({ name }) => name === format) % cards.length];
  if (own !== undefined) return { facts: factsOf(own.identity), gpus: 1, gpu: gpuNamed(own.card) };
  return { facts: factsOf(found), gpus: 1, ...(peer.findEach === undefined ? { anyGpu: true } : {}) };
}

/** What a peer's results depend on besides its inputs: its versions, its device, what the environment forces. A peer that is not there has none, so that one that was installed is run. */
function factsOf(found: StudyPeer['found']): { readonly [name: string]: string } {
  if ('missing' in found) return { installed: 'no' };
  return { ...Object.fromEntries(Object.entries(found.packages).map(([name, version]) => [`package ${name}`, version])), device: found.device, ...found.forced };
}
