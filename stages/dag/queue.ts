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
  /** Lines of #shared, with how many tasks stand in each: a search ends when each was refused. */
  readonly #lines = new Map<Line, number>();

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
    if (list === this.#shared) this.#lines.set(lineOf(task), (this.#lines.get(lineOf(task)) ?? 0) + 1);
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
   * The next task that may start beside `active` others: the first that `fits`; where one does not, none that stands in line behind it is taken before it. Exclusive ones wait until
   * nothing else is ready, runs or is being committed.
   */
  take(active: number, fits: (task: ReadyTask) => boolean = () => true): ReadyTask | undefined {
    const refused = new Set<Line>();
    for (let i = this.#shared.length - 1; i >= 0 && refused.size < this.#lines.size; i--) {
      const { task } = this.#shared[i]!;
      const line = lineOf(task);
      if (refused.has(line)) continue;
      if (!fits(task)) {
        refused.add(line);
        continue;
      }
      this.#shared.splice(i, 1);
      const left = this.#lines.get(line)! - 1;
      if (left === 0) this.#lines.delete(line);
      else this.#lines.set(line, left);
      return task;
    }
    return active === 0 && this.#shared.length === 0 ? this.#exclusive.pop()?.task : undefined;
  }

  clear(): void {
    this.#shared.length = 0;
    this.#exclusive.length = 0;
    this.#lines.clear();
  }
}

/** Tasks of one stage wait one behind the other, but for those that wait for different GPUs. */
type Line = Stage | string;

function lineOf({ stage, pending }: ReadyTask): Line {
  const gpu = pending[0]?.cell.gpu;
  return gpu === undefined ? stage : `${stage.name}\n${gpu.name}`;
}

/** `work`: its own and what waits behind it. */
interface Entry { readonly task: ReadyTask; readonly work: number; readonly tie: number }

/** Lists are kept in the reverse of the order of starting: the last one is taken. */
function goesBefore(a: Entry, b: Entry): boolean {
  return a.work !== b.work ? a.work > b.work : a.tie > b.tie;
}
