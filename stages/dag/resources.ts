/**
 * What tasks need besides a job, and what a run has of it. A task starts when what it needs is free; one that needs more than there
 * is starts when nothing else runs: what a stage declares is an estimate, and less of everything may do.
 */
import { totalmem } from 'node:os';
import type { Cell, Stage } from './types.ts';

export interface Resources {
  /** Tasks at once. A stage that uses n processors takes n of them. */
  readonly jobs: number;
  readonly memoryBytes: number;
  readonly gpus: number;
}

/** Of the machine's memory so much is for the run; the rest is the system's and the other programs'. */
const MEMORY_SHARE = 0.9;

/** What this machine has: of a container its limit. GPUs are not counted: tasks that need one take turns unless it is said that there are more. */
export function machineMemoryBytes(): number {
  const limit = (process as { constrainedMemory?(): number | undefined }).constrainedMemory?.() ?? 0;
  const total = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return Math.floor(total * MEMORY_SHARE);
}

/** What a task of these cells is expected to hold. */
export function memoryNeed({ resources }: Stage, cells: readonly Cell[]): number {
  return cells.reduce((most, { memoryBytes }) => Math.max(most, memoryBytes ?? resources?.memoryBytes ?? 0), 0);
}

/** A task, as far as this is concerned. */
export interface Needs { readonly cpus: number; readonly memoryBytes: number; readonly gpus: number }

export function needsOf(stage: Stage, cells: readonly Cell[]): Needs {
  const { cpus = 1, gpus: own = 0 } = stage.resources ?? {};
  return { cpus, memoryBytes: memoryNeed(stage, cells), gpus: cells.reduce((most, { gpus = own }) => Math.max(most, gpus), 0) };
}

export class ResourcePool {
  readonly #all: Resources;
  #tasks = 0;
  #jobs = 0;
  #memoryBytes = 0;
  #gpus = 0;

  constructor(all: Resources) {
    this.#all = all;
  }

  /** Whether a task may start beside those that have what they took. */
  fits({ cpus, memoryBytes, gpus }: Needs): boolean {
    if (this.#tasks === 0) return true;
    return this.#jobs + cpus <= this.#all.jobs && this.#memoryBytes + memoryBytes <= this.#all.memoryBytes && this.#gpus + gpus <= this.#all.gpus;
  }

  take(needs: Needs): void {
    this.#change(needs, 1);
  }

  give(needs: Needs): void {
    this.#change(needs, -1);
  }

  #change({ cpus, memoryBytes, gpus }: Needs, sign: 1 | -1): void {
    this.#tasks += sign;
    this.#jobs += sign * cpus;
    this.#memoryBytes += sign * memoryBytes;
    this.#gpus += sign * gpus;
  }
}
