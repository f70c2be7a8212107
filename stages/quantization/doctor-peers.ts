/** What `doctor` shows of peers: those that are installed are loaded, and say what they are. */
import type { DoctorSection } from '../dag/index.ts';
import { peers } from './peers.ts';

export async function peerChecks(): Promise<DoctorSection> {
  const items = [];
  for (const peer of peers) items.push(await peer.doctor());
  return { section: 'peers', items };
}
