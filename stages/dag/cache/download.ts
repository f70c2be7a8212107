/**
 * Brings objects from a shared cache into the store. Of many small ones that lie in one pack those near each other come in one request; large ones
 * come piece by piece, hashed on the way. Whatever does not hash to its name is not used, and its place not asked again.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeAll } from '../disk.ts';
import { sha256 } from '../sha256.ts';
import { LOOSE_BYTES } from '../store.ts';
import { RemoteError } from './remote.ts';
import { SetAside } from './patient.ts';
import type { Catalogue } from './catalogue.ts';
import type { ObjectPlace } from './entry.ts';
import type { PatientRemote } from './patient.ts';
import type { Store } from '../store.ts';
import type { OutputRecord, Sha256 } from '../types.ts';

/** Bytes between two wanted objects that are rather read than asked around: what a line brings in a round trip of 30 ms at 10 MB/s. */
const GAP_BYTES = 256 << 10;
/** One request asks for no more. */
const RANGE_BYTES = 16 << 20;
/** Pieces of one large object that are on their way at once. */
const PIECES_AT_ONCE = 4;

export interface Downloaded { readonly objects: number; readonly bytes: number }

/** What was wrong with something that the remote holds, for people. */
export type Oddity = (what: string) => void;

export class Downloader {
  readonly #remote: PatientRemote;
  readonly #catalogue: Catalogue;
  readonly #store: Store;
  readonly #odd: Oddity;
  /** Two tasks that want one object bring it once. */
  readonly #underway = new Map<Sha256, Promise<unknown>>();
  #count = 0;
  readonly brought = { objects: 0, bytes: 0 };

  constructor(remote: PatientRemote, catalogue: Catalogue, store: Store, odd: Oddity) {
    this.#remote = remote;
    this.#catalogue = catalogue;
    this.#store = store;
    this.#odd = odd;
  }

  /** Has these objects, and what trees consist of, in the store. Answers those that cannot be had; from then on the catalogue lacks them. Throws StoreUnwritable. */
  async bring(outputs: Iterable<OutputRecord>): Promise<readonly Sha256[]> {
    const wanted = [...outputs];
    // A tree's files are known once its manifest is here.
    await this.#fetch(wanted);
    await this.#fetch(wanted.filter(({ tree }) => tree === true).flatMap((output) => [...this.#store.objectsOf(output)]));
    const lacking: Sha256[] = [];
    for (const output of wanted) {
      for (const object of this.#store.objectsOf(output)) {
        if (this.#store.isHere(object)) continue;
        lacking.push(object.sha256);
        this.#catalogue.unreachable(object.sha256);
      }
    }
    return lacking;
  }

  async #fetch(objects: readonly OutputRecord[]): Promise<void> {
    const mine = new Map<Sha256, OutputRecord>();
    const others: Promise<unknown>[] = [];
    for (const object of objects) {
      if (this.#store.isHere(object) || mine.has(object.sha256)) continue;
      const underway = this.#underway.get(object.sha256);
      if (underway === undefined) mine.set(object.sha256, object);
      else others.push(underway);
    }
    if (mine.size > 0) {
      const fetching = this.#fetchAll([...mine.values()]);
      for (const sha of mine.keys()) this.#underway.set(sha, fetching);
      try {
        await fetching;
      } finally {
        for (const sha of mine.keys()) this.#underway.delete(sha);
      }
    }
    await Promise.all(others);
  }

  /** Tries one place of each object after the other. */
  async #fetchAll(objects: readonly OutputRecord[]): Promise<void> {
    for (let left = objects; left.length > 0 && this.#remote.serves('read');) {
      const places = left.flatMap((object) => this.#catalogue.placesOf(object).slice(0, 1));
      if (places.length === 0) return;
      const small = places.filter(([, bytes]) => bytes < LOOSE_BYTES);
      const large = places.filter(([, bytes]) => bytes >= LOOSE_BYTES);
      const failed = new Set<Sha256>();
      await Promise.all([
        ...ranges(small).map((range) => this.#quietly(range, failed, () => this.#fetchRange(range))),
        // One after the other: each has its pieces on their way at once.
        (async () => { for (const place of large) await this.#quietly([place], failed, () => this.#fetchLarge(place)); })(),
      ]);
      left = left.filter((object) => !this.#store.isHere(object) && !failed.has(object.sha256) && this.#catalogue.has(object));
    }
  }

  /** A remote that does not serve was told of where it was let go of. */
  async #quietly(places: readonly ObjectPlace[], failed: Set<Sha256>, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof RemoteError) && !(error instanceof SetAside)) throw error;
      for (const [sha] of places) failed.add(sha);
    }
  }

  async #fetchRange(places: readonly ObjectPlace[]): Promise<void> {
    const [, , file, offset] = places[0]!;
    const end = Math.max(...places.map(([, bytes, , at]) => at + bytes));
    const range = await this.#remote.get(file, { offset, length: end - offset });
    if (range === undefined) return this.#fileGone(file);
    if (range.length < end - offset) this.#catalogue.fileEnds(file, offset + range.length);
    const small = new Map<Sha256, Uint8Array>();
    for (const place of places) {
      const [sha, bytes, , at] = place;
      const content = range.subarray(at - offset, at - offset + bytes);
      if (content.length === bytes && sha256(content) === sha) small.set(sha, content);
      else this.#damaged(place, content.length < bytes ? `it ends after ${content.length} of ${bytes} bytes` : 'its bytes hash to another name');
    }
    await this.#store.takeIn(small, []);
    this.#note(small.size, [...small.values()].reduce((sum, { length }) => sum + length, 0));
  }

  async #fetchLarge(place: ObjectPlace): Promise<void> {
    const [sha, bytes, file, offset] = place;
    const path = `${await this.#store.scratchPath()}-brought-${this.#count++}`;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const out = await open(path, 'wx', 0o600);
    const ahead: Promise<Uint8Array | undefined>[] = [];
    try {
      const hash = createHash('sha256');
      let asked = 0;
      const ask = (): void => {
        const length = Math.min(RANGE_BYTES, bytes - asked);
        const piece = this.#remote.get(file, { offset: offset + asked, length });
        // Told when its turn comes.
        piece.catch(() => undefined);
        ahead.push(piece);
        asked += length;
      };
      for (let done = 0; done < bytes;) {
        while (asked < bytes && ahead.length < PIECES_AT_ONCE) ask();
        const piece = await ahead.shift();
        if (piece === undefined) return this.#fileGone(file);
        if (piece.length < Math.min(RANGE_BYTES, bytes - done)) return this.#damaged(place, `it ends after ${done + piece.length} of ${bytes} bytes`);
        hash.update(piece);
        await writeAll(out, [piece]);
        done += piece.length;
      }
      if (hash.digest('hex') !== sha) return this.#damaged(place, 'its bytes hash to another name');
      await this.#store.takeIn(new Map(), [{ object: { sha256: sha, bytes }, path }]);
      this.#note(1, bytes);
    } finally {
      await Promise.allSettled(ahead);
      await out.close();
      await rm(path, { force: true });
    }
  }

  #note(objects: number, bytes: number): void {
    this.brought.objects += objects;
    this.brought.bytes += bytes;
  }

  #fileGone(file: string): void {
    this.#odd(`${file} is not there any more`);
    this.#catalogue.fileGone(file);
  }

  #damaged(place: ObjectPlace, what: string): void {
    this.#odd(`the object ${place[0].slice(0, 12)} is damaged there (${what}) and is not used`);
    this.#catalogue.placeDamaged(place);
  }
}

/** Places by file, those near each other together. */
function ranges(places: readonly ObjectPlace[]): readonly (readonly ObjectPlace[])[] {
  const sorted = places.toSorted((a, b) => a[2] < b[2] ? -1 : a[2] > b[2] ? 1 : a[3] - b[3]);
  const found: ObjectPlace[][] = [];
  let end = 0;
  for (const place of sorted) {
    const [, bytes, file, offset] = place;
    const range = found.at(-1);
    const first = range?.[0];
    if (range !== undefined && first !== undefined && first[2] === file && offset - end <= GAP_BYTES && offset + bytes - first[3] <= RANGE_BYTES) range.push(place);
    else found.push([place]);
    end = found.at(-1)!.length === 1 ? offset + bytes : Math.max(end, offset + bytes);
  }
  return found;
}
