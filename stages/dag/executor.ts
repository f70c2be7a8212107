/** The contract of an executor, the register of those that exist, and the ones that a run has started. */
import { availableParallelism } from 'node:os';
import { moduleUrl } from './modules.ts';
import type { OutputContent } from './store.ts';
import type { Failure, Pipeline, Sha256, Stage, TaskCell } from './types.ts';

/** Work that can run anywhere: plain JSON, absolute paths only where bytes lie. */
export interface Task {
  readonly id: string;
  readonly stage: string;
  /** URL of the module whose export `run` does the work. */
  readonly moduleUrl: string;
  readonly outputs: readonly string[];
  readonly cells: readonly TaskCell[];
  /** A folder of the task's own, made when something is put there: `work/` is the stage's, `out/` carries large outputs. Removed by the caller. */
  readonly scratch: string;
  /** Where the stage leaves what a later run goes on with. Without it: `scratch`. */
  readonly unfinished?: string;
  readonly timeoutMs?: number;
  /** In a process that ran nothing before: timings must not depend on it. */
  readonly fresh: boolean;
  /** It times something: that counts only if the process went on all the while. */
  readonly timed: boolean;
  /** How many processors it may use. */
  readonly cpus: number;
  /** Variables of its process besides the run's own. Such a task needs a process of its own: `worker`. */
  readonly environment?: { readonly [name: string]: string };
}

/** What a task is made of besides its stage's declaration. */
export interface TaskParts extends Pick<Task, 'id' | 'cells' | 'scratch' | 'unfinished' | 'environment'> {
  /** How many tasks the run has going at once. */
  readonly jobs: number;
}

/** Asking the system takes as long as making a task. */
const PROCESSORS = availableParallelism();

/** The task of these cells of a stage. */
export function taskOf({ root }: Pipeline, stage: Stage, { jobs, ...parts }: TaskParts): Task {
  return {
    ...parts, stage: stage.name, moduleUrl: moduleUrl(root, stage.module), outputs: stage.outputs,
    fresh: stage.exclusive === true || stage.determinism === 'measured',
    timed: stage.exclusive === true && stage.determinism === 'measured',
    cpus: stage.exclusive === true ? PROCESSORS : shareOf(stage, jobs),
    ...(stage.timeoutMs === undefined ? {} : { timeoutMs: stage.timeoutMs }),
  };
}

/** The processors of a task beside which others may run: the share of the jobs that it takes. */
function shareOf({ resources: { cpus = 1 } = {} }: Stage, jobs: number): number {
  return Math.max(1, Math.floor(PROCESSORS * Math.min(cpus, jobs) / jobs));
}

/** What a task tells while it runs. A cell is told of once: committed or failed. */
export interface TaskEvents {
  /** Resolves when the caller has taken the bytes over (not when they are on the disk). `peakBytes`: what its own process had held at its height by then. */
  committed(cell: string, outputs: { readonly [name: string]: OutputContent }, computedBy: { readonly [name: string]: string } | undefined, peakBytes?: number): Promise<void>;
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
  /** Its process stood still while it timed: what it would have committed is no timing. */
  | { readonly kind: 'stood-still'; readonly ms: number }
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

/** The executors of one run, each loaded when its first task starts. */
export class Executors {
  readonly #started = new Map<string, Promise<Executor>>();

  /** A process of its own for a task with an environment, whatever its stage says: this process has but one. */
  of(stage: Stage, environment: Task['environment']): Promise<Executor> {
    const name = environment === undefined ? stage.where ?? 'worker' : 'worker';
    let executor = this.#started.get(name);
    if (executor === undefined) this.#started.set(name, executor = EXECUTORS[name]());
    return executor;
  }

  /** Ends idle processes. */
  release(): void {
    for (const executor of this.#started.values()) void executor.then((ready) => ready.release());
  }
}

/** The register: stages choose by `where`. */
export const EXECUTORS: { readonly [name in NonNullable<Stage['where']>]: () => Promise<Executor> } = {
  'in-process': async () => (await import('./executors/in-process.ts')).inProcessExecutor(),
  worker: async () => (await import('./executors/worker.ts')).workerExecutor(),
};
