/**
 * Puts results into a shared cache while a run goes on: small objects of many cells in one pack, large ones by themselves, and, when all of them are
 * there, one signed entry in the list. An entry takes the next free number by a put that fails where there is one already: so all writers agree on
 * one order without a lock, and who comes second sees first what the other has written.
 */
import { DamagedObject } from '../errors.ts';
import { openObject } from '../open-object.ts';
import { sha256 } from '../sha256.ts';
import { LOOSE_BYTES } from '../store.ts';
import { encodeEntry } from './entry.ts';
import { isShared } from './is-shared.ts';
import { RemoteError } from './remote.ts';
import { SetAside } from './patient.ts';
import type { Catalogue } from './catalogue.ts';
import type { ObjectPlace, Origin } from './entry.ts';
import type { PatientRemote } from './patient.ts';
import type { RemoteSource } from './remote.ts';
import type { Store } from '../store.ts';
import type { Cell, CellRecord, OutputRecord, Sha256 } from '../types.ts';

/** A pack is held in memory, and read by ranges: large ones cost readers nothing. */
const MAX_PACK_BYTES = 32 << 20;
const MAX_RECORDS = 2000;
/** What is computed within this time goes up together. */
const GATHER_MS = 5000;
/** So many writers may come before us at one number after the other. */
const MAX_NUMBERS = 100;
export const LIST = 'log/';
const MARKER = 'bitwidth-cache';

export interface UploaderOptions {
  readonly remote: PatientRemote;
  readonly catalogue: Catalogue;
  readonly store: Store;
  /** Reads what others have put into the list since. */
  readonly sync: () => Promise<void>;
  readonly signer: { readonly text: string; sign(bytes: Uint8Array): Uint8Array };
}

interface Offer { readonly cell: Cell; readonly record: CellRecord; readonly ruling: boolean }

export class Uploader {
  readonly #options: UploaderOptions;
  #queue: Offer[] = [];
  readonly #offered = new Set<CellRecord>();
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> = Promise.resolve();
  #checked = false;
  #stopped = false;
  /** Records that went up, and what is left. */
  readonly sent = { records: 0 };

  constructor(options: UploaderOptions) {
    this.#options = options;
  }

  get left(): number {
    return this.#queue.length;
  }

  /** What the cache has already is passed over. `ruling`: it decides between records that differ. */
  offer(cell: Cell, record: CellRecord, ruling = false): void {
    const { catalogue, remote } = this.#options;
    if (!isShared(cell.stage) || this.#offered.has(record) || !remote.serves('write') || (!ruling && catalogue.hasResult(cell, record) && this.#isWhole(record))) return;
    this.#offered.add(record);
    this.#queue.push({ cell, record, ruling });
    if (this.#queue.length >= MAX_RECORDS) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), GATHER_MS);
  }

  /** Whether the cache has all that a record cites: what was damaged there is put there again. */
  #isWhole({ outputs }: CellRecord): boolean {
    const { catalogue, store } = this.#options;
    for (const output of Object.values(outputs)) for (const object of store.objectsOf(output)) if (!catalogue.holds(object)) return false;
    return true;
  }

  /** Sends what is left. Resolves when all of it is there, or nothing more can be. Throws what is a fault of ours. */
  async finish(): Promise<void> {
    this.#start();
    await this.#working;
  }

  /** Begins nothing more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#working = this.#working.then(() => this.#sendAll());
    // Heard by finish().
    this.#working.catch(() => undefined);
  }

  async #sendAll(): Promise<void> {
    try {
      while (this.#queue.length > 0 && !this.#stopped && this.#options.remote.serves('write')) await this.#sendSome();
    } catch (error) {
      // Told of where the remote was let go of; what is not there is sent another time.
      if (!(error instanceof RemoteError) && !(error instanceof SetAside)) throw error;
    }
  }

  /** One pack and one entry. */
  async #sendSome(): Promise<void> {
    await this.#checkConditions();
    const batch: Offer[] = [];
    const small = new Map<Sha256, Uint8Array>();
    const large: OutputRecord[] = [];
    let bytes = 0;
    while (this.#queue.length > 0 && batch.length < MAX_RECORDS && bytes < MAX_PACK_BYTES) {
      const offer = this.#queue[0]!;
      const found = await this.#objectsOf(offer.record, small);
      this.#queue.shift();
      if (found === undefined) continue;
      for (const [sha, content] of found.small) {
        small.set(sha, content);
        bytes += content.length;
      }
      large.push(...found.large);
      batch.push(offer);
    }
    if (batch.length === 0) return;
    try {
      const places = [...await this.#putPack(small)];
      for (const object of large) places.push(await this.#putLarge(object));
      await this.#putEntry(batch, places);
    } catch (error) {
      // Their objects may be there already: sent again, these cost a question each.
      this.#queue.unshift(...batch);
      throw error;
    }
  }

  /** Objects of a record that are to go up; undefined where some are neither here nor there. */
  async #objectsOf(record: CellRecord, packed: ReadonlyMap<Sha256, Uint8Array>): Promise<{ readonly small: ReadonlyMap<Sha256, Uint8Array>; readonly large: readonly OutputRecord[] } | undefined> {
    const { catalogue, store } = this.#options;
    const small = new Map<Sha256, Uint8Array>();
    const large = new Map<Sha256, OutputRecord>();
    for (const output of Object.values(record.outputs)) {
      for (const object of store.objectsOf(output)) {
        const { sha256: sha, bytes } = object;
        if (catalogue.holds(object) || packed.has(sha) || small.has(sha)) continue;
        try {
          const handle = store.handle(object);
          if (bytes >= LOOSE_BYTES) large.set(sha, { sha256: sha, bytes });
          else small.set(sha, await store.read(handle));
        } catch (error) {
          // The run that needs it makes it anew, and offers that.
          if (error instanceof DamagedObject) {
            // In a file of which something else is damaged: it may be sound all the same.
            if (catalogue.has(object)) continue;
            return undefined;
          }
          throw error;
        }
      }
    }
    return { small, large: [...large.values()] };
  }

  async #putPack(objects: ReadonlyMap<Sha256, Uint8Array>): Promise<readonly ObjectPlace[]> {
    if (objects.size === 0) return [];
    const content = Buffer.concat([...objects.values()]);
    const name = sha256(content);
    const file = `packs/${name.slice(0, 2)}/${name}`;
    await this.#put(file, sourceOf(content));
    let offset = 0;
    return [...objects].map(([sha, { length }]): ObjectPlace => {
      offset += length;
      return [sha, length, file, offset - length];
    });
  }

  async #putLarge(object: OutputRecord): Promise<ObjectPlace> {
    const { remote, store, catalogue } = this.#options;
    const { sha256: sha, bytes } = object;
    const file = `objects/${sha.slice(0, 2)}/${sha}`;
    // Asked first: a put that finds it there has sent all of it for nothing.
    if (catalogue.howToPut(file) === 'replace' || await remote.size(file) !== bytes) {
      // Hashed whole, and held to that while it is read: nothing goes up under a name that is not its own.
      const opened = await openObject(store.handle(object));
      try {
        await this.#put(file, { bytes, read: async (offset, length) => opened.read(offset, length) });
      } finally {
        opened.close();
      }
    }
    return [sha, bytes, file, 0];
  }

  /** Puts a file that is named by its content; one that is known to be other than that is replaced. */
  async #put(file: string, source: RemoteSource): Promise<void> {
    const { remote, catalogue } = this.#options;
    const how = catalogue.howToPut(file);
    await remote.put(file, source, how);
    if (how === 'replace') catalogue.fileRenewed(file);
  }

  async #putEntry(batch: readonly Offer[], places: readonly ObjectPlace[]): Promise<void> {
    const { remote, catalogue, store, signer, sync } = this.#options;
    for (let attempt = 0; attempt < MAX_NUMBERS; attempt++) {
      await sync();
      // Others may have been first; a ruling counts although there are records.
      const records = batch.filter(({ cell, record, ruling }) => ruling || !catalogue.hasResult(cell, record));
      const objects = places.filter((place) => !catalogue.placesOf({ sha256: place[0], bytes: place[1] }).some(([, , file, offset]) => file === place[2] && offset === place[3]));
      if (records.length === 0 && objects.length === 0) return;
      const origins = new Map<string, Origin>();
      const closures: { [hash: string]: { readonly [file: string]: string } } = {};
      for (const { record } of records) {
        const origin = catalogue.origin(record.run) === undefined ? originOf(store, record.run) : undefined;
        if (origin !== undefined) origins.set(record.run, origin);
        const files = catalogue.closure(record.fields.code) === undefined ? store.closure(record.fields.code) : undefined;
        if (files !== undefined) closures[record.fields.code] = files;
      }
      const entry = encodeEntry({ objects, closures, runs: [...origins.values()], rulings: records.filter(({ ruling }) => ruling).map(({ record }) => record.key) }, records.map(({ record }) => record), signer.text, (bytes) => signer.sign(bytes));
      const name = this.#nextName();
      if (await remote.put(name, sourceOf(entry)) === 'present') continue;
      this.sent.records += records.length;
      catalogue.add(name, entry);
      return;
    }
    throw new RemoteError('passing', `others put something into it again and again before this run could`);
  }

  /** The first free number after the last that counts. */
  #nextName(): string {
    const { catalogue } = this.#options;
    let number = Number(catalogue.last.slice(LIST.length)) + 1;
    while (catalogue.knows(entryName(number))) number++;
    return entryName(number);
  }

  /** A store that puts whatever the condition says would have two writers undo each other's work. */
  async #checkConditions(): Promise<void> {
    if (this.#checked) return;
    const { remote } = this.#options;
    const mark = sourceOf(Buffer.from('bitwidth cache 1\n'));
    if (await remote.put(MARKER, mark) === 'put' && await remote.put(MARKER, mark) === 'put') {
      remote.giveUp('write', 'it puts over what is there although it was asked not to (If-None-Match), so two who write at once would undo each other\'s work; use another store, or read_only: yes');
      throw new SetAside();
    }
    this.#checked = true;
  }
}

export function entryName(number: number): string {
  return `${LIST}${String(number).padStart(10, '0')}`;
}

function sourceOf(bytes: Uint8Array): RemoteSource {
  return { bytes: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

/** Which process it was, and how it ended, is nobody else's business. */
function originOf(store: Store, run: string): Origin | undefined {
  const found = store.runs().find((one) => one.run === run) ?? store.origins().find((one) => one.run === run);
  return found === undefined ? undefined : { run, startedAt: found.startedAt, machine: found.machine, description: found.description, about: found.about };
}
