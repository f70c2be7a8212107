/**
 * A peer's process: started without a shell and without the secrets and settings of the environment, kept within limits of time and memory, spoken with
 * by lines (protocol.ts). It stays in the process group of its worker, so that it ends with it, however that ends.
 *
 * Started by Node's own spawn: execa has one owner, the executor of workers, and what it adds (whole outputs, pipes, templates) is what must not be
 * done with a stranger's output.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { byteSize, duration, StageFailure } from '../../dag/index.ts';
import type { FailureCode } from '../../dag/index.ts';
import type { PeerIdentity, PeerLimits } from '../peers.ts';
import { linesOf, LineTooLong } from './lines.ts';
import { LONGEST_LINE_BYTES, readHello, readMessage, sentenceFrom, Unprotocoled } from './protocol.ts';
import type { Fields } from './protocol.ts';

export interface PeerProgram {
  /** For messages: 'transformers'. */
  readonly name: string;
  /** Absolute path of what is started. */
  readonly command: string;
  readonly arguments: readonly string[];
  /** All of its environment. */
  readonly environment: { readonly [name: string]: string };
  readonly folder: string;
  /** Packages whose versions it may tell. */
  readonly packages: ReadonlySet<string>;
  /** What to do when it does not do what it must. */
  readonly hint: string;
}

/** Of what it writes to standard error so much is kept, from its end. */
const LOG_CHARACTERS = 16_384;
const WATCH_MS = 100;
/** From the word that it should end until it is ended. */
const FAREWELL_MS = 2000;

export class PeerProcess {
  readonly #program: PeerProgram;
  readonly #limits: PeerLimits;
  readonly #child: ChildProcess;
  readonly #lines: AsyncGenerator<string>;
  readonly #gone: Promise<void>;
  readonly #watch: NodeJS.Timeout;
  /** Rejects where it breaks a limit or the run is interrupted. */
  readonly #broken: Promise<never>;
  #break: (failure: StageFailure) => void = () => undefined;
  #failure: StageFailure | undefined;
  #log = '';
  #how = '';
  #lastId = 0;

  private constructor(program: PeerProgram, limits: PeerLimits, signal: AbortSignal) {
    this.#program = program;
    this.#limits = limits;
    this.#broken = new Promise((_, reject) => { this.#break = reject; });
    // Whoever asks next is told; nobody may be waiting now.
    this.#broken.catch(() => undefined);
    this.#child = spawn(program.command, program.arguments, { cwd: program.folder, env: program.environment, stdio: ['pipe', 'pipe', 'pipe'] });
    const { stdin, stdout, stderr } = this.#child;
    this.#lines = linesOf(stdout!, LONGEST_LINE_BYTES);
    stderr!.setEncoding('utf8').on('data', (text: string) => { this.#log = (this.#log + text).slice(-LOG_CHARACTERS); });
    // What can no longer reach it is told by its end.
    stdin!.on('error', () => undefined);
    this.#gone = new Promise((resolve) => {
      this.#child.once('error', (error: NodeJS.ErrnoException) => { this.#how = `could not be started (${error.code ?? error.name})`; resolve(); });
      this.#child.once('close', (code, by) => { this.#how ||= by === null ? `ended with exit code ${code}` : `was ended by ${by}`; resolve(); });
    });
    this.#watch = setInterval(() => this.#look(), WATCH_MS);
    signal.addEventListener('abort', () => this.#fail('interrupted', 'the run was interrupted'), { once: true });
    if (signal.aborted) this.#fail('interrupted', 'the run was interrupted');
  }

  /** Answers once it has said who it is. Throws StageFailure. */
  static async start(program: PeerProgram, limits: PeerLimits, signal: AbortSignal): Promise<{ readonly process: PeerProcess; readonly identity: PeerIdentity }> {
    const own = new PeerProcess(program, limits, signal);
    try {
      return { process: own, identity: readHello(await own.#line(limits.loadMs), program.packages) };
    } catch (error) {
      throw await own.#failed(error);
    }
  }

  /** What it wrote to standard error, from its end: for the task's log, never for a record. */
  get log(): string {
    return this.#log;
  }

  /** The parts of its answer, then its end, as the last one returned. Throws StageFailure; after one that it did not tell itself it is gone. */
  async *ask(ask: string, fields: Fields, limitMs = this.#limits.answerMs): AsyncGenerator<Fields, Fields> {
    if (this.#failure) throw this.#failure;
    const id = ++this.#lastId;
    this.#child.stdin!.write(`${JSON.stringify({ id, ask, ...fields })}\n`);
    let ended = false;
    try {
      for (;;) {
        const message = readMessage(await this.#line(limitMs));
        if (message.id !== id) throw new Unprotocoled(`answered question ${message.id} when it was asked question ${id}`);
        ended = message.kind !== 'part';
        if (message.kind === 'failed') throw new Told(message.code, message.sentence);
        if (message.kind === 'done') return message.value;
        yield message.value;
      }
    } catch (error) {
      ended = true;
      if (error instanceof Told) throw this.#stageFailure(error.code, error.message);
      throw await this.#failed(error);
    } finally {
      // Whoever goes away in the middle of an answer leaves the rest of it to be taken for the next.
      if (!ended) this.#fail('stage-threw', 'was not heard to the end');
    }
  }

  /** An answer of one part. */
  async answer(ask: string, fields: Fields, limitMs?: number): Promise<Fields> {
    const parts = this.ask(ask, fields, limitMs);
    const { done, value } = await parts.next();
    if (done === true) return value;
    throw await this.#failed(new Unprotocoled(`answered ${ask} in parts`));
  }

  /** Throws what is wrong with an answer, as the end of this process. */
  async refuse(error: unknown): Promise<never> {
    throw await this.#failed(error);
  }

  async close(): Promise<void> {
    this.#failure ??= this.#stageFailure('stage-threw', 'was closed');
    // It may be writing what nobody reads any more.
    this.#child.stdout!.destroy();
    await this.#end();
  }

  /** Waits for its end, which comes by itself or by force. */
  async #end(): Promise<void> {
    this.#child.stdin!.end();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), FAREWELL_MS);
    await this.#gone;
    clearTimeout(late);
    clearInterval(this.#watch);
  }

  async #line(limitMs: number): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#stageFailure('timed-out', `gave no answer within ${duration(limitMs)}`)), limitMs);
    });
    try {
      const { done, value } = await Promise.race([this.#lines.next(), this.#broken, late]);
      if (done !== true) return value;
    } finally {
      clearTimeout(timer);
    }
    await this.#end();
    const last = this.#log.trimEnd().split('\n').at(-1) ?? '';
    throw this.#stageFailure(this.#how.startsWith('could not') ? 'not-available' : 'crashed', `${this.#how}${last === '' ? '' : ` after ${JSON.stringify(sentenceFrom(last))}`}`);
  }

  #look(): void {
    const bytes = residentBytes(this.#child.pid);
    if (bytes === undefined || bytes <= this.#limits.memoryBytes) return;
    this.#fail('not-available', `held ${byteSize(bytes)} of memory; ${byteSize(this.#limits.memoryBytes)} are allowed`);
  }

  #fail(code: FailureCode, what: string): void {
    this.#failure ??= this.#stageFailure(code, what);
    this.#child.kill('SIGKILL');
    this.#break(this.#failure);
  }

  /** Ends the process, and says as what. */
  async #failed(error: unknown): Promise<StageFailure> {
    const unprotocoled = error instanceof Unprotocoled || error instanceof LineTooLong;
    this.#failure ??= error instanceof StageFailure ? error : this.#stageFailure(unprotocoled ? 'not-available' : 'stage-threw', unprotocoled ? error.message : `could not be spoken with: ${sentenceFrom(String(error))}`);
    this.#child.kill('SIGKILL');
    await this.close();
    return this.#failure;
  }

  #stageFailure(code: FailureCode, what: string): StageFailure {
    const sentence = what.startsWith('the run ') ? what : `the peer ${this.#program.name} ${what}`;
    return new StageFailure({ code, sentence, ...(code === 'interrupted' ? {} : { hint: this.#program.hint }) });
  }
}

/** A failure that it told in its own words. */
class Told extends Error {
  readonly code: FailureCode;
  constructor(code: FailureCode, sentence: string) {
    super(`says: ${sentence}`);
    this.code = code;
  }
}

/** Memory of a process that lies in memory now; undefined where the system does not tell (anything but Linux): there is no limit then. */
export function residentBytes(pid: number | undefined): number | undefined {
  try {
    const kibibytes = Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    return Number.isFinite(kibibytes) ? kibibytes * 1024 : undefined;
  } catch {
    return undefined;
  }
}
