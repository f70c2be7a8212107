/** The contract of an executor, and the register of those that exist. */
import type { OutputContent } from './store.ts';
import type { Failure, Sha256, Stage, TaskCell } from './types.ts';

/** Work that can run anywhere: plain JSON, absolute paths only where bytes lie. */
export interface Task {
  readonly id: string;
  readonly stage: string;
  /** URL of the module whose export `run` does the work. */
  readonly moduleUrl: string;
  readonly outputs: readonly string[];
  readonly cells: readonly TaskCell[];
  /** An empty folder of the task's own: `work/` is the stage's, `out/` carries large outputs. Removed by the caller. */
  readonly scratch: string;
  readonly timeoutMs?: number;
  /** In a process that ran nothing before: timings must not depend on it. */
  readonly fresh: boolean;
}

/** What a task tells while it runs. A cell is told of once: committed or failed. */
export interface TaskEvents {
  /** Resolves when the caller has taken the bytes over (not when they are on the disk). */
  committed(cell: string, outputs: { readonly [name: string]: OutputContent }, computedBy: { readonly [name: string]: string } | undefined): Promise<void>;
  failed(cell: string, failure: Failure): void;
  progress(done: number, total: number, unit: string): void;
}

export type TaskEnd =
  /** `run` returned. */
  | { readonly kind: 'ended' }
  /** `run` threw; the cells not told of are in doubt. */
  | { readonly kind: 'threw'; readonly failure: Failure }
  /** An input's bytes are not what they should be. */
  | { readonly kind: 'damaged'; readonly sha256: Sha256; readonly what: string }
  /** Its process died. */
  | { readonly kind: 'crashed'; readonly sentence: string }
  | { readonly kind: 'timed-out' }
  /** It was asked to stop, and did. */
  | { readonly kind: 'stopped' };

export interface RunningTask {
  /** Never rejects. */
  readonly end: Promise<TaskEnd>;
  /** Asks it to stop at the next commit. */
  stop(): void;
  /** Ends it at once where that can be done. */
  kill(): void;
  /** The last of what it wrote to its output, for people. */
  log(): string;
}

export interface Executor {
  start(task: Task, events: TaskEvents): RunningTask;
  /** Ends idle processes. */
  release(): void;
}

/** The register: stages choose by `where`. */
export const EXECUTORS: { readonly [name in NonNullable<Stage['where']>]: () => Promise<Executor> } = {
  'in-process': async () => (await import('./executors/in-process.ts')).inProcessExecutor(),
  worker: async () => (await import('./executors/worker.ts')).workerExecutor(),
};
