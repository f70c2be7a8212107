/** The commits of one task on their way to the disk. */
import type { RanElsewhere } from './executor.ts';
import type { Pending } from './queue.ts';
import type { OutputContent } from './store.ts';
import type { CellRecord } from './types.ts';

/** Commits that come this close to each other share the time since the last ones: a stage may end many cells in one step. */
const SAME_STEP_MS = 25;

/** What a task gave for a cell, what its process had held by then, how long the cell took where the stage said so, and where it ran when that was not here. */
export interface Made {
  readonly outputs: { readonly [name: string]: OutputContent };
  readonly computedBy: CellRecord['computedBy'];
  readonly peakBytes: number | undefined;
  readonly tookMs: number | undefined;
  readonly ran?: RanElsewhere | undefined;
}

/** Commits one cell; resolves when it is on the disk. */
export type WriteCommit<T> = (cell: T, made: Made, durationMs: number) => Promise<void>;

/** The commits of one task, with its time divided among those whose own is not known. */
export class Commits<T = Pending> {
  readonly #write: WriteCommit<T>;
  readonly #underway: Promise<void>[] = [];
  #step: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #lastMs = performance.now();
  #stepMs = 0;

  constructor(write: WriteCommit<T>) {
    this.#write = write;
  }

  /** Resolves when the cell is committed. */
  add(cell: T, made: Made): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this.#step.push(() => { this.#write(cell, made, made.tookMs ?? this.#stepMs).then(resolve, reject); });
    });
    this.#underway.push(written);
    this.#timer ??= setTimeout(() => this.#endStep(), SAME_STEP_MS);
    return written;
  }

  fail(write: () => Promise<void>): void {
    this.#underway.push(write());
  }

  /** Time since the last step, which is what a failure took; ms. */
  sinceLast(): number {
    return performance.now() - this.#lastMs;
  }

  /** Resolves when all are on the disk or refused by it. */
  async finish(): Promise<void> {
    this.#endStep();
    await Promise.all(this.#underway);
  }

  #endStep(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const step = this.#step;
    if (step.length === 0) return;
    this.#step = [];
    this.#stepMs = this.sinceLast() / step.length;
    this.#lastMs = performance.now();
    for (const write of step) write();
  }
}
