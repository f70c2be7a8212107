/** Memory of one call: taken in order, all given back at once. */
import { LinearMemory } from '../engines/wasm-memory.ts';

/** Grows by chunks; when a call needed several, the next begins with one chunk of their size. */
export class Arena {
  readonly #memory: LinearMemory;
  #chunks: { readonly at: number; readonly bytes: number }[] = [];
  #used = 0;

  constructor(memory: LinearMemory) {
    this.#memory = memory;
  }

  reset(): void {
    this.#used = 0;
    if (this.#chunks.length < 2) return;
    const bytes = this.#bytes();
    for (const chunk of this.#chunks) this.#memory.give(chunk.at, chunk.bytes);
    this.#chunks = [{ at: this.#memory.take(bytes), bytes }];
  }

  take(bytes: number): number {
    const wanted = LinearMemory.sizeOf(bytes);
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || chunk.bytes - this.#used < wanted) {
      const size = Math.max(wanted, this.#bytes());
      chunk = { at: this.#memory.take(size), bytes: size };
      this.#chunks.push(chunk);
      this.#used = 0;
    }
    const at = chunk.at + this.#used;
    this.#used += wanted;
    return at;
  }

  #bytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
  }
}
