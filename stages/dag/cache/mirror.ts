/**
 * A copy of a shared cache's list in the store: a run asks the remote only for what is new, and commands that ask no network know what the cache had
 * when a run last looked. Its loss costs the requests that made it; of two runs that write it at once one is remembered.
 */
import { readFileSync } from 'node:fs';
import { replaceQuietly } from '../disk.ts';

const FRAME = /^\{"name":"([a-z0-9/-]+)","bytes":(\d+)\}$/;

/** Name -> bytes, in their order; empty where there is none. Whether the bytes are an entry's is for their signature to say. */
export function loadMirror(path: string): Map<string, Buffer> {
  const entries = new Map<string, Buffer>();
  let all: Buffer;
  try {
    all = readFileSync(path);
  } catch {
    return entries;
  }
  for (let at = 0; at < all.length;) {
    const end = all.indexOf(0x0a, at);
    const frame = end < 0 ? null : FRAME.exec(all.toString('latin1', at, end));
    if (frame === null || end + 1 + Number(frame[2]) > all.length) break;
    at = end + 1 + Number(frame[2]);
    entries.set(frame[1]!, all.subarray(end + 1, at));
  }
  return entries;
}

/** Says nothing where it cannot be written. */
export function saveMirror(path: string, entries: ReadonlyMap<string, Uint8Array>): void {
  replaceQuietly(path, () => Array.from(entries, ([name, bytes]) => [Buffer.from(`${JSON.stringify({ name, bytes: bytes.length })}\n`), bytes]).flat());
}
