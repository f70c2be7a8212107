/** What a stage's module sees: its cells with their inputs, and the means to read, commit and fail. */
import type { CellProvenance, Failure, Json, Sha256 } from './types.ts';

/** Bytes of the store (or of a project file), located. Self-contained: a worker needs nothing else to read it. */
export interface InputHandle {
  readonly sha256: Sha256;
  readonly bytes: number;
  /** Absolute path, and where in that file the object begins (packs hold many objects). */
  readonly path: string;
  readonly offset: number;
}
/** A tree output: its files by relative path. */
export interface TreeHandle { readonly sha256: Sha256; readonly tree: { readonly [path: string]: InputHandle } }

export type Gathered =
  | { readonly cell: string; readonly output: string; readonly handle: InputHandle; readonly machine?: string; /** Of a tree: its files. */ readonly tree?: TreeHandle['tree'] }
  | { readonly cell: string; readonly output: string; readonly missing: Failure };

export type TaskInput =
  | { readonly kind: 'object'; readonly handle: InputHandle }
  | { readonly kind: 'tree'; readonly handle: TreeHandle }
  | { readonly kind: 'gather'; readonly items: readonly Gathered[] }
  | { readonly kind: 'records'; readonly items: readonly CellProvenance[] };

export type TaskTool =
  | { readonly kind: 'object'; readonly handle: InputHandle }
  | { readonly kind: 'missing'; readonly failure: Failure };

export interface TaskCell {
  readonly id: string;
  readonly params: { readonly [name: string]: Json };
  readonly inputs: { readonly [name: string]: TaskInput };
  /** Of a cell that declares tools. */
  readonly tools?: { readonly [name: string]: TaskTool };
  /** Of a cell with promised objects: those that the store has, by their sha256. */
  readonly present?: { readonly [sha256: string]: InputHandle };
}

/**
 * What is too large for memory: a finished file under `io.scratch` or `io.unfinished`, which the store takes over by moving it, hashed as it does so;
 * or an object that the store has (`TaskCell.present`).
 */
export type OutputPart = Uint8Array | string | { readonly file: string } | { readonly stored: InputHandle };

/** A tree: relative path (no '..', no leading '/') -> bytes. */
export type OutputValue = OutputPart | { readonly tree: ReadonlyMap<string, OutputPart> };

/** An object that was hashed whole when it was opened, and is read in ranges. */
export interface OpenObject {
  readonly bytes: number;
  /** So many bytes from `offset`, not to be written to. Throws DamagedObject where they are not those that were hashed. */
  read(offset: number, length: number): Uint8Array;
  /** This is what read() will be asked for next: it may be read meanwhile. */
  readNext?(offset: number, length: number): void;
  /** read() will be asked for nothing more. */
  readNoMore?(): void;
  /** What read() gave is not looked at any more: its memory may be what the next read gives. */
  reuse?(bytes: Uint8Array): void;
  /** Gives file and memory back. Reading afterwards opens the file again, or throws. */
  close(): void;
}

export interface TaskIo {
  /** Reads and hashes; throws DamagedObject when the bytes are not what the handle says. */
  read(handle: InputHandle): Promise<Uint8Array<ArrayBuffer>>;
  /** Opens what is too large to hold; throws as read() does. It is closed when the task ends, unless it was before. */
  open(handle: InputHandle): Promise<OpenObject>;
  /**
   * The same for what is read once, from front to back: it is hashed beside the work that is done with it, and commits and failures wait until its bytes are
   * known to be the object's. Reading backwards is slow.
   */
  openInOrder(handle: InputHandle): Promise<OpenObject>;
  /** The single object of an input by name. Throws when that input is a gather or records. */
  input(cell: TaskCell, name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Copies an input's bytes into `scratch`, a piece at a time, for an output that is too large for memory. Throws DamagedObject as read() does. */
  copy(handle: InputHandle): Promise<{ readonly file: string }>;
  /** Commits one cell: every output named by the stage, once. `computedBy` is kept in the record: { engine, build }. */
  commit(cellId: string, outputs: { readonly [name: string]: OutputValue }, computedBy?: { readonly [name: string]: string }): Promise<void>;
  /**
   * Says for which cells what follows is done, until it is said again: of use where the cells of a task take turns, or end long after they were computed. The times
   * in their records are their shares of it. Of a task that does not say so the time since the last cells ended is theirs that end next.
   */
  workOn(cellIds: readonly string[]): void;
  /** Ends one cell as failed; the others of the task go on. */
  fail(cellId: string, failure: Failure): Promise<void>;
  /** done of total in the stage's own unit ("windows"), for the progress line; of "bytes" it shows sizes and the rate. */
  progress(done: number, total: number, unit: string): void;
  /** One sentence for whoever watches the run: what is done is right, and not as good as it could be. A job of a cluster writes it into its log. */
  warn(sentence: string): void;
  /** An empty folder of this task's own, removed afterwards. */
  readonly scratch: string;
  /**
   * A folder of the stage's, on the store's disk, that outlives the task: what is half done there (a download) a later run goes on with. Runs at once
   * share it. Whatever is in it may be gone the next time.
   */
  readonly unfinished: string;
  /** How many processors this task may use: all of them where nothing runs beside it, else its share. At least 1. */
  readonly cpus: number;
  /** Aborted when the run is interrupted: stop at the next convenient point. */
  readonly signal: AbortSignal;
}

/** What a stage's module exports as `run`. Cells that it neither commits nor fails are failed with `no-output`. */
export type Run = (cells: readonly TaskCell[], io: TaskIo) => Promise<void>;
