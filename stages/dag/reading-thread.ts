/**
 * A thread that reads objects from front to back and hashes them, into memory that it shares with the thread that computes: that one computes for minutes
 * without a breath, so it asks, and takes answers, without one.
 */
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { PIECE_BYTES } from './objects.ts';

export type Request =
  | { readonly kind: 'open'; readonly object: number; readonly path: string; readonly begin: number; readonly bytes: number }
  /** Bytes `from` to `from + into.length` of the object. What lies between the last ones and these is hashed on the way; going back begins another pass. */
  | { readonly kind: 'read'; readonly object: number; readonly from: number; readonly into: Uint8Array }
  /** Hashes what is left of the pass, and answers the sha256 of each pass so far. */
  | { readonly kind: 'finish'; readonly object: number }
  | { readonly kind: 'close'; readonly object: number };

/** One for each request. `fileBytes`: the file ends there, before the object does. */
export type Answer = { readonly digests?: readonly string[]; readonly failure?: { readonly code?: string; readonly message: string; readonly fileBytes?: number } };

/** Without types and imports of ours: it is the text of a program. */
const PROGRAM = `
const { workerData: { port, answered, pieceBytes } } = require('node:worker_threads');
const { open } = require('node:fs/promises');
const { createHash } = require('node:crypto');
const objects = new Map();
const spare = [];
const fill = async ({ file, begin }, at, into) => {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await file.read(into, done, into.length - done, begin + at + done);
    if (bytesRead === 0) throw Object.assign(new Error('the file is too short'), { fileBytes: (await file.stat()).size });
    done += bytesRead;
  }
  return into;
};
// A piece is read while the one before is hashed. Without 'into' the bytes are only hashed.
const pass = async (object, end, into) => {
  const from = object.at;
  const piece = (at, which) => {
    const length = Math.min(pieceBytes, end - at);
    return fill(object, at, into ? into.subarray(at - from, at - from + length) : (spare[which] ??= new Uint8Array(pieceBytes)).subarray(0, length));
  };
  let ahead = end > from ? piece(from, 0) : undefined;
  for (let which = 1; object.at < end; which ^= 1) {
    const bytes = await ahead;
    object.at += bytes.length;
    ahead = object.at < end ? piece(object.at, which) : undefined;
    ahead?.catch(() => undefined);
    object.hash.update(bytes);
  }
};
const finish = async (object) => {
  await pass(object, object.bytes);
  object.digests.push(object.hash.digest('hex'));
  Object.assign(object, { hash: createHash('sha256'), at: 0 });
};
const answer = async ({ kind, object: id, ...request }) => {
  if (kind === 'open') {
    objects.set(id, { ...request, file: await open(request.path, 'r'), hash: createHash('sha256'), at: 0, digests: [] });
    return {};
  }
  const object = objects.get(id);
  if (object === undefined) throw new Error('it is not open');
  if (kind === 'close') {
    objects.delete(id);
    await object.file.close();
  } else if (kind === 'finish') {
    if (object.at > 0 || object.digests.length === 0) await finish(object);
    return { digests: object.digests };
  } else {
    if (request.from < object.at) await finish(object);
    await pass(object, request.from);
    await pass(object, request.from + request.into.length, request.into);
  }
  return {};
};
let last = Promise.resolve();
port.on('message', (request) => {
  last = last.then(() => answer(request)).catch(({ code, message, fileBytes }) => ({ failure: { code, message, fileBytes } })).then((said) => {
    port.postMessage(said);
    Atomics.add(answered, 0, 1);
    Atomics.notify(answered, 0);
  });
});`;

export class ReadingThread {
  readonly #answered = new Int32Array(new SharedArrayBuffer(4));
  readonly #port;
  readonly #answers = new Map<number, Answer>();
  #asked = 0;
  #received = 0;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const worker = new Worker(PROGRAM, { eval: true, execArgv: [], workerData: { port: port2, answered: this.#answered, pieceBytes: PIECE_BYTES }, transferList: [port2] });
    worker.unref();
    port1.unref();
  }

  /** Answered in the order of the requests. The number is the answer's. */
  ask(request: Request): number {
    this.#port.postMessage(request);
    return this.#asked++;
  }

  /** The answer to a request, once. Waits for it, and has the thread that calls it do nothing meanwhile. */
  answerTo(number: number): Answer {
    for (;;) {
      const seen = Atomics.load(this.#answered, 0);
      for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) this.#answers.set(this.#received++, next.message as Answer);
      const answer = this.#answers.get(number);
      if (answer !== undefined) {
        this.#answers.delete(number);
        return answer;
      }
      Atomics.wait(this.#answered, 0, seen);
    }
  }
}
