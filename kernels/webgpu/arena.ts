/** Many pieces in few buffers: ops on pieces of one buffer can be one dispatch, because they bind the same. */
import { heldId } from './memory.ts';
import type { GpuMemory, Held, Purpose, Room } from './memory.ts';

/** Where parts of a buffer may begin that is bound in part, on every adapter. */
const ALIGNMENT = 256;
/** A new buffer has as many bytes as there were before it, at least and at most these; so at most half is unused, and of large models little. */
const LEAST_BYTES = 1 << 16;
const MOST_BYTES = 1 << 28;

/** A piece, and the buffer that it lies in as a whole. */
export interface Place extends Held { readonly whole: Held }

export class Arena implements Room {
  readonly #memory: GpuMemory;
  readonly #open = new Map<Purpose, { readonly whole: Held; used: number }>();
  #bytes = 0;

  constructor(memory: GpuMemory) {
    this.#memory = memory;
  }

  get most(): number {
    return this.#memory.most;
  }

  take(bytes: number, purpose: Purpose, what: string): Place {
    const size = Math.ceil(Math.max(bytes, 1) / ALIGNMENT) * ALIGNMENT;
    let open = this.#open.get(purpose);
    if (open === undefined || open.used + size > open.whole.bytes) {
      const roomy = Math.min(this.most, Math.max(size, Math.min(MOST_BYTES, Math.max(LEAST_BYTES, this.#bytes))));
      this.#open.set(purpose, (open = { whole: this.#memory.take(roomy, purpose, what), used: 0 }));
      this.#bytes += roomy;
    }
    const place: Place = { id: heldId(), buffer: open.whole.buffer, at: open.used, bytes: size, purpose, whole: open.whole };
    open.used += size;
    return place;
  }

  write(held: Held, at: number, data: ArrayBufferView): void {
    this.#memory.write(held, at, data);
  }
}
