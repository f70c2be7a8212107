/**
 * What the tasks of a run are at, for other processes that show it: the file tasks/<holder> of the store, named like the holder of the run's leases. It is
 * written at most once a second, and only of tasks that take longer than that. Its loss costs nothing.
 */
import { removeQuietly, replaceQuietly, textOrNothing } from './disk.ts';
import { timestamp } from './timestamp.ts';
import type { ReadyTask } from './queue.ts';
import type { Store } from './store.ts';

const TELL_EVERY_MS = 1000;

export interface ToldTask {
  /** Its first cell, by id, how many it has, and how many of them have ended. */
  readonly cell: string;
  readonly cells: number;
  readonly settled: number;
  /** ISO 8601 with +00:00, by the clock of the run's machine. */
  readonly startedAt: string;
  /** What its stage says of itself: 12 of 30 windows. */
  readonly progress?: { readonly done: number; readonly total: number; readonly unit: string };
  /** Wall time of its cells when they were computed last, where all of them were. */
  readonly lastMs?: number;
}

/** A task with when it began by the clock that does not jump. */
interface Underway { readonly sinceMs: number; told: ToldTask }

/** Tells of the tasks of this run. What the disk refuses is not told of. */
export class TaskTeller {
  readonly #store: Pick<Store, 'folder' | 'leases' | 'recordsOfCell' | 'run'>;
  readonly #underway = new Map<ReadyTask, Underway>();
  readonly #taskOf = new Map<string, ReadyTask>();
  #timer: NodeJS.Timeout | undefined;
  #written = false;

  constructor(store: Pick<Store, 'folder' | 'leases' | 'recordsOfCell' | 'run'>) {
    this.#store = store;
  }

  started(task: ReadyTask): void {
    this.#underway.set(task, { sinceMs: performance.now(), told: { cell: task.pending[0]!.cell.id, cells: task.pending.length, settled: 0, startedAt: timestamp() } });
    for (const { cell } of task.pending) this.#taskOf.set(cell.id, task);
    this.#later();
  }

  progress(task: ReadyTask, done: number, total: number, unit: string): void {
    this.#change(task, () => ({ progress: { done, total, unit } }));
  }

  settled(cell: string): void {
    const task = this.#taskOf.get(cell);
    if (task === undefined) return;
    this.#taskOf.delete(cell);
    this.#change(task, ({ settled }) => ({ settled: settled + 1 }));
  }

  ended(task: ReadyTask): void {
    this.#underway.delete(task);
    for (const { cell } of task.pending) this.#taskOf.delete(cell.id);
    this.#later();
  }

  close(): void {
    clearTimeout(this.#timer);
    if (this.#written) removeQuietly(this.#path);
  }

  get #path(): string {
    return pathOf(this.#store.folder, this.#store.leases.id);
  }

  #change(task: ReadyTask, to: (told: ToldTask) => Partial<ToldTask>): void {
    const one = this.#underway.get(task);
    if (one === undefined) return;
    one.told = { ...one.told, ...to(one.told) };
    this.#later();
  }

  #later(): void {
    this.#timer ??= setTimeout(() => this.#tell(), TELL_EVERY_MS).unref();
  }

  #tell(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    const long = [...this.#underway].filter(([, { sinceMs }]) => nowMs - sinceMs >= TELL_EVERY_MS);
    if (long.length < this.#underway.size) this.#later();
    if (long.length === 0) {
      if (this.#written) removeQuietly(this.#path);
      this.#written = false;
      return;
    }
    const tasks = long.map(([task, { told }]): ToldTask => {
      const lastMs = this.#lastMs(task);
      return { ...told, ...(lastMs === undefined ? {} : { lastMs }) };
    });
    this.#written = replaceQuietly(this.#path, () => [Buffer.from(JSON.stringify(tasks))]);
  }

  #lastMs({ pending }: ReadyTask): number | undefined {
    let sum = 0;
    for (const { cell: { id } } of pending) {
      const last = this.#store.recordsOfCell(id).find(({ status, run }) => status === 'done' && run !== this.#store.run);
      if (last === undefined) return undefined;
      sum += last.durationMs;
    }
    return sum;
  }
}

/** What a run tells of its tasks, by the id of the holder of its leases; none where it tells nothing. */
export function toldTasks(folder: string, holder: string): readonly ToldTask[] {
  try {
    return JSON.parse(textOrNothing(pathOf(folder, holder))) as readonly ToldTask[];
  } catch {
    return [];
  }
}

const pathOf = (folder: string, holder: string): string => `${folder}/tasks/${holder.replace(/[^0-9a-z.-]/g, '_')}`;
