/**
 * A large object for whoever goes through it once, from front to back: a thread reads and hashes it beside the work that is done with what it hands over.
 * That the bytes were the object's is known when its end is reached, so nothing may come of them before `verified`: the runner of tasks asks before each
 * commit and each failure.
 *
 * Every byte that is handed over lies in memory that went through the hash of a pass over the whole object. Reading backwards begins a further pass.
 */
import { DamagedObject } from './errors.ts';
import { checkRange, refuseShort, unreadable } from './objects.ts';
import { ReadingThread } from './reading-thread.ts';
import type { Answer } from './reading-thread.ts';
import type { InputHandle, OpenObject } from './task-types.ts';

/** So much is read at once at the front, where headers are. */
const FRONT_BYTES = 1 << 20;
/** The front grows by reads of at most so much that begin in it or where it ends: headers are looked at more than once. */
const LARGEST_STEP_BYTES = 16 << 20;
/** Memory of ranges that is kept for the next: of the one at work, and of the one being read. */
const SPARE = 2;

interface Range { readonly offset: number; readonly memory: Uint8Array; readonly answer: number }

/** One for all objects of a process; it ends with it. */
let thread: ReadingThread | undefined;
let opened = 0;

export class OrderedObject implements OpenObject {
  readonly bytes: number;
  readonly #handle: InputHandle;
  readonly #object = opened++;
  readonly #thread = thread ??= new ReadingThread();
  readonly #opening: number;
  /** Asked for when it is opened. */
  #first: Range | undefined;
  /** What is kept, from its first byte on. */
  #front = new Uint8Array(0);
  #next: Range | undefined;
  /** What hashes the rest. */
  #finishing: number | undefined;
  #isVerified = false;
  #isClosed = false;
  /** After one nothing of it can be believed. */
  #failure: { readonly error: unknown } | undefined;
  readonly #own = new WeakSet<ArrayBufferLike>();
  #spare: ArrayBufferLike[] = [];

  /** Begins to read; what is wrong is told by the first that asks for something. */
  constructor(handle: InputHandle) {
    this.bytes = handle.bytes;
    this.#handle = handle;
    this.#opening = this.#thread.ask({ kind: 'open', object: this.#object, path: handle.path, begin: handle.offset, bytes: handle.bytes });
    this.#first = this.#begin(0, Math.min(FRONT_BYTES, this.bytes));
  }

  read(offset: number, length: number): Uint8Array {
    this.#enter(offset, length);
    const end = offset + length;
    if (offset <= this.#front.length && end > this.#front.length && length <= LARGEST_STEP_BYTES && this.#next === undefined) this.#extendFront(end);
    // In memory of its own: texts are not decoded from memory that threads share.
    if (end <= this.#front.length) return this.#front.slice(offset, end);
    const isNext = this.#next?.offset === offset && this.#next.memory.length === length;
    if (!isNext) this.#forgetNext();
    const range = isNext ? this.#next! : this.#begin(offset, length);
    this.#next = undefined;
    this.#answer(range.answer);
    return range.memory;
  }

  readNext(offset: number, length: number): void {
    this.#enter(offset, length);
    if (offset + length > this.#front.length && this.#next === undefined) this.#next = this.#begin(offset, length);
  }

  readNoMore(): void {
    if (!this.#isClosed && !this.#isVerified) this.#finishing ??= this.#thread.ask({ kind: 'finish', object: this.#object });
  }

  /** Returns once all that was handed over is known to be the object's. Throws DamagedObject. */
  verified(): void {
    if (this.#isVerified) return;
    this.#enter(0, 0);
    this.#forgetNext();
    this.readNoMore();
    const { digests } = this.#answer(this.#finishing!);
    const other = digests!.find((digest) => digest !== this.#handle.sha256);
    if (other !== undefined) {
      this.#failure = { error: new DamagedObject(this.#handle.sha256, `its bytes hash to ${other.slice(0, 12)}`) };
      throw this.#failure.error;
    }
    this.#isVerified = true;
  }

  reuse({ buffer }: Uint8Array): void {
    if (!this.#own.has(buffer) || this.#spare.includes(buffer)) return;
    this.#spare = [...this.#spare, buffer].sort((a, b) => b.byteLength - a.byteLength).slice(0, SPARE);
  }

  /** Whether it was verified or not. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#spare = [];
    this.#next = undefined;
    this.#front = new Uint8Array(0);
    this.#thread.ask({ kind: 'close', object: this.#object });
  }

  /** Holds a range to the object; what the front holds is known from here on. */
  #enter(offset: number, length: number): void {
    checkRange(this.bytes, offset, length);
    if (this.#isClosed) throw new Error('the object was closed');
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#first === undefined) return;
    const { memory, answer } = this.#first;
    this.#first = undefined;
    this.#answer(this.#opening);
    this.#answer(answer);
    this.#front = Uint8Array.from(memory);
  }

  #extendFront(end: number): void {
    const { memory, answer } = this.#begin(0, end);
    this.#answer(answer);
    this.#front = Uint8Array.from(memory);
    this.reuse(memory);
  }

  /** Asks for a range; what is kept of its beginning need not be read again. */
  #begin(offset: number, length: number): Range {
    const memory = this.#room(length);
    const known = Math.min(length, Math.max(0, this.#front.length - offset));
    memory.set(this.#front.subarray(offset, offset + known));
    this.#isVerified = false;
    this.#finishing = undefined;
    return { offset, memory, answer: this.#thread.ask({ kind: 'read', object: this.#object, from: offset + known, into: memory.subarray(known) }) };
  }

  /** It was announced and is not wanted: the thread may still be writing to its memory. */
  #forgetNext(): void {
    if (this.#next === undefined) return;
    this.#answer(this.#next.answer);
    this.reuse(this.#next.memory);
    this.#next = undefined;
  }

  #answer(number: number): Answer {
    const answer = this.#thread.answerTo(number);
    const { failure } = answer;
    if (failure === undefined) return answer;
    try {
      if (failure.fileBytes !== undefined) refuseShort(this.#handle, failure.fileBytes);
      throw unreadable(this.#handle, Object.assign(new Error(failure.message), failure.code === undefined ? {} : { code: failure.code }));
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  #room(length: number): Uint8Array {
    const index = this.#spare.findLastIndex(({ byteLength }) => byteLength >= length);
    const memory = index < 0 ? new SharedArrayBuffer(length) : this.#spare.splice(index, 1)[0]!;
    this.#own.add(memory);
    return new Uint8Array(memory, 0, length);
  }
}
