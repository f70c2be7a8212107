/** Which work is ready, and which goes first. */
import { workOf } from './critical-path.ts';
import { mulberry32 } from './random.ts';
import type { Conflict } from './decide.ts';
import type { Cell, KeyFields, Reason, Sha256, Stage } from './types.ts';

/** A cell that is to run, with what was decided about it. */
export interface Pending {
  readonly cell: Cell;
  readonly key: Sha256;
  readonly fields: KeyFields;
  readonly reasons: readonly Reason[];
  /** Records of its key that differ: it is computed in the way that decides between them. */
  readonly conflict?: Conflict;
  /** It brought down a task and is now alone in one: dying once more convicts it. */
  readonly diedAlone?: true;
  /** How often it was tried again for a passing reason. */
  readonly retries?: number;
  /** How often its timing was thrown away because the process stood still meanwhile. */
  readonly standstills?: number;
}

/** Cells that run in one process. */
export interface ReadyTask { readonly stage: Stage; readonly pending: readonly Pending[] }

/**
 * Ready tasks, first those with the most work from their start to the end of the run (their own and what waits behind it), since a long
 * task started last would be waited for alone; among equals the order is shuffled, so that a stage which depends on something that it
 * does not declare is found out.
 */
export class ReadyQueue {
  readonly #random: () => number;
  readonly #shared: Entry[] = [];
  readonly #exclusive: Entry[] = [];
  readonly #behind: (cell: Cell) => number;
  /** Stages of #shared, with how many of their tasks are there: a search ends when each was refused. */
  readonly #stages = new Map<Stage, number>();

  readonly #isExclusive: (stage: Stage) => boolean;

  /** `behind`: the work that waits behind a cell. `isExclusive`: beside whose tasks nothing may run. */
  constructor(seed: number, behind: (cell: Cell) => number = () => 0, isExclusive: (stage: Stage) => boolean = (stage) => stage.exclusive === true) {
    this.#isExclusive = isExclusive;
    this.#random = mulberry32(seed);
    this.#behind = behind;
  }

  get size(): number {
    return this.#shared.length + this.#exclusive.length;
  }

  push(task: ReadyTask): void {
    const cells = task.pending.map(({ cell }) => cell);
    const work = workOf(cells) + cells.reduce((most, cell) => Math.max(most, this.#behind(cell)), 0);
    const entry: Entry = { task, work, tie: this.#random() };
    const list = this.#isExclusive(task.stage) ? this.#exclusive : this.#shared;
    if (list === this.#shared) this.#stages.set(task.stage, (this.#stages.get(task.stage) ?? 0) + 1);
    // Insertion by bisection keeps ten thousand tasks cheap.
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (goesBefore(entry, list[middle]!)) low = middle + 1;
      else high = middle;
    }
    list.splice(low, 0, entry);
  }

  /**
   * The next task that may start beside `active` others: the first that `fits`; where one does not, none of its stage is taken before it. Exclusive ones wait until nothing else is
   * ready, runs or is being committed.
   */
  take(active: number, fits: (task: ReadyTask) => boolean = () => true): ReadyTask | undefined {
    const refused = new Set<Stage>();
    for (let i = this.#shared.length - 1; i >= 0 && refused.size < this.#stages.size; i--) {
      const { task } = this.#shared[i]!;
      if (refused.has(task.stage)) continue;
      if (!fits(task)) {
        refused.add(task.stage);
        continue;
      }
      this.#shared.splice(i, 1);
      const left = this.#stages.get(task.stage)! - 1;
      if (left === 0) this.#stages.delete(task.stage);
      else this.#stages.set(task.stage, left);
      return task;
    }
    return active === 0 && this.#shared.length === 0 ? this.#exclusive.pop()?.task : undefined;
  }

  clear(): void {
    this.#shared.length = 0;
    this.#exclusive.length = 0;
    this.#stages.clear();
  }
}

/** `work`: its own and what waits behind it. */
interface Entry { readonly task: ReadyTask; readonly work: number; readonly tie: number }

/** Lists are kept in the reverse of the order of starting: the last one is taken. */
function goesBefore(a: Entry, b: Entry): boolean {
  return a.work !== b.work ? a.work > b.work : a.tie > b.tie;
}
