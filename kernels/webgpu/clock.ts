/** How long a GPU worked on a step, by its own clock. */
import { USAGE } from './memory.ts';
import type { GpuMemory, Held } from './memory.ts';

const RESOLVED_TO = 0x200;

export class GpuClock {
  readonly #queries: GpuQuerySet;
  /** Two times of 8 bytes, nanoseconds. */
  readonly times: Held;

  constructor(device: GpuDevice, memory: GpuMemory) {
    this.#queries = device.createQuerySet({ type: 'timestamp', count: 2 });
    this.times = memory.take(16, 'workspace', 'two times', RESOLVED_TO | USAGE.storage);
  }

  /** For the first pass of a step, for the last, or for both in one. */
  writes(first: boolean, last: boolean): GpuTimestampWrites | undefined {
    if (!first && !last) return undefined;
    return { querySet: this.#queries, ...(first ? { beginningOfPassWriteIndex: 0 } : {}), ...(last ? { endOfPassWriteIndex: 1 } : {}) };
  }

  resolve(encoder: GpuEncoder): void {
    encoder.resolveQuerySet(this.#queries, 0, 2, this.times.buffer, 0);
  }

  /** Milliseconds between the two times. */
  static durationMs(times: ArrayBuffer): number {
    const [from, to] = new BigUint64Array(times, 0, 2);
    return Number(to! - from!) / 1e6;
  }
}
