/**
 * Bytes that are read in ranges, so that a checkpoint larger than memory can be read tensor by tensor: a file, memory, or whatever a
 * caller has (an object of a store that holds each range to what was hashed).
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export interface ByteSource {
  readonly bytes: number;
  /** So many bytes from `offset`, both whole numbers and inside. What it gives is not to be written to: it may be the memory itself. */
  read(offset: number, length: number): Uint8Array;
  /** This is what will be read next: a source may begin with it. */
  readNext?(offset: number, length: number): void;
  /** Nothing more will be read. */
  readNoMore?(): void;
  /** What it gave is not looked at any more: its memory may be what the next read gives. */
  reuse?(bytes: Uint8Array): void;
}

/** The system reads at most 2 GiB at once. */
const LARGEST_READ_BYTES = 1 << 30;

/** A file; `close` when it is no longer read. Throws the file system's error. */
export function fileSource(path: string): ByteSource & { close(): void } {
  const file = openSync(path, 'r');
  const { size } = fstatSync(file);
  return {
    bytes: size,
    read(offset, length) {
      if (offset + length > size) throw new RangeError(`bytes ${offset} to ${offset + length} of a file of ${size}`);
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length;) {
        const bytesRead = readSync(file, bytes, done, Math.min(length - done, LARGEST_READ_BYTES), offset + done);
        if (bytesRead === 0) throw new Error(`${path} ends after ${offset + done} bytes; it had ${size} when it was opened`);
        done += bytesRead;
      }
      return bytes;
    },
    close: () => closeSync(file),
  };
}

/** Memory as a source; a source as it is. */
export function sourceOf(bytes: Uint8Array | ByteSource): ByteSource {
  if (!(bytes instanceof Uint8Array)) return bytes;
  return { bytes: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}
