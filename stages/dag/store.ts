/**
 * The store: what was computed, from what, and the proof of both. One folder, no daemon, no database, no lock to clear by hand.
 *
 * Invariants (test/dag/store.test.ts holds one test for each):
 *  1. An object's name is the sha256 of its bytes; objects are read-only, written under a temporary name, synced, then renamed.
 *  2. A record is committed only after all its outputs are in the store. What is not committed never happened.
 *  3. A torn, truncated or flipped object is noticed before a consumer uses it, set aside, and made again; never silently used.
 *  4. Two runs in one folder at once are safe: neither waits by hand, neither does the other's work twice. No manual unlock.
 *  5. Deleting the store loses time, never knowledge, except measured and fetched records. Nothing here removes an object.
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
 *   aside/                  damaged bytes, kept with the reason, for a person to look at
 *   leases/, holders/       who is computing what now (leases.ts)
 *   cache/                  facts about files and normalised code; its loss costs time only
 *   scratch/                working folders of live tasks
 *   logs/<run>/<task>.log   what tasks wrote to their output (task-log.ts)
 *   build/                  the compiled program (bin/build.mjs); no part of the store, it only lives here
 */
import type { FileFacts } from './facts.ts';
import type { CellRecord, InputHandle, Json, OutputRecord, Reason, Revocation, Sha256, TreeHandle } from './types.ts';

/** The layout's number. A program reads every number up to its own and refuses a larger one. */
export const STORE_FORMAT = 1;

/** Objects of at least this many bytes get a file of their own; smaller ones share a pack. */
export const LOOSE_BYTES = 1 << 20;

/** Bytes of an output: in memory, or a file that the store takes over (moved, not copied, when it lies in `scratchFolder()`). */
export type OutputBytes = Uint8Array | { readonly file: string };

/** One output as a cell hands it over. A tree maps relative paths (no '..', no leading '/') to bytes. */
export type OutputContent = OutputBytes | { readonly tree: ReadonlyMap<string, OutputBytes> };

/** What the scheduler knows of a finished cell; the store adds outputs' hashes, machine and run. */
export type RecordDraft = Omit<CellRecord, 'outputs' | 'machine' | 'run'>;

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
export interface DamagedLine { readonly file: string; readonly offset: number; readonly bytes: number; readonly what: 'torn' | 'checksum' | 'not-understood' }

/** An object that is not what its name says. */
export interface DamageFinding { readonly sha256: Sha256; readonly what: string; readonly cells: readonly string[] }

export interface CheckReport {
  readonly objects: number;
  readonly bytes: number;
  readonly records: number;
  readonly damagedObjects: readonly DamageFinding[];
  readonly damagedLines: readonly DamagedLine[];
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
  /** Names of a record's outputs that are not (all) in the store. Empty: it counts. Sizes are compared, bytes are not hashed. */
  missingOutputs(record: CellRecord): readonly string[];
  /** Every record, oldest first, present or not. */
  records(): readonly CellRecord[];
  /** The files and packages behind a code hash. */
  closure(hash: string): { readonly [file: string]: string } | undefined;
  /** Decisions about a cell, oldest first. */
  decisions(cell: string): readonly Decision[];
  /** Runs that computed something, oldest first. */
  runs(): readonly RunSummary[];
  /** Lines that were ignored, so far. */
  damagedLines(): readonly DamagedLine[];
  /** Reads what other runs have appended since. Costs one stat for each segment when there is nothing new. */
  refresh(): void;

  // ---- objects ----

  /** Where an output lies. Throws DamagedObject when it is not there. */
  handle(output: OutputRecord): InputHandle;
  /** A tree output's files. Reads and hashes the manifest; throws DamagedObject. */
  treeHandle(output: OutputRecord): TreeHandle;
  /** Reads and hashes. Throws DamagedObject. (`readObject` of objects.ts does the same without a store: workers use that.) */
  read(handle: InputHandle): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Looks at an object that somebody found damaged. If it is, copies what is there into aside/ and notes it: every record
   * citing it counts as not there. Returns the cells that have such a record (in a tree or directly), [] if it is sound.
   */
  setAside(sha256: Sha256, why: string): Promise<readonly string[]>;
  /** Hashes everything that a record cites. `onObject` after each. Changes nothing. */
  check(onObject?: (bytes: number) => void): Promise<CheckReport>;

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
  /** Writes now what was handed to commit() before, however young its group. Rejects with StoreUnwritable if that fails. */
  flush(): Promise<void>;
  /** A new empty folder on the store's disk, for a task. Those of dead processes are swept when a run first writes. */
  scratchFolder(): Promise<string>;
  /** Flushes; notes the run's end if it committed anything; gives leases back; saves caches (a failure to save those is silent). */
  close(counts?: RunCounts): Promise<void>;
}

export interface StoreOptions {
  /** Absolute path. Need not exist: it is made by the first write. */
  readonly folder: string;
  /** Records that do not count. */
  readonly revoked?: readonly Revocation[];
  /** Stands in for the environment (tests). */
  readonly env?: { readonly [name: string]: string | undefined };
}
