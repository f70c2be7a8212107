/**
 * The machinery's vocabulary. Nothing here knows what a stage computes.
 *
 *   Stage   what kind of work: a module, its outputs, how far its result may be trusted to repeat.
 *   Cell    one run point of a stage: parameters and inputs. A sweep is one stage with thousands of cells.
 *   Record  the proof that a cell ran: its key (field by field), its outputs (by sha256), where and how long.
 *
 * Everything that crosses to a worker process or another host is plain JSON (Task, TaskCell, InputHandle).
 */

import type { CachePatience, SharedCacheSettings, TrustedKey } from './cache/settings.ts';
import type { Cluster } from './cluster.ts';
import type { Waiver } from './waivers.ts';

export type { CachePatience, SharedCacheSettings, TrustedKey, Waiver };

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Lower-case hex, 64 characters. */
export type Sha256 = string & { readonly __sha256: never };

/**
 * exact     same key, same bytes, on any machine: a record from anywhere is valid everywhere.
 * measured  a fact about one machine at one time (durations, memory): runs alone, never stale because this machine is
 *           another; each machine's newest record counts.
 * fetched   came from outside; its bytes are held to a sha256 named in the parameters.
 */
export type Determinism = 'exact' | 'measured' | 'fetched';

export interface Stage {
  /** Short, stable, [a-z][a-z0-9-]*: the first part of every cell id. */
  readonly name: string;
  /** One plain sentence for people: "Score the text under each format". */
  readonly title: string;
  readonly determinism: Determinism;
  /** Path from the project's root of the module whose export `run` does the work: 'stages/quantization/score.ts'. */
  readonly module: string;
  /** Names of the outputs that each cell commits. */
  readonly outputs: readonly string[];
  /** Outputs whose bytes may differ between equal runs (a .duckdb file). Only cells of which all outputs are such may refer to them. */
  readonly unstableOutputs?: readonly string[];
  /** `worker`: a process of its own, so that a crash takes these cells and not the run. Default worker. */
  readonly where?: 'in-process' | 'worker';
  /** Nothing else runs beside it (timings). */
  readonly exclusive?: boolean;
  /** What a task of this stage needs while it runs. A task that needs more than there is runs alone. */
  readonly resources?: StageResources;
  /** A task of this stage that runs longer is ended; a cell that does so alone fails with `timed-out`, of several each half is tried again. */
  readonly timeoutMs?: number;
  /** How often a task that failed for a passing reason (network) is tried again. Default 0. */
  readonly retries?: number;
  /**
   * What it makes only helps: a failure is told in one line and is no failure of the run. Only such a stage's outputs may be
   * tools, and no cell of another stage may need them as an input (it may gather them).
   */
  readonly optional?: boolean;
  /** Of a stage whose results come out otherwise each time (timings): whether two of them agree. Without it `reproduce` compares none. */
  readonly agreement?: Agreement;
}

/** Compares two results of the same work by their outputs; those that are trees are left out. What a tolerance is, the stage knows. */
export type Agreement = (then: { readonly [output: string]: Uint8Array }, now: { readonly [output: string]: Uint8Array }) => Agreed;

export interface Agreed {
  readonly within: boolean;
  /** What was compared, what came out and what is tolerated, for people: 'the rate moved by 3.1 %, two timings of the same by 4.0 %'. */
  readonly what: string;
}

export interface StageResources {
  /** Processors that a task keeps busy; it takes as many of the run's jobs. Default 1. */
  readonly cpus?: number;
  /** Memory at its height, where a cell does not say. Default 0: not worth counting. */
  readonly memoryBytes?: number;
  /** Default 0. */
  readonly gpus?: number;
}

/** The output of another cell. */
export interface OutputRef { readonly kind: 'output'; readonly cell: string; readonly output: string }
/**
 * A file of the project, path from the root. Its bytes count, not its time stamps. `at`: the absolute path of a file that lies elsewhere; it is read
 * there, and what is recorded of it is `path`, which is then only its name.
 */
export interface FileRef { readonly kind: 'file'; readonly path: string; readonly at?: string }
/** Many outputs; those of failed cells arrive as `missing` with their reason, so that aggregates survive a failure. */
export interface GatherRef { readonly kind: 'gather'; readonly of: readonly OutputRef[] }
/**
 * The records (not the bytes) of these cells, as provenance rows. What they contain that can vary between equal runs
 * (durations, machine, who computed it) does not enter the key; what identifies the result does (keys, output hashes).
 */
export interface RecordsRef { readonly kind: 'records'; readonly of: readonly string[] }
export type InputRef = OutputRef | FileRef | GatherRef | RecordsRef;

export interface Cell {
  readonly stage: Stage;
  /** `<stage name>:<path>`; path segments of [A-Za-z0-9._+=-], unique in the pipeline: 'score:novel-4m/nf4/hound'. */
  readonly id: string;
  readonly params: { readonly [name: string]: Json };
  readonly inputs: { readonly [name: string]: InputRef };
  /**
   * Outputs of optional stages that the work may use and that never show in what comes out (a compiled library). They are no part
   * of the key and make nothing stale. A cell that only serves as a tool is looked at when a cell that uses it is going to run,
   * and ends before that one starts; where it failed, the work runs all the same and is told why.
   */
  readonly tools?: { readonly [name: string]: OutputRef };
  /** Cells of one stage with the same batch run in one task (one process, one loaded model). Default: the cell's id. */
  readonly batch?: string;
  /** Files, from the root, that count into this cell's code identity besides the module's closure: register entries. */
  readonly uses?: readonly string[];
  /** Environment facts that the result depends on and nothing else names. */
  readonly facts?: { readonly [name: string]: string };
  /**
   * Objects that its outputs will consist of, where that is known beforehand (a download is held to its hash). Those that the store has are handed
   * to the task, so that what was once taken in is never fetched again. No part of the key: what promises them is in the parameters.
   */
  readonly promised?: readonly PromisedObject[];
  /** Relative amount of work, in one measure for all stages: for what goes first, and the estimate of time left. Default 1. */
  readonly work?: number;
  /**
   * Memory that the process of its task is expected to hold at its height, all counted: an estimate, no part of the key. Of cells in one task the
   * largest counts. Tasks start beside each other where their memory suffices; what was held is in the record, beside it.
   */
  readonly memoryBytes?: number;
  /** GPUs that its task needs, where that is not what its stage says. Of cells in one task the largest counts; no part of the key. */
  readonly gpus?: number;
  /**
   * Of a cell that takes one GPU: which, where its key holds what only that one gives (its facts name it). Its task waits for this one and has its environment. Default: whichever is
   * free; what needs several takes which it likes, and has all. Itself no part of the key. Cells of one batch that name others are other tasks.
   */
  readonly gpu?: Gpu;
  /** The program of its task takes whichever GPU it likes and cannot be told: no other task that takes one runs beside it. */
  readonly anyGpu?: true;
}

/** A GPU that a process can be bound to. */
export interface Gpu {
  /** For people, and unlike that of any other. */
  readonly name: string;
  /** Variables that bind a process to it. */
  readonly environment: { readonly [name: string]: string };
}

/** What tasks can share out among them of the GPUs of this machine. */
export interface MachineGpus {
  /** Each for one task at a time. None: nobody knows which there are, and tasks that need one take turns. */
  readonly gpus: readonly Gpu[];
  /** Sentences that say which GPUs are not used beside each other, and why: told when the first task needs one. */
  readonly told: readonly string[];
}

export interface PromisedObject { readonly sha256: string; readonly bytes: number }

/**
 * Where code identity stops (paths from the root; a folder ends with '/').
 * `register`: the register itself does not count, only the entries that a cell `uses`.
 * `{ constant }`: counts as this text, whatever the code (an arithmetic version, a record format).
 */
export type CodeBoundary = 'register' | { readonly constant: string };

/** A folder outside the store that mirrors tree outputs: what is published. */
export interface FolderExport { readonly to: string; readonly from: readonly OutputRef[] }

/** Results that turned out wrong: those of records whose `computedBy` has all of these values. They count nowhere. */
export interface Revocation {
  readonly computedBy: { readonly [name: string]: string };
  /** One plain sentence or clause: 'its int8 kernel dropped the last outlier'. */
  readonly reason: string;
}

/** A way to compute something once more, and otherwise. */
export interface Variation {
  /** Variables for the process of the task. */
  readonly environment: { readonly [name: string]: string };
  /** For people: 'engine wasm'. */
  readonly label: string;
}

/** One thing that a pipeline needs, or could use. */
export interface DoctorItem {
  readonly name: string;
  /** `missing`: it works without. `broken`: it does not do what it must. */
  readonly state: 'ok' | 'missing' | 'broken';
  /** What was found: 'its self-test passes', 'there is no C compiler'. */
  readonly what: string;
  /** What to do about it. */
  readonly hint?: string;
}
export interface DoctorSection { readonly section: string; readonly items: readonly DoctorItem[] }
/** The outputs of a cell by name, trees left out, where it is up to date and the store has them. */
export type StoredOutputs = (cell: string) => Promise<{ readonly [output: string]: Uint8Array } | undefined>;

export interface Pipeline {
  readonly name: string;
  /** Absolute path of the project. */
  readonly root: string;
  /**
   * Absolute path of the folder whose files stand in for those that the project does not have: the package that it is made with. All paths from
   * the root are looked up in both, the project first; what is written goes to the project.
   */
  readonly base?: string;
  /** Store folder from the root, or an absolute path. Default '.bitwidth'. */
  readonly store?: string;
  readonly cells: readonly Cell[];
  readonly boundaries: { readonly [path: string]: CodeBoundary };
  readonly exports: readonly FolderExport[];
  /** Sentences for the end of a run: 'The report: reports/site/index.html'. */
  readonly closing?: readonly string[];
  readonly revoked?: readonly Revocation[];
  /** The GPUs of this machine. Asked once, and only when a task needs one: it may take loading a driver. Default: nobody knows, and a run has as many as it is given. */
  readonly gpus?: () => Promise<MachineGpus>;
  /** Of a pipeline whose tasks may run as jobs of a cluster. */
  readonly cluster?: Cluster;
  /** How `reproduce` computes otherwise what was computed by these, best first: the next is taken where one is not available or crashes. None: in the same way. */
  readonly variation?: (computedBy: CellRecord['computedBy']) => readonly Variation[] | Promise<readonly Variation[]>;
  /** Results are shared through this. */
  readonly cache?: SharedCacheSettings;
  /**
   * Of two records of one key that differ neither is believed: the cell is computed once more in this way, and that decides. Undefined: in the way
   * in which any cell is computed.
   */
  readonly referee?: (computedBy: CellRecord['computedBy']) => Variation | undefined;
  /** What `doctor` looks at besides the machinery's own; each section is shown as it comes. Asked only then. */
  readonly doctor?: (stored: StoredOutputs) => AsyncIterable<DoctorSection> | Promise<readonly DoctorSection[]>;
  /** What is wrong with the project's configuration, so that it has no cells: `doctor` goes on all the same. Only it is given such a pipeline. */
  readonly mistake?: string;
}

// ---- failures ----

export type FailureCode =
  | 'bad-input'        // what came in is not what it must be; deterministic
  | 'not-finite'       // a NaN or an infinity where none may be; deterministic
  | 'not-available'    // needs something this machine lacks (an adapter, a compiler); tried again each run
  | 'stage-threw'      // an error nobody expected; deterministic until the key changes or --retry-failed
  | 'no-output'        // the stage ended without committing or failing the cell
  | 'crashed'          // its process died; tried again next run
  | 'timed-out'
  | 'upstream-failed'  // an input's cell failed; `sentence` names it
  | 'interrupted';

export interface Failure {
  readonly code: FailureCode;
  /** What happened, plain: 'tensor model.layers.0.mlp.up_proj.weight has 3 values that are not finite'. */
  readonly sentence: string;
  /** What to do about it. */
  readonly hint?: string;
}

// ---- records ----

/** One field of a key, kept so that a change can be named: 'params.temperature', 'input weights', 'code kernels/half.ts'. */
export interface KeyFields {
  readonly stage: string;
  readonly params: { readonly [name: string]: Json };
  /** Input name -> content hash (for gather and records: hash over their parts). */
  readonly inputs: { readonly [name: string]: string };
  /** Hash of the code identity; its file list is stored once per hash. */
  readonly code: string;
  readonly facts: { readonly [name: string]: string };
}

export interface OutputRecord { readonly sha256: Sha256; readonly bytes: number; readonly tree?: true }

export interface CellRecord {
  readonly cell: string;
  readonly key: Sha256;
  readonly fields: KeyFields;
  readonly status: 'done' | 'failed';
  readonly outputs: { readonly [name: string]: OutputRecord };
  readonly failure?: Failure;
  readonly computedBy?: { readonly [name: string]: string };
  /** Wall time of the task divided among its cells; ms. */
  readonly durationMs: number;
  /** Where it was computed as a job of a cluster: the kind of node or the partition, and how long its job waited in the queue. */
  readonly place?: { readonly name: string; readonly queuedMs: number };
  /** Of the process that computed it, from the task's start until this cell was committed (peak-memory.ts); where the system tells. */
  readonly memory?: { readonly peakBytes: number; /** What the cell said beforehand. */ readonly expectedBytes?: number };
  /** ISO 8601 with +00:00. */
  readonly finishedAt: string;
  /** The machine's label (a salted hash or a chosen name) and its description without anything personal. */
  readonly machine: string;
  readonly run: string;
}

/** One field that differs from the last time, in words a reader understands. */
export interface Reason { readonly field: string; readonly before?: string; readonly after?: string }

export interface CellProvenance {
  readonly cell: string;
  readonly stage: string;
  readonly determinism: Determinism;
  readonly params: { readonly [name: string]: Json };
  readonly record?: CellRecord;
  /** Of a measured cell: the newest records of other machines, which count beside it wherever all are gathered. */
  readonly others?: readonly CellRecord[];
  /** Where the cell has no result: why. */
  readonly failure?: Failure;
  /** The record is from before a change that a person judged harmless. */
  readonly waiver?: Waiver;
  /** Input name -> what it is and where it comes from, for links. Of a measured output that is gathered: once for each machine. */
  readonly inputs: { readonly [name: string]: readonly { readonly cell?: string; readonly output?: string; readonly machine?: string; readonly file?: string; readonly sha256?: string }[] };
  /** File -> hash of its normalised code, package -> version: the closure behind fields.code. */
  readonly code: { readonly [file: string]: string };
  readonly reasons: readonly Reason[];
}
