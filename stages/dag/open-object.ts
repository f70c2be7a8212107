/**
 * Objects that are larger than what a task may hold: hashed whole when they are opened, a piece at a time, then read in ranges.
 *
 * Between the two a byte may change (a failing disk, somebody who writes into the file), so the checksum of each chunk is kept from
 * the first pass, in which the whole was held to its name, and every range is held to those of its chunks.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from './crc32.ts';
import { DamagedObject } from './errors.ts';
import { checkRange, PIECE_BYTES, readInPieces, readObject, refuseShort, unreadable } from './objects.ts';
import { OrderedObject } from './ordered-object.ts';
import type { InputHandle, OpenObject } from './task-types.ts';

/** Smaller objects are read whole: ranges of them are views. */
const WHOLE_BYTES = 64 << 20;
/** What a range is rounded to, so that its checksums can be compared. Pieces are multiples of it, but for the last. */
const CHUNK_BYTES = PIECE_BYTES >> 4;

/** Opens an object (or a project's file). Throws DamagedObject when it is missing, short, or other bytes. */
export async function openObject(handle: InputHandle, wholeBytes = WHOLE_BYTES): Promise<OpenObject> {
  return handle.bytes <= wholeBytes ? new HeldObject(handle, await readObject(handle)) : new FileObject(handle, await checksums(handle));
}

/**
 * Opens an object for whoever goes through it once, from front to back. What is larger than what is held whole is not known to be the object's before
 * `verified` has returned, which throws DamagedObject where it is not.
 */
export async function openInOrder(handle: InputHandle, wholeBytes = WHOLE_BYTES): Promise<OpenObject & { verified?(): void }> {
  return handle.bytes <= wholeBytes ? openObject(handle, wholeBytes) : new OrderedObject(handle);
}

class HeldObject implements OpenObject {
  readonly bytes: number;
  #content: Uint8Array<ArrayBuffer> | undefined;

  constructor({ bytes }: InputHandle, content: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
    this.#content = content;
  }

  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    checkRange(this.bytes, offset, length);
    if (this.#content === undefined) throw closed();
    return this.#content.subarray(offset, offset + length);
  }

  close(): void {
    this.#content = undefined;
  }
}

class FileObject implements OpenObject {
  readonly bytes: number;
  readonly #handle: InputHandle;
  readonly #checksums: Uint32Array;
  /** Memory that ranges were read into, and of it what is free again: pages that were touched before cost nothing. */
  readonly #own = new WeakSet<ArrayBuffer>();
  #spare: ArrayBuffer | undefined;
  #file: number | undefined;

  constructor(handle: InputHandle, checksums: Uint32Array) {
    this.bytes = handle.bytes;
    this.#handle = handle;
    this.#checksums = checksums;
  }

  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    checkRange(this.bytes, offset, length);
    const begin = Math.floor(offset / CHUNK_BYTES) * CHUNK_BYTES;
    const end = Math.min(Math.ceil((offset + length) / CHUNK_BYTES) * CHUNK_BYTES, this.bytes);
    const bytes = this.#room(end - begin);
    try {
      this.#fill(bytes, begin);
    } catch (error) {
      throw unreadable(this.#handle, error);
    }
    for (let at = begin; at < end; at += CHUNK_BYTES) {
      if (crc32(bytes.subarray(at - begin, at - begin + CHUNK_BYTES)) !== this.#checksums[at / CHUNK_BYTES]) {
        throw new DamagedObject(this.#handle.sha256, `its bytes from ${at} on changed after they were hashed`);
      }
    }
    return bytes.subarray(offset - begin, offset - begin + length);
  }

  reuse({ buffer }: Uint8Array): void {
    if (buffer instanceof ArrayBuffer && this.#own.has(buffer) && buffer.byteLength > (this.#spare?.byteLength ?? 0)) this.#spare = buffer;
  }

  #room(length: number): Uint8Array<ArrayBuffer> {
    let memory = this.#spare;
    if (memory === undefined || memory.byteLength < length) this.#own.add(memory = new ArrayBuffer(length));
    else this.#spare = undefined;
    return new Uint8Array(memory, 0, length);
  }

  #fill(bytes: Uint8Array, begin: number): void {
    this.#file ??= openSync(this.#handle.path, 'r');
    let done = 0;
    while (done < bytes.length) {
      const bytesRead = readSync(this.#file, bytes, done, bytes.length - done, this.#handle.offset + begin + done);
      if (bytesRead === 0) refuseShort(this.#handle, fstatSync(this.#file).size);
      done += bytesRead;
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    this.#spare = undefined;
  }
}

const closed = (): Error => new Error('the object was closed');

async function checksums(handle: InputHandle): Promise<Uint32Array> {
  const found = new Uint32Array(Math.ceil(handle.bytes / CHUNK_BYTES));
  let chunk = 0;
  await readInPieces(handle, (piece) => {
    for (let at = 0; at < piece.length; at += CHUNK_BYTES) found[chunk++] = crc32(piece.subarray(at, at + CHUNK_BYTES));
  });
  return found;
}
