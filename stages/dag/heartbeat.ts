/**
 * Notices that a process stood still: a suspended laptop, Ctrl-Z, a frozen container, a machine that gave it no processor. What
 * was timed meanwhile is no timing.
 *
 * A thread beats into shared memory, since the main thread computes and beats for nobody. A gap between two beats, or since the
 * last one, shows a stop; that the clock which counts sleep went ahead of the one which does not shows a sleep.
 */
import { uptime } from 'node:os';
import { Worker } from 'node:worker_threads';

const BEAT_MS = 100;
/** Shorter gaps happen to threads of a busy machine. */
const STILL_MS = 1000;

const LAST = 0;
const LONGEST = 1;

export class Heartbeat {
  readonly #beats = new BigInt64Array(new SharedArrayBuffer(16));
  readonly #thread: Worker;
  /** Resolves when the first beat was heard. */
  readonly ready: Promise<void>;
  #asleepMs = 0;

  /** `orphaned`: statements for the thread, run when the parent of this process is gone; they may use `process`. */
  constructor(orphaned?: string) {
    const guard = orphaned === undefined ? '' : `if (process.ppid !== ${process.ppid}) { ${orphaned} }`;
    this.#thread = new Worker(`
      const { parentPort, workerData: beats } = require('node:worker_threads');
      Atomics.store(beats, ${LAST}, process.hrtime.bigint());
      setInterval(() => {
        const now = process.hrtime.bigint();
        const gap = now - Atomics.load(beats, ${LAST});
        if (gap > Atomics.load(beats, ${LONGEST})) Atomics.store(beats, ${LONGEST}, gap);
        Atomics.store(beats, ${LAST}, now);
        ${guard}
      }, ${BEAT_MS});
      parentPort.postMessage('ready');`, { eval: true, execArgv: [], workerData: this.#beats });
    this.ready = new Promise((resolve) => { this.#thread.once('message', () => resolve()); });
    this.#thread.unref();
    this.reset();
  }

  /** From here on. */
  reset(): void {
    Atomics.store(this.#beats, LONGEST, 0n);
    Atomics.store(this.#beats, LAST, process.hrtime.bigint());
    this.#asleepMs = asleepMs();
  }

  /** The longest time that the process stood still since `reset`, ms; 0 when it went on all the time. */
  stoodStillMs(): number {
    const sinceLast = process.hrtime.bigint() - Atomics.load(this.#beats, LAST);
    const longest = Atomics.load(this.#beats, LONGEST);
    const gapMs = Number(sinceLast > longest ? sinceLast : longest) / 1e6;
    const stillMs = Math.max(gapMs - BEAT_MS, asleepMs() - this.#asleepMs);
    return stillMs < STILL_MS ? 0 : stillMs;
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }
}

/** Time that the machine slept since it was started, ms, and a constant. */
function asleepMs(): number {
  return uptime() * 1000 - Number(process.hrtime.bigint() / 1000n) / 1000;
}
