/** Reading objects: from packs and loose files, hashed every time. Usable without a store: a handle says where to look. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open, readdir, rm } from 'node:fs/promises';
import { fileSize, writeAll } from './disk.ts';
import { DamagedObject } from './errors.ts';
import { isSha256, sha256 } from './sha256.ts';
import type { PackLine } from './records.ts';
import type { InputHandle } from './task-types.ts';
import type { Sha256 } from './types.ts';

/** Reads and hashes an object (or a project's file). Throws DamagedObject when it is missing, short, or other bytes. */
export async function readObject(handle: InputHandle): Promise<Uint8Array<ArrayBuffer>> {
  const file = await open(handle.path, 'r').catch(error => { throw unreadable(handle, error); });
  try {
    const { size } = await file.stat();
    refuseShort(handle, size);
    const bytes = new Uint8Array(handle.bytes);
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, handle.offset + done);
      if (bytesRead === 0) refuseShort(handle, handle.offset + done);
      done += bytesRead;
    }
    return verified(handle, bytes);
  } catch (error) {
    throw unreadable(handle, error);
  } finally {
    await file.close();
  }
}

/** Of readInPieces. */
export const PIECE_BYTES = 1 << 22;

/** Hands an object's bytes on a piece at a time, all of PIECE_BYTES but the last; after it is known whether they were its own. Throws DamagedObject as readObject() does. */
export async function readInPieces(handle: InputHandle, take: (piece: Uint8Array) => Promise<void> | void): Promise<void> {
  const file = await open(handle.path, 'r').catch(error => { throw unreadable(handle, error); });
  let ahead: Promise<Uint8Array> | undefined;
  try {
    refuseShort(handle, (await file.stat()).size);
    const hash = createHash('sha256');
    const size = Math.min(PIECE_BYTES, handle.bytes);
    const read = async (buffer: Uint8Array, done: number): Promise<Uint8Array> => {
      const piece = buffer.subarray(0, Math.min(size, handle.bytes - done));
      for (let filled = 0; filled < piece.length;) {
        const { bytesRead } = await file.read(piece, filled, piece.length - filled, handle.offset + done + filled).catch(error => { throw unreadable(handle, error); });
        if (bytesRead === 0) refuseShort(handle, handle.offset + done + filled);
        filled += bytesRead;
      }
      return piece;
    };
    // One piece is read while the one before is hashed.
    let [buffer, other] = [new Uint8Array(size), new Uint8Array(handle.bytes > size ? size : 0)];
    ahead = read(buffer, 0);
    for (let done = 0; done < handle.bytes;) {
      const piece = (await ahead)!;
      done += piece.length;
      [buffer, other] = [other, buffer];
      ahead = done < handle.bytes ? read(buffer, done) : undefined;
      // Its failure is told when its turn comes; until then it is none that nobody saw.
      ahead?.catch(() => undefined);
      hash.update(piece);
      await take(piece);
    }
    const actual = hash.digest('hex');
    if (actual !== handle.sha256) throw new DamagedObject(handle.sha256, `its bytes hash to ${actual.slice(0, 12)}`);
  } finally {
    await ahead?.catch(() => undefined);
    await file.close();
  }
}

/** Copies an object to a file that is not there yet, and answers its path. Throws DamagedObject, and then leaves no file. */
export async function copyObject(handle: InputHandle, to: string): Promise<string> {
  const out = await open(to, 'wx', 0o600);
  try {
    await readInPieces(handle, piece => writeAll(out, [piece]));
    return to;
  } catch (error) {
    await rm(to, { force: true });
    throw error;
  } finally {
    await out.close();
  }
}

/** readObject for small things that are needed at once (manifests). */
export function readObjectSync(handle: InputHandle): Uint8Array<ArrayBuffer> {
  let file: number | undefined;
  try {
    file = openSync(handle.path, 'r');
    refuseShort(handle, fstatSync(file).size);
    const bytes = new Uint8Array(handle.bytes);
    let done = 0;
    while (done < bytes.length) {
      const bytesRead = readSync(file, bytes, done, bytes.length - done, handle.offset + done);
      if (bytesRead === 0) refuseShort(handle, handle.offset + done);
      done += bytesRead;
    }
    return verified(handle, bytes);
  } catch (error) {
    throw unreadable(handle, error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Throws DamagedObject for a file that ends before the object does. */
export function refuseShort(handle: InputHandle, fileBytes: number): void {
  // Before allocating: a handle is only as trustworthy as the line it came from.
  if (fileBytes < handle.offset + handle.bytes) throw new DamagedObject(handle.sha256, `its file ends after ${fileBytes} bytes, it needs ${handle.offset + handle.bytes}`);
}

/** Throws for what is no range of an object of so many bytes. */
export function checkRange(bytes: number, offset: number, length: number): void {
  if (Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0 && offset + length <= bytes) return;
  throw new RangeError(`bytes ${offset} to ${offset + length} of an object of ${bytes}`);
}

function verified(handle: InputHandle, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const actual = sha256(bytes);
  if (actual !== handle.sha256) throw new DamagedObject(handle.sha256, `its bytes hash to ${actual.slice(0, 12)}`);
  return bytes;
}

/** A want of this process's, which says nothing about the object. */
const OWN_TROUBLE = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EINTR']);

/** What an error of the file system says of the object: DamagedObject, or the error itself where it is this process's trouble. */
export function unreadable(handle: InputHandle, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (error instanceof DamagedObject || code === undefined || OWN_TROUBLE.has(code)) return error;
  return new DamagedObject(handle.sha256, code === 'ENOENT' ? 'its file is missing' : `its file cannot be read (${code})`);
}

/** So many objects are looked for in the lines of packs before all of them are read. */
const MAX_SEARCHES = 16;

interface Pack {
  readonly name: Sha256;
  readonly path: string;
  readonly bytes: number;
}

/** Where a pack holds an object; `other` is a further place of the same object. */
interface PackPlace { readonly pack: Pack; readonly offset: number; readonly bytes: number; readonly other: PackPlace | undefined }

/** Which object lies where, as the log tells; presence is a stat of the file, remembered until `forgetStats`. */
export class ObjectPlaces {
  readonly #folder: string;
  readonly #places = new Map<Sha256, PackPlace>();
  /** Lines of packs that nobody has needed: most commands ask for few objects. */
  #unread: PackLine[] = [];
  #searches = 0;
  readonly #condemned = new Set<string>();
  /** Path -> size; -1 for a file that is not there. */
  readonly #sizes = new Map<string, number>();
  readonly #unusable = new Set<string>();

  /** `folder`: the store's. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The log says that a pack holds some objects. */
  addPack(line: PackLine): void {
    this.#unread.push(line);
  }

  readAll(): void {
    const unread = this.#unread;
    this.#unread = [];
    for (const line of unread) this.#read(line);
  }

  /** Reads what may name this object: the first few questions are answered by looking through the lines. */
  #readFor(sha: Sha256): void {
    if (this.#unread.length === 0) return;
    if (this.#searches++ >= MAX_SEARCHES) return this.readAll();
    const unread = this.#unread;
    this.#unread = [];
    for (const line of unread) {
      if (line.mayHold(sha)) this.#read(line);
      else this.#unread.push(line);
    }
  }

  #read(line: PackLine): void {
    const body = line.read();
    if (body === undefined) return;
    const pack: Pack = { name: body.pack, path: this.packPath(body.pack), bytes: body.bytes };
    for (const [sha, offset, bytes] of body.objects) this.#places.set(sha, { pack, offset, bytes, other: this.#places.get(sha) });
  }

  /** The bytes at this place are not the object's. Another place still counts. */
  condemn(sha: Sha256, pack: Sha256, offset: number): void {
    this.#condemned.add(`${sha}@${pack}:${offset}`);
  }

  /** Where the object lies now; undefined if nowhere. `bytes` is what the citing record says. */
  find(sha: Sha256, bytes: number): InputHandle | undefined {
    this.#readFor(sha);
    for (let place = this.#places.get(sha); place !== undefined; place = place.other) {
      // A pack of another size was cut or overwritten: none of its offsets can be believed.
      if (place.bytes === bytes && !this.#isCondemned(sha, place) && this.sizeOf(place.pack.path) === place.pack.bytes) {
        return { sha256: sha, bytes, path: place.pack.path, offset: place.offset };
      }
    }
    // Where a name becomes a path, it must be one: records may come from elsewhere.
    if (!isSha256(sha)) return undefined;
    const path = this.loosePath(sha);
    return this.sizeOf(path) === bytes ? { sha256: sha, bytes, path, offset: 0 } : undefined;
  }

  /** All that the log says to lie in packs, pack by pack, but for the places that were condemned. */
  packs(): ReadonlyMap<Sha256, { readonly bytes: number; readonly objects: readonly { readonly sha256: Sha256; readonly offset: number; readonly bytes: number }[] }> {
    const packs = new Map<Sha256, { readonly bytes: number; readonly objects: { readonly sha256: Sha256; readonly offset: number; readonly bytes: number }[] }>();
    this.readAll();
    for (const [sha256, first] of this.#places) {
      for (let place: PackPlace | undefined = first; place !== undefined; place = place.other) {
        const { pack, offset, bytes } = place;
        let entry = packs.get(pack.name);
        if (entry === undefined) packs.set(pack.name, entry = { bytes: pack.bytes, objects: [] });
        if (!this.#isCondemned(sha256, place)) entry.objects.push({ sha256, offset, bytes });
      }
    }
    return packs;
  }

  /** Objects with a file of their own, as the folder says. */
  async loose(): Promise<readonly Sha256[]> {
    const found: Sha256[] = [];
    for (const folder of await readdir(`${this.#folder}/objects`).catch(() => [])) {
      for (const name of await readdir(`${this.#folder}/objects/${folder}`).catch(() => [])) if (isSha256(name) && name.startsWith(folder)) found.push(name);
    }
    return found.sort();
  }

  /** The pack that a handle points into; undefined for a loose object. */
  packOf(handle: InputHandle): Sha256 | undefined {
    this.#readFor(handle.sha256);
    for (let place = this.#places.get(handle.sha256); place !== undefined; place = place.other) {
      if (place.pack.path === handle.path && place.offset === handle.offset) return place.pack.name;
    }
    return undefined;
  }

  looseFolder(sha: Sha256): string {
    return `${this.#folder}/objects/${sha.slice(0, 2)}`;
  }

  loosePath(sha: Sha256): string {
    return `${this.looseFolder(sha)}/${sha}`;
  }

  packPath(pack: Sha256): string {
    return `${this.#folder}/packs/${pack}.pack`;
  }

  /** This file was written or moved just now. */
  forgetStat(path: string): void {
    this.#unusable.delete(path);
    this.#sizes.delete(path);
  }

  /** This file is not to be used, whatever its size, until it is written or moved (`forgetStat`). */
  markUnusable(path: string): void {
    this.#unusable.add(path);
  }

  /** Files may have come or gone since (another run, a repair). */
  forgetStats(): void {
    this.#sizes.clear();
  }

  #isCondemned(sha: Sha256, place: PackPlace): boolean {
    return this.#condemned.size > 0 && this.#condemned.has(`${sha}@${place.pack.name}:${place.offset}`);
  }

  /** A file's size; -1 where there is none that is to be used. */
  sizeOf(path: string): number {
    if (this.#unusable.has(path)) return -1;
    let size = this.#sizes.get(path);
    if (size === undefined) {
      size = fileSize(path);
      this.#sizes.set(path, size);
    }
    return size;
  }
}
