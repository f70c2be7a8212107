/** Which cells of a task may still be committed, and how an expected failure closes some of them while the others go on. */
import type { Failure, TaskCell, TaskIo } from '../dag/index.ts';
import { expectedFailure } from './task-values.ts';

/** The cells of a task that are neither committed nor failed. */
export class OpenCells {
  readonly #open: Map<string, TaskCell>;
  readonly #io: TaskIo;

  constructor(cells: readonly TaskCell[], io: TaskIo) {
    this.#open = new Map(cells.map((cell) => [cell.id, cell]));
    this.#io = io;
  }

  any(cells: readonly TaskCell[]): boolean {
    return cells.some(({ id }) => this.#open.has(id));
  }

  of(cells: readonly TaskCell[]): TaskCell[] {
    return cells.filter(({ id }) => this.#open.has(id));
  }

  /** The time that follows is theirs. */
  workOn(cells: readonly TaskCell[]): void {
    this.#io.workOn(cells.map(({ id }) => id));
  }

  /** What `work` gives, or undefined where it fails in a way that a stage expects: then these cells have failed. */
  async attempt<T>(cells: readonly TaskCell[], work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      const failure = expectedFailure(error);
      if (failure === undefined) throw error;
      await this.#fail(cells, failure);
      return undefined;
    }
  }

  async #fail(cells: readonly TaskCell[], failure: Failure): Promise<void> {
    for (const { id } of this.of(cells)) {
      this.#open.delete(id);
      await this.#io.fail(id, failure);
    }
  }
}
