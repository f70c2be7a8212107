/**
 * The beginning of a file that is not here yet: what its header says, without its weights. As much is asked for as the reader turns out to need. Nothing
 * of it is verified, since a hub has hashes of whole files only; the stages hold the file itself to what was read.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { filePath } from './api.ts';
import { cachedPath } from './cache.ts';
import { HubError } from './errors.ts';
import { explain } from './explain.ts';
import { ask } from './http.ts';
import { retrying } from './retry.ts';
import type { HubSettings } from './settings.ts';

/** Bytes that are read in ranges. */
export interface Ranges {
  /** Of the whole file. */
  readonly bytes: number;
  read(offset: number, length: number): Uint8Array;
}

const FIRST_BYTES = 1 << 20;
/** A header holds a tokenizer of some megabytes at most. */
const MOST_BYTES = 1 << 27;

/** What `read` makes of a file's beginning; it is called anew when it turns out to need more. Throws HubError, and what `read` throws. */
export async function readBeginning<T>(hub: HubSettings, repository: string, commit: string, file: { readonly name: string; readonly bytes: number; readonly sha256?: string }, read: (source: Ranges) => T): Promise<T> {
  const cached = cachedPath(hub, repository, commit, file);
  if (cached === undefined && hub.offline) throw new HubError('offline', `${file.name} of ${repository} is not in the cache, and HF_HUB_OFFLINE is set`, { hint: 'unset it once' });
  let here: Uint8Array = new Uint8Array(0);
  for (let wanted = FIRST_BYTES; ;) {
    const until = Math.min(wanted, file.bytes);
    here = cached === undefined ? await more(hub, repository, commit, file, here, until) : beginningOf(cached, until);
    const have = here;
    let needed = 0;
    try {
      return read({
        bytes: file.bytes,
        read(offset, length) {
          if (offset + length > have.length) {
            needed = offset + length;
            throw new RangeError(`it needs ${needed} bytes, of which ${have.length} are here`);
          }
          return have.subarray(offset, offset + length);
        },
      });
    } catch (error) {
      // Whatever the reader made of it: it came to the end of what is here, not of the file.
      if (needed === 0 || have.length >= file.bytes) throw error;
      if (needed > MOST_BYTES) throw new HubError('unfit', `the header of ${file.name} of ${repository} has more than ${MOST_BYTES} bytes`, { hint: 'choose another file' });
      wanted = Math.min(MOST_BYTES, Math.max(needed, 4 * wanted));
    }
  }
}

/** What is here, and what follows up to `until`. */
async function more(hub: HubSettings, repository: string, commit: string, file: { readonly name: string; readonly bytes: number }, here: Uint8Array, until: number): Promise<Uint8Array> {
  return await retrying(hub.policy, undefined, async () => {
    const answer = await ask(hub, filePath(repository, commit, file.name), { headers: { range: `bytes=${here.length}-${until - 1}` } });
    try {
      if (answer.status !== 200 && answer.status !== 206) throw explain(answer, { repository, revision: commit, file: file.name }, hub);
      // A server that knows no ranges begins at the beginning.
      const pieces: Uint8Array[] = answer.status === 206 ? [here] : [];
      let bytes = pieces.length === 0 ? 0 : here.length;
      for await (const piece of answer.pieces()) {
        pieces.push(piece);
        bytes += piece.length;
        if (bytes >= until) break;
      }
      if (bytes < until) throw new HubError('network', `the hub ended ${file.name} after ${bytes} of ${file.bytes} bytes`, { passing: true, hint: 'try again later' });
      return Buffer.concat(pieces).subarray(0, until);
    } finally {
      answer.close();
    }
  });
}

function beginningOf(path: string, bytes: number): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const content = new Uint8Array(bytes);
    let done = 0;
    for (let read = -1; done < bytes && read !== 0; done += read) read = readSync(file, content, done, bytes - done, done);
    return content.subarray(0, done);
  } finally {
    closeSync(file);
  }
}
