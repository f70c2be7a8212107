/**
 * A copy of a shared cache's list in the store: a run asks the remote only for what is new, and commands that ask no network know what the cache had
 * when a run last looked. Its loss costs the requests that made it; of two runs that write it at once one is remembered.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { removeQuietly, temporaryName } from '../disk.ts';

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
  const temporary = `${dirname(path)}/${temporaryName()}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const pieces: Uint8Array[] = [];
    for (const [name, bytes] of entries) pieces.push(Buffer.from(`${JSON.stringify({ name, bytes: bytes.length })}\n`), bytes);
    writeFileSync(temporary, Buffer.concat(pieces), { flag: 'wx', mode: 0o600 });
    renameSync(temporary, path);
  } catch {
    removeQuietly(temporary);
  }
}
