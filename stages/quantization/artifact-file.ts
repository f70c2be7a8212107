/** An artifact that is written to a file as it is made: its size is known before its first byte, and its parts come in any order. */
import { closeSync, fdatasync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { ArtifactSink } from '../../kernels/index.ts';

/** The system writes at most 2 GiB at once. */
const LARGEST_WRITE_BYTES = 1 << 30;

/** The store has the disk take what is committed: of a large file it begins while the rest is made. */
const SYNCED_BYTES = 32 << 20;

/** Makes the file at `path`, which must not be there yet, by what `write` does with the sink. */
export function writeArtifactFile<T>(path: string, write: (sink: ArtifactSink) => T): T {
  const file = openSync(path, 'wx');
  let unsynced = 0;
  try {
    return write({
      begin: (bytes) => ftruncateSync(file, bytes),
      write(offset, bytes) {
        for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done, Math.min(bytes.length - done, LARGEST_WRITE_BYTES), offset + done);
        unsynced += bytes.length;
        if (unsynced < SYNCED_BYTES) return;
        unsynced = 0;
        // Beside the work, in one of Node's own threads. What comes of it does not count: the store syncs again.
        fdatasync(file, () => undefined);
      },
    });
  } finally {
    closeSync(file);
  }
}

/** For an artifact that nobody would read: only what is reported of it counts. */
export const nowhere: ArtifactSink = { begin: () => undefined, write: () => undefined };
