/** An artifact that is written to a file as it is made: its size is known before its first byte, and its parts come in any order. */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { ArtifactSink } from '../../kernels/index.ts';

/** The system writes at most 2 GiB at once. */
const LARGEST_WRITE_BYTES = 1 << 30;

/** Makes the file at `path`, which must not be there yet, by what `write` does with the sink. */
export function writeArtifactFile<T>(path: string, write: (sink: ArtifactSink) => T): T {
  const file = openSync(path, 'wx');
  try {
    return write({
      begin: (bytes) => ftruncateSync(file, bytes),
      write(offset, bytes) {
        for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done, Math.min(bytes.length - done, LARGEST_WRITE_BYTES), offset + done);
      },
    });
  } finally {
    closeSync(file);
  }
}

/** For an artifact that nobody would read: only what is reported of it counts. */
export const nowhere: ArtifactSink = { begin: () => undefined, write: () => undefined };
