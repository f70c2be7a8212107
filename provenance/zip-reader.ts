/**
 * Reading a zip from anybody: names are plain relative paths, each once; sizes are bounded before a byte is unpacked and held to
 * while it is. The only file that knows yauzl.
 */
import { fromFdPromise } from 'yauzl';
import { open } from 'node:fs/promises';
import type { Entry, ZipFile } from 'yauzl';

/** An archive that is refused, with the reason. */
export class BadZip extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'BadZip';
  }
}

export interface ZipLimits {
  readonly entries: number;
  /** Unpacked bytes, of all entries together. */
  readonly bytes: number;
}

const LIMITS: ZipLimits = { entries: 200_000, bytes: 8 * 2 ** 30 };

export interface ZipArchive {
  /** Path -> unpacked bytes, in the archive's order. */
  readonly files: ReadonlyMap<string, number>;
  /** Unpacks one file; its checksum is held to. Throws BadZip. */
  read(path: string): Promise<Uint8Array>;
  close(): void;
}

/** Throws BadZip, or the file system's error where it cannot be opened. */
export async function openZip(path: string, limits: ZipLimits = LIMITS): Promise<ZipArchive> {
  const file = await open(path, 'r');
  let zip: ZipFile;
  try {
    zip = await fromFdPromise(file.fd, { autoClose: false, lazyEntries: true, strictFileNames: true });
  } catch (error) {
    await file.close();
    throw new BadZip(`it is no zip: ${(error as Error).message}`);
  }
  const close = (): void => { file.close().catch(() => undefined); };
  try {
    const entries = await entriesOf(zip, limits);
    return {
      files: new Map([...entries].map(([name, entry]) => [name, entry.uncompressedSize])),
      read: async (name) => unpacked(zip, entries.get(name) ?? missing(name), name),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

const missing = (name: string): never => { throw new BadZip(`${name} is not in it`); };

/** What names no regular file of the archive's own tree. */
function refusal(name: string): string | undefined {
  const parts = name.split('/');
  if (name === '' || name.length > 1000 || /[\0-\x1f\x7f\\:]/.test(name)) return 'is no plain path';
  if (name.startsWith('/') || parts.some((part) => part === '' || part === '.' || part === '..')) return 'leads out of the archive, or is not spelled plainly';
  return undefined;
}

const FILE_TYPE = 0o170000, REGULAR = 0o100000;

async function entriesOf(zip: ZipFile, limits: ZipLimits): Promise<ReadonlyMap<string, Entry>> {
  const entries = new Map<string, Entry>();
  if (zip.entryCount > limits.entries) throw new BadZip(`it has ${zip.entryCount} entries; at most ${limits.entries} are read`);
  let bytes = 0;
  try {
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileName;
      const shown = JSON.stringify(name.slice(0, 100));
      const wrong = refusal(name);
      if (wrong !== undefined) throw new BadZip(`its entry ${shown} ${wrong}`);
      if (entries.has(name)) throw new BadZip(`it has the entry ${shown} twice`);
      const mode = (entry.externalFileAttributes >>> 16) & FILE_TYPE;
      if (mode !== 0 && mode !== REGULAR) throw new BadZip(`its entry ${shown} is no regular file`);
      if ((entry.generalPurposeBitFlag & 1) !== 0) throw new BadZip(`its entry ${shown} is encrypted`);
      bytes += entry.uncompressedSize;
      if (bytes > limits.bytes) throw new BadZip(`it unpacks to more than ${limits.bytes} bytes`);
      entries.set(name, entry);
    }
  } catch (error) {
    throw error instanceof BadZip ? error : new BadZip(`it cannot be read: ${(error as Error).message}`);
  }
  return entries;
}

async function unpacked(zip: ZipFile, entry: Entry, name: string): Promise<Uint8Array> {
  try {
    const stream = await zip.openReadStreamPromise(entry);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    if (bytes.length !== entry.uncompressedSize) throw new Error('it has another size than it says');
    const { crc32 } = await import('node:zlib') as { crc32?: (data: Uint8Array) => number };
    // Node 22 and later; each file's sha256 is held to in any case.
    if (crc32 !== undefined && crc32(bytes) !== entry.crc32) throw new Error('its checksum does not hold');
    return bytes;
  } catch (error) {
    throw new BadZip(`its entry ${JSON.stringify(name.slice(0, 100))} cannot be unpacked: ${(error as Error).message}`);
  }
}
