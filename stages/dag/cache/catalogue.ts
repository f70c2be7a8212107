/**
 * What a shared cache is known to hold: records by key, and where objects lie. Made of the entries of its list, of which only those count that
 * somebody who is trusted has signed; read from the store's copy of it (mirror.ts), and by a run brought up to date first. Asks no network.
 *
 * The list is in one order for everybody, so "the first writer wins" has a meaning: of equal records the earliest entry's is the one.
 */
import { loadMirror, saveMirror } from './mirror.ts';
import { readEntry } from './entry.ts';
import { isShared } from './is-shared.ts';
import { sameResult } from './same-result.ts';
import { keyOf } from '../key.ts';
import { revocationOf } from '../revoked.ts';
import type { Entry, ObjectPlace, Origin } from './entry.ts';
import type { Put } from './remote.ts';
import type { Trust } from './trusted.ts';
import type { Cell, CellRecord, OutputRecord, Revocation, Sha256 } from '../types.ts';

/** A record and whose word it is. */
export interface Signed { readonly record: CellRecord; /** The name under which its signer is trusted. */ readonly by: string }

/** What a cache has for a key. */
export type Found =
  /** Of a measured cell the newest of each machine, else one. */
  | { readonly kind: 'found'; readonly signed: readonly Signed[] }
  /** They say that equal work came out otherwise: none is believed. */
  | { readonly kind: 'conflict'; readonly signed: readonly Signed[] };

/** What became of an entry. `stranger`: nobody who is trusted signed it. */
export type Taken = 'taken' | 'stranger' | 'forged' | 'damaged';

export interface CatalogueOptions {
  /** The mirror's path. */
  readonly path: string;
  /** Asked for when it is first needed: few commands do. */
  readonly trust: () => Trust;
  readonly revoked: readonly Revocation[];
}

interface RecordPlace { readonly entry: Entry; readonly place: number; readonly ruling: boolean }

export class Catalogue {
  /** Whether a run has looked at the remote itself: only then two records that differ are noticed. */
  upToDate = false;
  readonly #options: CatalogueOptions;
  #trust: Trust | undefined;
  #entries: Map<string, Uint8Array> | undefined;
  #saved = 0;
  #last = '';
  readonly #records = new Map<Sha256, RecordPlace[]>();
  readonly #places = new Map<Sha256, ObjectPlace[]>();
  readonly #closures = new Map<string, { readonly [file: string]: string }>();
  readonly #origins = new Map<string, Origin>();
  /** Files and objects that turned out not to be there, or to be others: `<file>` or `<sha256>`. */
  readonly #gone = new Set<string>();
  /** Keys of fetched cells whose files were found to be those that the cell names. */
  /** Files of which something turned out to be damaged: what else is said to lie there is still read, and put there anew when somebody can. */
  readonly #suspect = new Set<string>();
  /** Files that are shorter than they were. */
  readonly #ends = new Map<string, number>();
  readonly #vouched = new Set<Sha256>();
  readonly #handedOut = new WeakMap<CellRecord, string>();

  constructor(options: CatalogueOptions) {
    this.#options = options;
  }

  // ---- the list ----

  /** The last entry that counts: what is new comes after it. */
  get last(): string {
    this.#load();
    return this.#last;
  }

  knows(name: string): boolean {
    return this.#load().has(name);
  }

  get counts(): { readonly entries: number; readonly keys: number; readonly objects: number; readonly bytes: number } {
    const entries = this.#load();
    let bytes = 0;
    for (const places of this.#places.values()) bytes += places[0]![1];
    return { entries: entries.size, keys: this.#records.size, objects: this.#places.size, bytes };
  }

  add(name: string, bytes: Uint8Array): Taken {
    const entries = this.#load();
    const taken = this.#take(name, bytes);
    // What can never count is remembered by its name.
    entries.set(name, taken === 'taken' || taken === 'stranger' ? bytes : new Uint8Array());
    return taken;
  }

  /** Keeps the copy of the list, if it has grown. */
  save(): void {
    if (this.#entries === undefined || this.#entries.size === this.#saved) return;
    saveMirror(this.#options.path, new Map([...this.#entries].sort(([a], [b]) => a < b ? -1 : 1)));
    this.#saved = this.#entries.size;
  }

  // ---- records ----

  /** What it has for a cell of this key. `present`: whether a record's outputs can be had; `own`: a record of this store, that may differ from it. */
  resultOf(cell: Cell, key: Sha256, present: (record: CellRecord) => boolean, own?: CellRecord): Found | undefined {
    const { stage } = cell;
    if (!isShared(stage)) return undefined;
    this.#load();
    const places = (this.#records.get(key) ?? []).filter(({ entry, place }) => this.#isOf(entry.record(place), cell, key));
    if (places.length === 0) return undefined;
    const all = places.map(({ entry, place }) => this.#signed(entry, place));
    if (stage.determinism === 'measured') {
      const newest = new Map<string, Signed>();
      for (const one of all) if (present(one.record) && (newest.get(one.record.machine)?.record.finishedAt ?? '') < one.record.finishedAt) newest.set(one.record.machine, one);
      return newest.size === 0 ? undefined : { kind: 'found', signed: [...newest.values()].sort((a, b) => a.record.machine < b.record.machine ? -1 : 1) };
    }
    const ruling = places.findIndex(({ ruling }) => ruling);
    const right = ruling < 0 ? all : all.filter(({ record }) => sameResult(stage, record, all[ruling]!.record));
    if (ruling < 0 && [...all.map(({ record }) => record), ...own === undefined ? [] : [own]].some((record) => !sameResult(stage, record, all[0]!.record))) return { kind: 'conflict', signed: all };
    const found = right.find(({ record }) => present(record));
    return found === undefined ? undefined : { kind: 'found', signed: [found] };
  }

  /** Whether it has a record that says the same of this key. */
  hasResult(cell: Cell, record: CellRecord): boolean {
    this.#load();
    return (this.#records.get(record.key) ?? []).some(({ entry, place }) => {
      const other = entry.record(place);
      return other !== undefined && sameResult(cell.stage, record, other) && (cell.stage.determinism !== 'measured' || (other.machine === record.machine && other.finishedAt === record.finishedAt));
    });
  }

  /** Whose word a record is that it gave out. */
  signerOf(record: CellRecord): string | undefined {
    return this.#handedOut.get(record);
  }

  /** Records of fetched cells of a stage, with their keys: their files are looked at before they count. */
  fetched(stage: string): readonly CellRecord[] {
    this.#load();
    return [...this.#records.values()].flatMap((places) => places.flatMap(({ entry, place }) => entry.record(place) ?? [])).filter((record) => record.fields.stage === stage);
  }

  vouchFor(key: Sha256): void {
    this.#vouched.add(key);
  }

  closure(hash: string): { readonly [file: string]: string } | undefined {
    this.#load();
    return this.#closures.get(hash);
  }

  origin(run: string): Origin | undefined {
    this.#load();
    return this.#origins.get(run);
  }

  // ---- objects ----

  /** Whether it is said to be there. */
  has({ sha256, bytes }: OutputRecord): boolean {
    return this.placesOf({ sha256, bytes }).length > 0;
  }

  /** Where it is said to lie, the newest place first. */
  placesOf({ sha256, bytes }: OutputRecord): readonly ObjectPlace[] {
    this.#load();
    const places = this.#places.get(sha256);
    if (places === undefined || this.#gone.has(sha256)) return [];
    return places.filter(([, size, file, offset]) => size === bytes && !this.#gone.has(file) && !this.#gone.has(`${file}@${offset}`) && offset + size <= (this.#ends.get(file) ?? Infinity));
  }

  /** Whether it is said to lie in a file of which nothing was found to be wrong. */
  holds(object: OutputRecord): boolean {
    return this.placesOf(object).some(([, , file]) => !this.#suspect.has(file));
  }

  /** How a file is to be put: one of this name of which something was wrong is replaced. */
  howToPut(file: string): Put {
    return this.#gone.has(file) || this.#suspect.has(file) ? 'replace' : 'if-absent';
  }

  /** A file was put there again. */
  fileRenewed(file: string): void {
    this.#suspect.delete(file);
    this.#ends.delete(file);
    for (const what of this.#gone) if (what === file || what.startsWith(`${file}@`)) this.#gone.delete(what);
  }

  /** A file is not there (any more). */
  fileGone(file: string): void {
    this.#gone.add(file);
  }

  /** The bytes at a place are not the object's. */
  placeDamaged([, , file, offset]: ObjectPlace): void {
    this.#gone.add(`${file}@${offset}`);
    this.#suspect.add(file);
  }

  /** A file has no more than so many bytes. */
  fileEnds(file: string, bytes: number): void {
    this.#ends.set(file, bytes);
    this.#suspect.add(file);
  }

  /** It cannot be had in this run. */
  unreachable(sha256: Sha256): void {
    this.#gone.add(sha256);
  }

  #load(): Map<string, Uint8Array> {
    if (this.#entries === undefined) {
      this.#entries = loadMirror(this.#options.path);
      this.#saved = this.#entries.size;
      for (const [name, bytes] of this.#entries) if (bytes.length > 0) this.#take(name, bytes);
    }
    return this.#entries;
  }

  #take(name: string, bytes: Uint8Array): Taken {
    const closed = readEntry(bytes);
    if (closed === undefined) return 'damaged';
    const trust = this.#trust ??= this.#options.trust();
    if (trust.nameOf(closed.signer) === undefined) return 'stranger';
    const entry = closed.open((signed, signature) => trust.signed(closed.signer, signed, signature));
    if (typeof entry === 'string') return entry;
    if (name > this.#last) this.#last = name;
    const { keys, objects, closures, runs, rulings } = entry.head;
    const ruled = new Set(rulings);
    keys.forEach((key, place) => {
      const list = this.#records.get(key);
      const record: RecordPlace = { entry, place, ruling: ruled.has(key) };
      if (list === undefined) this.#records.set(key, [record]);
      else list.push(record);
    });
    for (const object of objects) {
      const list = this.#places.get(object[0]);
      if (list === undefined) this.#places.set(object[0], [object]);
      else list.unshift(object);
    }
    for (const [hash, files] of Object.entries(closures)) this.#closures.set(hash, files);
    for (const run of runs) this.#origins.set(run.run, run);
    return 'taken';
  }

  #signed(entry: Entry, place: number): Signed {
    const record = entry.record(place)!;
    const by = this.#trust!.nameOf(entry.signer)!;
    this.#handedOut.set(record, by);
    return { record, by };
  }

  /** Whether a record is what it says to be: its key follows from its fields, and its outputs are those of the cell's stage. */
  #isOf(record: CellRecord | undefined, { stage, promised }: Cell, key: Sha256): boolean {
    return record !== undefined && record.fields.stage === stage.name && keyOf(record.fields) === key
      && Object.keys(record.outputs).length === stage.outputs.length && stage.outputs.every((name) => Object.hasOwn(record.outputs, name))
      && revocationOf(record, this.#options.revoked) === undefined
      && (stage.determinism !== 'fetched' || promised === undefined || this.#vouched.has(key));
  }
}
