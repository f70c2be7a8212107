/**
 * The linear memory of one WebAssembly instance, handed out in blocks of whole 64-byte lines.
 *
 * Memory only grows. A block that is given back joins its free neighbours and is handed out again, lowest address first.
 */
import { MOST_PAGES } from './wasm-kernels.ts';

/** A cache line, and the alignment of every block. */
const LINE_BYTES = 64;
const PAGE_BYTES = 65536;

interface Span { at: number; bytes: number }

export class LinearMemory {
  readonly #memory: WebAssembly.Memory;
  /** Ascending, never adjacent. */
  readonly #free: Span[] = [];
  #top: number;

  /** Hands out what lies above `reservedBytes`. */
  constructor(memory: WebAssembly.Memory, reservedBytes: number) {
    this.#memory = memory;
    this.#top = lines(reservedBytes);
  }

  /** Bytes that a block of `bytes` takes. */
  static sizeOf(bytes: number): number {
    return lines(bytes);
  }

  /** Address of a block. Its contents are whatever was there. Throws RangeError when 4 GiB do not suffice. */
  take(bytes: number): number {
    const wanted = lines(bytes);
    const index = this.#free.findIndex((span) => span.bytes >= wanted);
    if (index >= 0) {
      const span = this.#free[index]!;
      const at = span.at;
      if (span.bytes === wanted) this.#free.splice(index, 1);
      else {
        span.at += wanted;
        span.bytes -= wanted;
      }
      return at;
    }
    const last = this.#free.at(-1);
    const at = last !== undefined && last.at + last.bytes === this.#top ? this.#free.pop()!.at : this.#top;
    this.#growTo(at + wanted);
    this.#top = at + wanted;
    return at;
  }

  /** Gives back a block that take(bytes) returned. */
  give(at: number, bytes: number): void {
    const span: Span = { at, bytes: lines(bytes) };
    let index = this.#free.findIndex((other) => other.at > at);
    if (index < 0) index = this.#free.length;
    const after = this.#free[index];
    if (after !== undefined && span.at + span.bytes === after.at) {
      span.bytes += after.bytes;
      this.#free.splice(index, 1);
    }
    const before = this.#free[index - 1];
    if (before !== undefined && before.at + before.bytes === span.at) before.bytes += span.bytes;
    else this.#free.splice(index, 0, span);
  }

  /** Views last until memory grows: take one, use it, drop it. */
  floats(at: number, length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.#memory.buffer, at, length);
  }

  integers(at: number, length: number): Int32Array<ArrayBuffer> {
    return new Int32Array(this.#memory.buffer, at, length);
  }

  bytes(at: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#memory.buffer, at, length);
  }

  #growTo(end: number): void {
    const missing = Math.ceil(end / PAGE_BYTES) - this.#memory.buffer.byteLength / PAGE_BYTES;
    if (missing <= 0) return;
    if (end > MOST_PAGES * PAGE_BYTES) throw new RangeError(`the wasm engine has 4 GiB of memory, and ${end} bytes are needed; use a smaller model, fewer slots or another engine`);
    try {
      this.#memory.grow(missing);
    } catch (cause) {
      throw new RangeError(`the wasm engine could not get ${missing * PAGE_BYTES} more bytes of memory`, { cause });
    }
  }
}

function lines(bytes: number): number {
  return Math.ceil(bytes / LINE_BYTES) * LINE_BYTES;
}
