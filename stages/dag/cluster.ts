/** What a pipeline says of the cluster that its tasks may run on: plain data, whatever starts jobs there. Where it is written down is the project's business. */
import type { Stage } from './types.ts';

/** What a task is given there. */
export interface JobNeeds {
  readonly partition?: string;
  readonly cpus?: number;
  readonly gpus?: number;
  readonly memoryBytes?: number;
  /** How long one task may take. */
  readonly timeMs?: number;
  /** Only nodes of this kind: a feature that the site gives its nodes. What is timed there is recorded under this name. */
  readonly nodeType?: string;
  /** Further arguments of the site's (--account=x), handed on one by one: no shell sees them. */
  readonly options?: readonly string[];
}

export interface Cluster {
  /** Of every stage; what `stages` says of one comes before it, and its options behind these. */
  readonly all?: JobNeeds;
  readonly stages?: { readonly [stage: string]: JobNeeds };
  /** Stages whose tasks stay on the machine of the run: what needs a network or a compiler, or is over at once. */
  readonly here?: readonly string[];
  /** Jobs that are queued or running at once. Tasks beyond that share jobs. Default 256. */
  readonly jobs?: number;
  /** Tasks that one job works off, at most. Default 32. */
  readonly tasksPerJob?: number;
  /** Tasks underway at once, each of which may leave a file of results: bounds what a run without its coordinator leaves in the store. Default 1000. */
  readonly tasks?: number;
  /** A folder on each node's own disk, for what tasks write while they work and the large objects that they read. Default: the store. */
  readonly staging?: string;
  /** The Node that jobs run, where it is another than the run's own. */
  readonly node?: string;
  /** Variables of the jobs; those of the run are no others' business but for `PATH` and a few like it. */
  readonly environment?: { readonly [name: string]: string };
  /** Further variables of a coordinator that is a job itself (slurm/detach.ts). */
  readonly coordinator?: { readonly [name: string]: string };
  readonly pace?: Partial<Pace>;
}

/** How often is looked; ms. Tests look more often than a site would like. */
export interface Pace {
  /** Tasks that become ready within this time of each other are submitted together. */
  readonly gatherMs: number;
  /** Between two looks for results, one listing of a folder each. */
  readonly filesMs: number;
  /** Between two questions to the scheduler: at least so long, and up to `queueMostMs` while nothing changes. */
  readonly queueMs: number;
  readonly queueMostMs: number;
  /** How long a file that was written on a node may take to be seen here. */
  readonly graceMs: number;
  /** How often a task whose job was taken from it (a dead node, preemption) is submitted again. */
  readonly resubmits: number;
}

export const DEFAULT_PACE: Pace = { gatherMs: 500, filesMs: 2000, queueMs: 10_000, queueMostMs: 60_000, graceMs: 60_000, resubmits: 5 };
export const DEFAULT_JOBS = 256;
export const DEFAULT_TASKS_PER_JOB = 32;
export const DEFAULT_TASKS = 1000;

/** What the tasks of a stage are given. */
export function needsOfStage({ all = {}, stages = {} }: Cluster, stage: string): JobNeeds {
  const own = Object.hasOwn(stages, stage) ? stages[stage]! : {};
  return { ...all, ...own, options: [...all.options ?? [], ...own.options ?? []] };
}

/** Whether a stage's tasks leave the machine of the run. What was fetched came over a network, which nodes do not have. */
export function leaves({ here = [] }: Cluster, { name, where, determinism }: Stage): boolean {
  return where !== 'in-process' && determinism !== 'fetched' && !here.includes(name);
}
