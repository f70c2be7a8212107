/**
 * Exclusive tasks among several runs in one folder: while one of them works, no run of this machine works beside it.
 *
 * An exclusive task takes a lease that stands for the machine, then waits until no other run holds a cell. Another task takes its
 * cells, then looks whether somebody has the machine; if so, it gives them back and waits. Whoever comes second sees the first, so
 * two never work, and the one that has the machine waits for nobody who waits for it.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { taggedSha256 } from './sha256.ts';
import type { Store } from './store.ts';
import type { Pipeline, Sha256 } from './types.ts';

const POLL_MS = 200;
/** Shorter waits are not worth a word. */
const TOLD_AFTER_MS = 1000;

/** The name of the lease that stands for a machine. */
export function machineKey(machine: string): Sha256 {
  return taggedSha256('exclusive use of a machine', machine);
}

export class Turns {
  readonly #store: Store;
  readonly #machine: Sha256;
  readonly #needed: boolean;
  readonly #warn: (sentence: string) => void;
  readonly #isStopped: () => boolean;
  #told = false;

  /** `isStopped`: waiting is over, because the run is. */
  constructor(store: Store, { cells }: Pipeline, warn: (sentence: string) => void, isStopped: () => boolean) {
    this.#store = store;
    this.#machine = machineKey(store.machine);
    // Every run in this folder has these stages: where none is exclusive, nobody is to be looked out for.
    this.#needed = cells.some(({ stage }) => stage.exclusive === true);
    this.#warn = warn;
    this.#isStopped = isStopped;
  }

  /** Before an exclusive task takes its cells. `end` must follow. */
  async begin(): Promise<void> {
    const { leases } = this.#store;
    await this.#until(async () => await leases.acquire(this.#machine) === undefined);
    await this.#until(async () => (await leases.held()).every(({ key, holder }) => key === this.#machine || holder.id === leases.id || holder.machine !== this.#store.machine));
  }

  end(): Promise<void> {
    return this.#store.leases.release(this.#machine);
  }

  /** After another task has taken its cells: whether it must give them back, for `free` to be awaited before the next try. */
  async mustWait(): Promise<boolean> {
    return this.#needed && !await this.#isFree();
  }

  /** Resolves when nobody else has the machine. */
  free(): Promise<void> {
    return this.#until(() => this.#isFree());
  }

  async #isFree(): Promise<boolean> {
    const { leases } = this.#store;
    const holder = await leases.holderOf(this.#machine);
    return holder === undefined || holder.id === leases.id;
  }

  async #until(isSo: () => Promise<boolean>): Promise<void> {
    const startedMs = performance.now();
    while (!this.#isStopped() && !await isSo()) {
      if (!this.#told && performance.now() - startedMs > TOLD_AFTER_MS) {
        this.#told = true;
        this.#warn('another run in this folder is at work, and one of the two times something, beside which nothing may run: they take turns');
      }
      await wait(POLL_MS);
    }
  }
}
