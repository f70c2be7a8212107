/** Writing a zip whose bytes follow from its contents alone: entries in the order given, no times, no owners. The only file that knows yazl. */
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';

/** A file of the archive, by its path in it. Bytes are asked for when their turn comes. */
export interface ZipEntry { readonly path: string; readonly bytes: Uint8Array | (() => Promise<Uint8Array>) }

/** DOS time as yazl reads it from local fields: the same wherever it runs. */
const NO_TIME = new Date(1980, 0, 1);

/** Compressed already. */
const PACKED = /\.(parquet|gz|zip|png)$/;

/** Writes it beside and renames: whole or not at all. Throws the file system's error. */
export async function writeZip(to: string, entries: Iterable<ZipEntry>): Promise<void> {
  const zip = new ZipFile();
  const unfinished = `${to}.unfinished-${process.pid}`;
  // An error of the archive itself would otherwise end the process.
  const failed = new Promise<never>((_, reject) => { (zip as unknown as NodeJS.EventEmitter).on('error', reject); });
  try {
    const written = pipeline(zip.outputStream, createWriteStream(unfinished));
    const added = (async () => {
      for (const { path, bytes } of entries) {
        zip.addBuffer(Buffer.from(typeof bytes === 'function' ? await bytes() : bytes), path, { mtime: NO_TIME, mode: 0o100644, compress: !PACKED.test(path), forceDosTimestamp: true });
      }
      zip.end();
    })();
    await Promise.race([Promise.all([written, added]), failed]);
    await rename(unfinished, to);
  } finally {
    await rm(unfinished, { force: true });
  }
}
