/** The contract of an executor, the register of those that exist, and the ones that a run has started. */
import { availableParallelism } from 'node:os';
import { DEFAULT_TASKS, leaves } from './cluster.ts';
import { moduleUrl } from './modules.ts';
import type { Cluster } from './cluster.ts';
import type { Needs } from './resources.ts';
import type { MachineDescription, OutputContent, Store } from './store.ts';
import type { TaskCell } from './task-types.ts';
import type { CellRecord, Failure, Pipeline, Sha256, Stage } from './types.ts';

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
  /** Of its cells, in their order: what names its result wherever it is computed. */
  readonly keys?: readonly Sha256[];
  /** It was asked for although there are results: none that lies anywhere counts. */
  readonly anew?: boolean;
  /** What its stage says that it needs, and the memory that it is expected to hold. */
  readonly needs?: Needs;
}

/** What a task is made of besides its stage's declaration. */
export interface TaskParts extends Pick<Task, 'id' | 'cells' | 'scratch' | 'unfinished' | 'environment' | 'keys' | 'anew' | 'needs'> {
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

/** Where and how long a cell was computed, when that was not in a process of this run's. */
export interface RanElsewhere { readonly durationMs: number; readonly machine: string; readonly description: MachineDescription; readonly place: NonNullable<CellRecord['place']> }

/** For whoever keeps a copy of what was handed over: resolves when it need not any more. Never rejects. */
export interface Taken { readonly onDisk: Promise<unknown> }

/** What a task tells while it runs. A cell is told of once: committed or failed. */
export interface TaskEvents {
  /** Resolves when the caller has taken the bytes over (not when they are on the disk). `peakBytes`: what its own process had held at its height by then. `tookMs`: where the stage told. */
  committed(cell: string, outputs: { readonly [name: string]: OutputContent }, computedBy: { readonly [name: string]: string } | undefined, peakBytes?: number, tookMs?: number, ran?: RanElsewhere): Promise<Taken | void>;
  failed(cell: string, failure: Failure, ran?: RanElsewhere): Taken | void;
  progress(done: number, total: number, unit: string): void;
  warn(sentence: string): void;
}

export type TaskEnd =
  /** `run` returned. */
  | { readonly kind: 'ended' }
  /** `run` threw; the cells not told of are in doubt. */
  | { readonly kind: 'threw'; readonly failure: Failure }
  /** An input's bytes are not what they should be. */
  | { readonly kind: 'damaged'; readonly sha256: Sha256; readonly what: string }
  /** Its process died. */
  | { readonly kind: 'crashed'; readonly sentence: string; readonly hint?: string; /** It would again: alone in its task, a cell is not given a second chance. */ readonly certain?: true }
  | { readonly kind: 'timed-out'; /** Where it was another limit than the stage's. */ readonly sentence?: string }
  /** Its process stood still while it timed: what it would have committed is no timing. */
  | { readonly kind: 'stood-still'; readonly ms: number }
  /** Nothing that its cells have done: they fail with this, and the next run tries again. */
  | { readonly kind: 'given-up'; readonly failure: Failure }
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
  /** Ends idle processes, and whatever else it does for tasks to come. */
  release(): void | Promise<void>;
}

/** What an executor that sends tasks away knows of the run. */
export interface Surroundings {
  readonly store: Store;
  readonly cluster: Cluster;
  readonly warn: (sentence: string) => void;
  /** Asked once, when the run is interrupted: what becomes of what runs elsewhere. */
  readonly whenInterrupted: () => Promise<WhenInterrupted>;
}

/** `cancel`: it is ended. `leave`: it goes on, and the next run takes its results in. */
export type WhenInterrupted = 'cancel' | 'leave';

/** The executors of one run, each loaded when its first task starts. */
export class Executors {
  readonly #started = new Map<string, Promise<Executor>>();
  readonly #away: { readonly name: string; readonly surroundings: Surroundings } | undefined;

  /** `away`: the executor of the tasks that leave this machine, where some do. */
  constructor(away?: { readonly name: string; readonly surroundings: Surroundings }) {
    this.#away = away;
  }

  /** Whether a stage's tasks leave this machine. */
  leave(stage: Stage): boolean {
    return this.#away !== undefined && leaves(this.#away.surroundings.cluster, stage);
  }

  /** How many tasks may be away at once. */
  get mostAway(): number {
    return this.#away === undefined ? 0 : this.#away.surroundings.cluster.tasks ?? DEFAULT_TASKS;
  }

  /** A process of its own for a task with an environment, whatever its stage says: this process has but one. */
  of(stage: Stage, environment: Task['environment']): Promise<Executor> {
    const name = environment !== undefined ? 'worker' : this.leave(stage) ? this.#away!.name : stage.where ?? 'worker';
    let executor = this.#started.get(name);
    if (executor === undefined) this.#started.set(name, executor = EXECUTORS[name]!.load(this.#away?.surroundings as Surroundings));
    return executor;
  }

  /** Ends idle processes. Resolves when those are done with that have something to finish. */
  async release(): Promise<void> {
    await Promise.all([...this.#started.values()].map(async (executor) => { await (await executor.catch(() => undefined))?.release(); }));
  }
}

/** `away`: sends tasks to other machines, for a run that asks for it by name. The others stages choose by `where`. */
export interface ExecutorEntry { readonly away?: true; load(surroundings: Surroundings): Promise<Executor> }

/** The register. */
export const EXECUTORS: { readonly [name: string]: ExecutorEntry } = {
  'in-process': { load: async () => (await import('./executors/in-process.ts')).inProcessExecutor() },
  worker: { load: async () => (await import('./executors/worker.ts')).workerExecutor() },
  slurm: { away: true, load: async (surroundings) => (await import('./executors/slurm.ts')).slurmExecutor(surroundings) },
};
