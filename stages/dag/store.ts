/**
 * The store: what was computed, from what, and the proof of both. One folder, no daemon, no database, no lock to clear by hand.
 *
 * Invariants (test/dag/store.test.ts holds one test for each; check, keep and formats.test.ts hold more of 3, 5 and 7):
 *  1. An object's name is the sha256 of its bytes; objects are read-only, written under a temporary name, synced, then renamed.
 *  2. A record is committed only after all its outputs are in the store. What is not committed never happened.
 *  3. A torn, truncated or flipped object is noticed before a consumer uses it, set aside, and made again; never silently used.
 *  4. Two runs in one folder at once are safe: neither waits by hand, neither does the other's work twice. No manual unlock.
 *  5. Deleting the store loses time, never knowledge, except measured and fetched records. Only `remove` removes objects, never one
 *     that it is told to keep, never while another process uses the store; records are never removed.
 *  6. To decide freshness a file is hashed once per (device, inode, size, mtime, ctime); an object's bytes are hashed again
 *     whenever a consumer reads them.
 *  7. The store carries a format number: a newer store is refused with a sentence, an older one is read.
 *
 * `openStore(options)` of open-store.ts makes one.
 *
 * Layout (STORE_FORMAT 1; the folder's mode is 0700):
 *   format                  "1\n"
 *   salt                    random; machine labels are hashed with it
 *   objects/ab/<sha256>     objects of at least LOOSE_BYTES, one file each, 0444
 *   packs/<sha256>.pack     smaller objects, one file for each group commit, 0444; the log says which object lies where
 *   records/<run>.ndjson    the log: one append-only segment for each run that computed something (log.ts)
 *   aside/                  damaged bytes and lists, kept with the reason, for a person to look at
 *   leases/, holders/       who is computing what now (leases.ts)
 *   tasks/<holder>          what long tasks of a live run are at (told-tasks.ts); its loss costs nothing
 *   cited/<run>.json.gz     what a run's results were (cited.ts)
 *   kept/<name>.json.gz     the same, of a run that gc must leave whole
 *   cache/                  facts about files and normalised code; its loss costs time only
 *   scratch/                working folders of live tasks
 *   unfinished/<stage>/     what a later run goes on with (downloads); its loss costs time only
 *   logs/<run>/<task>.log   what tasks wrote to their output (task-log.ts)
 *   cluster/                what jobs of a cluster are given and leave (slurm/places.ts); empty when none is underway
 *   build/                  the compiled program (bin/build.mjs); no part of the store, it only lives here
 */
import type { Catalogue } from './cache/catalogue.ts';
import type { Origin } from './cache/entry.ts';
import type { FileFacts } from './facts.ts';
import type { InputHandle, TreeHandle } from './task-types.ts';
import type { CellRecord, Json, OutputRecord, Reason, Revocation, Sha256 } from './types.ts';
import type { Waived, WaivedKey, Waiver } from './waivers.ts';

/** The layout's number. A program reads every number up to its own and refuses a larger one. */
export const STORE_FORMAT = 1;

/** Objects of at least this many bytes get a file of their own; smaller ones share a pack. */
export const LOOSE_BYTES = 1 << 20;

/** Bytes of an output: in memory, a file that the store takes over (moved; copied only from another disk), or an object that it has. */
export type OutputBytes = Uint8Array | { readonly file: string } | { readonly stored: InputHandle };

/** One output as a cell hands it over. A tree maps relative paths (no '..', no leading '/') to bytes. */
export type OutputContent = OutputBytes | { readonly tree: ReadonlyMap<string, OutputBytes> };

/** What the scheduler knows of a finished cell; the store adds outputs' hashes and run, and its own machine where it was none else's. */
export type RecordDraft = Omit<CellRecord, 'outputs' | 'machine' | 'run'> & Partial<Pick<CellRecord, 'machine'>>;

/** Why a cell was run, kept where it was decided. */
export interface Decision {
  readonly cell: string;
  readonly key: Sha256;
  readonly reasons: readonly Reason[];
  readonly run: string;
  /** ISO 8601 with +00:00. */
  readonly decidedAt: string;
}

export interface RunCounts {
  readonly ran: number;
  readonly cached: number;
  readonly failed: number;
  readonly skipped: number;
  /** A person or the system asked it to stop. */
  readonly interrupted?: true;
}

/** A past run that computed something. Without `counts` it is still going on, or was killed. */
export interface RunSummary {
  readonly run: string;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly counts?: RunCounts;
  /** The process that wrote it (process-id.ts); undefined in segments that do not name it. */
  readonly process?: string;
  /** The machine's label and description as of then. */
  readonly machine: string;
  readonly description: MachineDescription;
  /** What the caller said about the run: targets, flags. */
  readonly about: { readonly [name: string]: Json };
}

/** Nothing here identifies a person, a host or a folder. */
export interface MachineDescription {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Name and major version: 'Debian GNU/Linux 12'. */
  readonly os: string;
  /** 'v20.20.2'. */
  readonly node: string;
}

/** A line of the log that cannot be trusted: ignored by every reader, reported by `check`. */
export interface DamagedLine {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  readonly what: 'torn' | 'checksum' | 'not-understood';
  /** The cell that the line seems to be about: its bytes cannot be trusted. */
  readonly cell?: string;
}

/** An object that is not what its name says, or that is cited and nowhere. */
export interface DamageFinding {
  readonly sha256: Sha256;
  readonly what: string;
  /** Cells with a record that cites it. */
  readonly cells: readonly string[];
  /** The file that holds the damaged bytes, from the store's folder; undefined: there are none. */
  readonly where?: string;
  /** The object's place in a pack. `whole`: none of that pack's places can be believed. */
  readonly pack?: { readonly name: Sha256; readonly offset: number; readonly bytes: number; readonly whole: boolean };
}

export interface CheckReport {
  readonly objects: number;
  readonly bytes: number;
  readonly records: number;
  readonly damagedObjects: readonly DamageFinding[];
  /** Lines that cannot be trusted, and of which no run has told yet. */
  readonly damagedLines: readonly DamagedLine[];
}

/** Bytes that are not among those to keep. */
export interface Garbage {
  /** Object -> bytes. */
  readonly objects: ReadonlyMap<Sha256, number>;
  /** Of these, the ones with a file of their own. */
  readonly loose: readonly Sha256[];
  /** Packs that hold something else than what is to be kept. */
  readonly packs: readonly Sha256[];
  /** Files of packs of which the log does not know: their run was killed before it could say. */
  readonly strayPacks: readonly string[];
  readonly bytes: number;
  /** Objects to keep that are there. */
  readonly kept: number;
  readonly keptBytes: number;
}

/** Who is computing a key at this moment. */
export interface LeaseHolder { readonly id: string; readonly machine: string; readonly pid: number; readonly startedAt: string }

/**
 * Leases of one process. A lease keeps two runs from doing the same work; it protects no data (the store needs no lock), so
 * the worst that a wrong takeover costs is time.
 */
export interface Leases {
  /** Ours, as it stands in what we hold. */
  readonly id: string;
  /**
   * Tries to take a key. `undefined`: it is ours now (look the record up again: another run may have just finished it);
   * otherwise the live holder. A dead holder's lease is taken over on the way.
   */
  acquire(key: Sha256): Promise<LeaseHolder | undefined>;
  /** Gives a key back, after its record is committed or given up. Not holding it is no error. */
  release(key: Sha256): Promise<void>;
  /** The live process that holds a key, this one included. */
  holderOf(key: Sha256): Promise<LeaseHolder | undefined>;
  /**
   * Shows that this process uses what is in the store: until close() nothing is removed from it. Waits for a removal that is going on.
   * Throws StoreUnwritable.
   */
  announce(): Promise<void>;
  /** Asks to be the only one who uses the store, so as to remove objects: [] grants it until close(), else those who use it. */
  alone(): Promise<readonly LeaseHolder[]>;
  /** Keys being computed by live processes, this one included. For `status`. */
  held(): Promise<readonly { readonly key: Sha256; readonly holder: LeaseHolder }[]>;
  /** Gives everything back and stops the heartbeat. */
  close(): Promise<void>;
}

export interface Store {
  /** Absolute path of the store folder. */
  readonly folder: string;
  /** This machine's label, as it stands in records. */
  readonly machine: string;
  readonly leases: Leases;
  /** Hashes of project files, remembered across runs; saved by close(). */
  readonly facts: FileFacts;

  // ---- the log, as read when the store was opened and by refresh(); synchronous, in memory ----

  // A record that was revoked does not count: `done` and `donePerMachine` pass over it.

  /** Newest `done` record with this key whose outputs are all present. */
  done(key: Sha256): CellRecord | undefined;
  /** All present `done` records of a key, the newest of each machine, ordered by machine label. For `measured` cells. */
  donePerMachine(key: Sha256): readonly CellRecord[];
  /** The newest record with this key, if it is a `failed` one. */
  failed(key: Sha256): CellRecord | undefined;
  /** Newest record of a cell id under any key, present or not. */
  newestOfCell(cell: string): CellRecord | undefined;
  /** Every record of a cell id under any key, newest first, present or not: what a reason compares with. */
  recordsOfCell(cell: string): readonly CellRecord[];
  /** Why a result of this key does not count although there is one: the newest that was revoked. */
  revocation(key: Sha256): Revocation | undefined;
  /** A waiver that covers work of this key. */
  waived(key: Sha256): Waived | undefined;
  /** Waivers that were not withdrawn, oldest first. */
  waivers(): readonly Waiver[];
  /** Names of a record's outputs that are not (all) in the store. Empty: it counts. Sizes are compared, bytes are not hashed. */
  missingOutputs(record: CellRecord): readonly string[];
  /** Every record, oldest first, present or not. */
  records(): readonly CellRecord[];
  /** How many lines were read: more of them, and something was written. */
  readonly lines: number;
  /** The files and packages behind a code hash. */
  closure(hash: string): { readonly [file: string]: string } | undefined;
  /** Decisions about a cell, oldest first. */
  decisions(cell: string): readonly Decision[];
  /** Runs that computed something, oldest first. */
  runs(): readonly RunSummary[];
  /** Runs of other stores, of which records were taken in. */
  origins(): readonly Origin[];
  /** Whether it was decided here which of several records of a key is right. */
  isRuled(key: Sha256): boolean;
  /** Lines that were ignored, so far. */
  damagedLines(): readonly DamagedLine[];
  /** Of these, the lines that cannot be trusted and of which no run has told. What a dead run did not finish was never promised. */
  untoldDamage(): readonly DamagedLine[];
  /** Every object that a record cites: its outputs, and the files of its trees as far as their manifests can be read. */
  citedBy(record: CellRecord): Iterable<OutputRecord>;
  /** Reads what other runs have appended since. Costs one stat for each segment when there is nothing new. */
  refresh(): void;

  // ---- objects ----

  /** What a shared cache is known to hold: outputs that are there count as present. */
  readonly catalogue: Catalogue | undefined;
  /** Whether an object is in the store itself. */
  isHere(output: OutputRecord): boolean;
  /** The objects that an output consists of: of a tree its manifest, then its files, if the manifest is here. */
  objectsOf(output: OutputRecord): Iterable<OutputRecord>;
  /** Where an output lies. Throws DamagedObject when it is not there. */
  handle(output: OutputRecord): InputHandle;
  /** Where an object lies, cited by a record or not; undefined when it is nowhere. */
  find(output: OutputRecord): InputHandle | undefined;
  /** A tree output's files. Reads and hashes the manifest; throws DamagedObject. */
  treeHandle(output: OutputRecord): TreeHandle;
  /** Reads and hashes. Throws DamagedObject. (`readObject` of objects.ts does the same without a store: workers use that.) */
  read(handle: InputHandle): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Looks at an object that somebody found damaged. If it is, copies what is there into aside/ and notes it: every record
   * citing it counts as not there. Returns the cells that have such a record (in a tree or directly), [] if it is sound.
   */
  setAside(sha256: Sha256, why: string): Promise<readonly string[]>;
  /** Hashes every object there is, cited or not, and looks for those that are cited and gone. `onObject` after each. Changes nothing. */
  check(onObject?: (bytes: number) => void): Promise<CheckReport>;
  /** Moves or copies what was found damaged to aside/ and notes it, so that the next run makes it again. Throws StoreUnwritable. */
  repair(report: CheckReport): Promise<void>;

  /** What would go if only these objects were kept. */
  garbage(keep: ReadonlySet<Sha256>): Promise<Garbage>;
  /**
   * Removes it: only after `leases.alone()`. Answers the packs that stay, because something in them that is to be kept is damaged.
   * Throws StoreUnwritable; a kill at any moment loses nothing of what is to be kept.
   */
  remove(garbage: Garbage, keep: ReadonlySet<Sha256>): Promise<readonly Sha256[]>;

  // ---- writing; every method below throws StoreUnwritable when the disk refuses ----

  /** The current run's id, also the name of its segment. */
  readonly run: string;
  /** Facts about the run for `runs()`. Nothing is written until something is committed. */
  describeRun(about: { readonly [name: string]: Json }): void;
  /** Keeps why a cell is about to run. Written with the next commit. */
  noteDecision(cell: string, key: Sha256, reasons: readonly Reason[]): void;
  /** Keeps the files behind a code hash (once for each hash). Written with the next commit. */
  noteClosure(hash: string, files: { readonly [file: string]: string }): void;
  /**
   * Commits one cell: resolves, with the full record, when outputs and record are on the disk. Commits are grouped: the first
   * after a pause goes at once, the following ones together at most 100 ms (or 32 MiB) later, with one sync for the group.
   * A failed cell is committed with no outputs.
   */
  commit(draft: RecordDraft, outputs: { readonly [name: string]: OutputContent }): Promise<CellRecord>;
  /**
   * Takes in records of another store as they are, with what the catalogue knows of their runs and code. Their outputs need not be here. Resolves
   * when they are on the disk.
   */
  adopt(records: readonly CellRecord[]): Promise<void>;
  /** Takes in objects whose bytes were hashed: small ones, and files that it takes over. Resolves when they can be read. */
  takeIn(small: ReadonlyMap<Sha256, Uint8Array>, files: readonly { readonly object: OutputRecord; readonly path: string }[]): Promise<void>;
  /** Notes, with the next commit, that of a key's records the newest of this store is right. */
  noteRuling(key: Sha256): void;
  /** Has the records of earlier keys count for these. */
  waive(waiver: Waiver, keys: readonly WaivedKey[]): Promise<void>;
  /** Takes a waiver back. */
  withdraw(waiver: string): Promise<void>;
  /** Writes now what was handed to commit() before, however young its group. Rejects with StoreUnwritable if that fails. */
  flush(): Promise<void>;
  /** A new empty folder on the store's disk, for a task. Those of dead processes are swept when a run first writes. */
  scratchFolder(): Promise<string>;
  /** A path for such a folder, which whoever uses it makes: most tasks need none. The caller removes it, or `close` does. */
  scratchPath(): Promise<string>;
  /** Whether this run has committed anything. */
  readonly wrote: boolean;
  /**
   * Flushes; with `counts`, notes the run's end if it committed anything, and the damaged lines that it has told of; gives leases back;
   * saves caches (a failure to save those is silent).
   */
  close(counts?: RunCounts): Promise<void>;
}

export interface StoreOptions {
  /** Absolute path. Need not exist: it is made by the first write. */
  readonly folder: string;
  /** Records that do not count. */
  readonly revoked?: readonly Revocation[];
  /** What a shared cache is known to hold. */
  readonly catalogue?: Catalogue;
  /** Stands in for the environment (tests). */
  readonly env?: { readonly [name: string]: string | undefined };
}
