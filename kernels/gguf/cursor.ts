/** Reading a GGUF header from its beginning, a window of the file at a time: how long it is shows only when it has been read. */
import type { ByteSource } from '../byte-source.ts';

const WINDOW_BYTES = 1 << 20;

/** What is wrong with a file, thrown by whoever finds it: `where`, then the problem. */
export type Refuse = (problem: string) => never;

export class Cursor {
  readonly #source: ByteSource;
  readonly #refuse: Refuse;
  #window: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** Where the window begins in the file. */
  #windowAt = 0;
  /** Where in the window what was asked for last begins. */
  #at = 0;
  /** Of the file. */
  position = 0;

  constructor(source: ByteSource, refuse: Refuse) {
    this.#source = source;
    this.#refuse = refuse;
  }

  get bytesLeft(): number {
    return this.#source.bytes - this.position;
  }

  u8(what: string): number { return this.#next(1, what).getUint8(this.#at); }
  i8(what: string): number { return this.#next(1, what).getInt8(this.#at); }
  u16(what: string): number { return this.#next(2, what).getUint16(this.#at, true); }
  i16(what: string): number { return this.#next(2, what).getInt16(this.#at, true); }
  u32(what: string): number { return this.#next(4, what).getUint32(this.#at, true); }
  i32(what: string): number { return this.#next(4, what).getInt32(this.#at, true); }
  f32(what: string): number { return this.#next(4, what).getFloat32(this.#at, true); }
  f64(what: string): number { return this.#next(8, what).getFloat64(this.#at, true); }
  u64(what: string): bigint { return this.#next(8, what).getBigUint64(this.#at, true); }
  i64(what: string): bigint { return this.#next(8, what).getBigInt64(this.#at, true); }

  /** A count of things of at least `bytesEach` bytes that must follow: held to what is left of the file before anything is made of it. */
  count(what: string, bytesEach: number, largest = Number.MAX_SAFE_INTEGER): number {
    const claimed = this.u64(what);
    if (claimed > BigInt(largest)) return this.#refuse(`${what} is ${claimed}; at most ${largest} are allowed`);
    const count = Number(claimed);
    if (count > this.bytesLeft / bytesEach) return this.#refuse(`${what} is ${claimed}, which needs ${claimed * BigInt(bytesEach)} bytes, but only ${this.bytesLeft} follow`);
    return count;
  }

  /** Text as GGUF stores it: a length and UTF-8. */
  text(what: string, largestBytes: number): string {
    const length = this.count(`the length of ${what}`, 1, largestBytes);
    this.#next(length, what);
    try {
      return UTF8.decode(this.#window.subarray(this.#at, this.#at + length));
    } catch {
      return this.#refuse(`${what} is not UTF-8`);
    }
  }

  skip(bytes: number, what: string): void {
    if (bytes > this.bytesLeft) this.#refuse(`${what} ends at ${this.position + bytes}, but the file has ${this.#source.bytes} bytes`);
    this.position += bytes;
  }

  /** Steps over the next bytes, which are in the window from `#at` on. */
  #next(bytes: number, what: string): DataView {
    if (this.position < this.#windowAt || this.position + bytes > this.#windowAt + this.#window.length) {
      if (bytes > this.bytesLeft) this.#refuse(`the file ends within ${what}`);
      this.#windowAt = this.position;
      this.#window = this.#source.read(this.position, Math.min(Math.max(bytes, WINDOW_BYTES), this.bytesLeft));
      this.#view = new DataView(this.#window.buffer, this.#window.byteOffset, this.#window.length);
    }
    this.#at = this.position - this.#windowAt;
    this.position += bytes;
    return this.#view;
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
