/** Whose the time of a task is, where its cells take turns: its stage says at which of them it is (TaskIo.workOn), and these have equal shares of the time until it says otherwise. */
export class WorkTimes {
  /** Of the cells that have not ended what they took before they were named last; ms. */
  readonly #ms: Map<string, number>;
  readonly #nowMs: () => number;
  /** Named, and not ended. */
  #at: Set<string>;
  /** What each of these took since. */
  #shareMs = 0;
  #sinceMs: number;
  #told = false;

  /** Until its stage says at which cells it is, the task is at all of them: what is opened first serves all. */
  constructor(cells: readonly string[], nowMs: () => number = () => performance.now()) {
    this.#ms = new Map(cells.map((cell) => [cell, 0]));
    this.#at = new Set(cells);
    this.#nowMs = nowMs;
    this.#sinceMs = nowMs();
  }

  workOn(cells: readonly string[]): void {
    this.#told = true;
    this.#share();
    for (const cell of this.#at) this.#ms.set(cell, this.#ms.get(cell)! + this.#shareMs);
    this.#turnTo(cells.filter((cell) => this.#ms.has(cell)));
  }

  /** What a cell took that ends now, ms; undefined of a task whose stage does not say at which cells it is. */
  end(cell: string): number | undefined {
    this.#share();
    const ms = (this.#ms.get(cell) ?? 0) + (this.#at.has(cell) ? this.#shareMs : 0);
    this.#ms.delete(cell);
    if (this.#at.delete(cell) && this.#at.size === 0) this.#turnTo([]);
    return this.#told ? ms : undefined;
  }

  /** To none: what follows is for all that is left. */
  #turnTo(cells: readonly string[]): void {
    this.#at = new Set(cells.length > 0 ? cells : this.#ms.keys());
    this.#shareMs = 0;
  }

  #share(): void {
    const nowMs = this.#nowMs();
    if (this.#at.size > 0) this.#shareMs += (nowMs - this.#sinceMs) / this.#at.size;
    this.#sinceMs = nowMs;
  }
}
