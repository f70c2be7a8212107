/** How fast something goes, of late: for a progress line. */

/** So long back it looks: a rate that jumps cannot be read, one over all of the time says nothing of now. */
const WINDOW_MS = 5000;

export class Rate {
  readonly #nowMs: () => number;
  readonly #seen: { readonly ms: number; readonly done: number }[] = [];

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Takes note of how much is done, and answers how much was done a second; undefined while that cannot be told. What is less than before begins anew. */
  at(done: number): number | undefined {
    const ms = this.#nowMs();
    if (done < (this.#seen.at(-1)?.done ?? 0)) this.#seen.length = 0;
    this.#seen.push({ ms, done });
    // One that is older stays, so that a stall shows as such.
    while (this.#seen.length > 2 && ms - this.#seen[1]!.ms > WINDOW_MS) this.#seen.shift();
    const first = this.#seen[0]!;
    return ms - first.ms < 100 ? undefined : (done - first.done) / (ms - first.ms) * 1000;
  }
}
