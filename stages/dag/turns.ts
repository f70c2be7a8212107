/**
 * Turns among several runs in one folder. Of exclusive tasks: while one of them works, no run of this machine works beside it. Of GPUs: what takes one has it alone.
 *
 * An exclusive task takes a lease that stands for the machine, then waits until no other run holds a cell. Another task takes its
 * cells, then looks whether somebody has the machine; if so, it gives them back and waits. Whoever comes second sees the first, so
 * two never work, and the one that has the machine waits for nobody who waits for it.
 *
 * A task that takes a GPU takes, once it has its cells, a lease that stands for this GPU of the machine. These are taken last and in one order, and who has one only computes:
 * so none waits for another in a circle.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { taggedSha256 } from './sha256.ts';
import type { Store } from './store.ts';
import type { Pipeline, Sha256 } from './types.ts';

const POLL_MS = 200;
/** Shorter waits are not worth a word. */
const TOLD_AFTER_MS = 1000;

/** The name of the lease that stands for a machine. */
function machineKey(machine: string): Sha256 {
  return taggedSha256('exclusive use of a machine', machine);
}

/** No hash begins so: whoever looks at leases tells by it that one stands for no cell. */
const GPU_MARK = '0'.repeat(16);

/** Whether a lease stands for a machine or a GPU, and for no cell. */
export function isTurn(key: Sha256, machine: string): boolean {
  return key.startsWith(GPU_MARK) || key === machineKey(machine);
}

export class Turns {
  readonly #store: Store;
  readonly #machine: Sha256;
  readonly #needed: boolean;
  readonly #warn: (sentence: string) => void;
  readonly #isStopped: () => boolean;
  readonly #told = new Set<string>();
  /** Leases on GPUs -> how many tasks of this run have them: one may start while another's results are still written. */
  readonly #gpus = new Map<Sha256, number>();

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

  /** After a task has taken its cells: resolves when it has these GPUs alone, with what gives them back; or when the run is stopped. */
  async takeGpus(names: readonly string[]): Promise<() => Promise<void>> {
    const { leases, machine } = this.#store;
    const taken: Sha256[] = [];
    for (const name of [...names].sort()) {
      const key = (GPU_MARK + taggedSha256('use of a GPU', JSON.stringify([machine, name])).slice(GPU_MARK.length)) as Sha256;
      this.#gpus.set(key, (this.#gpus.get(key) ?? 0) + 1);
      taken.push(key);
      await this.#until(async () => await leases.acquire(key) === undefined, 'another run in this folder uses the GPU: they take turns');
    }
    return async () => {
      for (const key of taken) {
        const left = this.#gpus.get(key)! - 1;
        this.#gpus.set(key, left);
        if (left === 0) await leases.release(key);
      }
    };
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

  async #until(isSo: () => Promise<boolean>, why = 'another run in this folder is at work, and one of the two times something, beside which nothing may run: they take turns'): Promise<void> {
    const startedMs = performance.now();
    while (!this.#isStopped() && !await isSo()) {
      if (!this.#told.has(why) && performance.now() - startedMs > TOLD_AFTER_MS) {
        this.#told.add(why);
        this.#warn(why);
      }
      await wait(POLL_MS);
    }
  }
}
