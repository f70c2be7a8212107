/**
 * What tasks need besides a job, and what a run has of it. A task starts when what it needs is free; one that needs more than there
 * is starts when nothing else runs: what a stage declares is an estimate, and less of everything may do. Only of GPUs none is none.
 */
import { totalmem } from 'node:os';
import { UNKNOWN_GPUS } from './gpus.ts';
import type { GpusInUse, RunGpus } from './gpus.ts';
import type { ReadyTask } from './queue.ts';
import type { Cell, Failure, Gpu, Stage } from './types.ts';

export interface Resources {
  /** Tasks at once. A stage that uses n processors takes n of them. */
  readonly jobs: number;
  readonly memoryBytes: number;
  /** As many as the run was given; undefined: as it finds (gpus.ts). */
  readonly gpus?: number;
}

/** Of the machine's memory so much is for the run; the rest is the system's and the other programs'. */
const MEMORY_SHARE = 0.9;

/** What this machine has: of a container its limit. */
export function machineMemoryBytes(): number {
  const limit = (process as { constrainedMemory?(): number | undefined }).constrainedMemory?.() ?? 0;
  const total = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return Math.floor(total * MEMORY_SHARE);
}

/** What a task of these cells is expected to hold. */
export function memoryNeed({ resources }: Stage, cells: readonly Cell[]): number {
  return cells.reduce((most, { memoryBytes }) => Math.max(most, memoryBytes ?? resources?.memoryBytes ?? 0), 0);
}

/** For whichever a program takes that cannot be told. */
const UNKNOWN = 'unknown';

/** A task, as far as this is concerned. */
export interface Needs {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly gpus: number;
  /** Which one, where its cells say so. */
  readonly gpu?: Gpu;
  /** It takes whichever GPU it likes. */
  readonly anyGpu?: true;
}

export function needsOf(stage: Stage, cells: readonly Cell[]): Needs {
  const { cpus = 1, gpus: own = 0 } = stage.resources ?? {};
  const gpu = cells[0]?.gpu;
  return {
    cpus, memoryBytes: memoryNeed(stage, cells), gpus: cells.reduce((most, { gpus = own }) => Math.max(most, gpus), 0),
    ...(gpu === undefined ? {} : { gpu }), ...(cells.some(({ anyGpu }) => anyGpu === true) ? { anyGpu: true } : {}),
  };
}

export const taskNeeds = ({ stage, pending }: ReadyTask): Needs => needsOf(stage, pending.map(({ cell }) => cell));

/** What a task has while it runs. */
export interface Share {
  readonly needs: Needs;
  /** To which its process is to be bound. */
  readonly gpu?: Gpu;
}

export class ResourcePool {
  readonly #all: Resources;
  readonly #runGpus: RunGpus;
  #gpus: GpusInUse = UNKNOWN_GPUS;
  readonly #shares = new Set<Share>();

  constructor(all: Resources, gpus: RunGpus) {
    this.#all = all;
    this.#runGpus = gpus;
  }

  get jobs(): number {
    return this.#all.jobs;
  }

  /** To be awaited before it is asked of what needs this. */
  async prepare({ gpus }: Needs): Promise<void> {
    if (gpus > 0) this.#gpus = await this.#runGpus.find();
  }

  /** Whether a task may start beside those that have what they took. */
  fits(needs: Needs): boolean {
    if (this.#shares.size === 0) return true;
    return this.#taken('cpus') + needs.cpus <= this.#all.jobs && this.#taken('memoryBytes') + needs.memoryBytes <= this.#all.memoryBytes && this.#gpusFit(needs);
  }

  take(needs: Needs): Share {
    const gpu = needs.gpus === 0 || this.#chooses(needs) ? undefined : needs.gpu ?? this.#free()[0];
    const share: Share = { needs, ...(gpu === undefined ? {} : { gpu }) };
    this.#shares.add(share);
    return share;
  }

  give(share: Share): void {
    this.#shares.delete(share);
  }

  /** Why a task is not run at all. */
  refusal({ needs }: Share): Failure | undefined {
    return needs.gpus > 0 && this.#all.gpus === 0 ? { code: 'not-available', sentence: 'it takes a GPU, and --gpus is 0' } : undefined;
  }

  /** The GPUs that no other run may use meanwhile, by name: the one that a task is bound to, else all, and those that nobody knows. */
  gpusOf({ needs, gpu }: Share): readonly string[] {
    return needs.gpus === 0 ? [] : gpu !== undefined ? [gpu.name] : [...this.#gpus.known.map(({ name }) => name), UNKNOWN];
  }

  #gpusFit(needs: Needs): boolean {
    if (needs.gpus === 0 || this.#all.gpus === 0) return true;
    const taken = this.#taken('gpus');
    if (this.#chooses(needs)) return taken === 0;
    if ([...this.#shares].some((share) => this.#chooses(share.needs)) || taken + needs.gpus > this.#gpus.most) return false;
    return needs.gpu === undefined ? this.#gpus.known.length === 0 || this.#free().length > 0 : !this.#held().has(needs.gpu.name);
  }

  /** Whether it is bound to none and may take what others are bound to: that is nobody's to give. One variable names one GPU, so what takes several is bound to none. */
  #chooses({ gpus, anyGpu }: Needs): boolean {
    return gpus > 0 && (anyGpu === true || (gpus > 1 && this.#gpus.known.length > 0));
  }

  #held(): ReadonlySet<string> {
    return new Set([...this.#shares].flatMap(({ gpu }) => gpu?.name ?? []));
  }

  #free(): Gpu[] {
    const held = this.#held();
    return this.#gpus.known.filter(({ name }) => !held.has(name));
  }

  #taken(what: 'cpus' | 'memoryBytes' | 'gpus'): number {
    let sum = 0;
    for (const { needs } of this.#shares) sum += needs[what];
    return sum;
  }
}
