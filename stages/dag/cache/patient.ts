/**
 * A remote as a run can live with it: never too many requests at once, tries again what may pass, and lets go of a remote that does not serve. Once
 * let go of, everything fails at once and silently: the run has been told in one sentence and goes on without.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { Lanes } from '../lanes.ts';
import { RemoteError } from './remote.ts';
import type { Put, Remote, RemoteFile, RemoteSource } from './remote.ts';
import type { CachePatience } from '../types.ts';

export const DEFAULT_PATIENCE: CachePatience = { attemptMs: 10_000, deadlineMs: 60_000, tries: 5, endMs: 60_000 };

/** Reads at once: a small object costs a round trip, of which a slow line takes a tenth of a second. */
const READS_AT_ONCE = 16;
/** A put holds its bytes in memory. */
const WRITES_AT_ONCE = 4;
/** Things in a row that failed after all their tries: then it does not serve. */
const MAX_FAILURES = 3;
/** A run begins with its list: it does not wait for long. */
const LIST_TRIES = 3;
const FIRST_WAIT_MS = 300;
const SLOW_BYTES_PER_MS = 128 * 1024 / 1000;

/** The remote was let go of. */
export class SetAside extends Error {
  override readonly name = 'SetAside';
}

export interface Traffic { requests: number; bytesDown: number; bytesUp: number }

type Way = 'read' | 'write';

export class PatientRemote {
  readonly label: string;
  readonly traffic: Traffic = { requests: 0, bytesDown: 0, bytesUp: 0 };
  readonly #remote: Remote;
  readonly #patience: CachePatience;
  readonly #told: (sentence: string) => void;
  /** Called when bytes have moved. */
  moved: () => void = () => undefined;
  readonly #lanes: { readonly [way in Way]: Lanes } = { read: new Lanes(READS_AT_ONCE), write: new Lanes(WRITES_AT_ONCE) };
  readonly #failures: { [way in Way]: number } = { read: 0, write: 0 };
  readonly #aside: { [way in Way]?: string } = {};
  readonly #end = new AbortController();

  /** `told` is called at most once for reading and once for writing, when that is given up. */
  constructor(remote: Remote, patience: Partial<CachePatience>, told: (sentence: string) => void) {
    this.label = remote.label;
    this.#remote = remote;
    this.#patience = { ...DEFAULT_PATIENCE, ...patience };
    this.#told = told;
  }

  /** Whether it still serves. */
  serves(way: Way): boolean {
    return this.#aside.read === undefined && this.#aside[way] === undefined && !this.#end.signal.aborted;
  }

  /** Why it does not. */
  trouble(way: Way): string | undefined {
    return this.#aside[way];
  }

  async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array | undefined> {
    const bytes = await this.#do('read', range?.length ?? 1 << 20, (signal) => this.#remote.get(name, range, signal));
    this.traffic.bytesDown += bytes?.length ?? 0;
    this.moved();
    return bytes;
  }

  size(name: string): Promise<number | undefined> {
    return this.#do('read', 0, (signal) => this.#remote.size(name, signal));
  }

  async put(name: string, source: RemoteSource, how: Put = 'if-absent'): Promise<'put' | 'present'> {
    const answer = await this.#do('write', source.bytes, (signal) => this.#remote.put(name, source, how, signal));
    if (answer === 'put') this.traffic.bytesUp += source.bytes;
    this.moved();
    return answer;
  }

  /** All that come after `after`. */
  async list(prefix: string, after: string): Promise<readonly RemoteFile[]> {
    const all: RemoteFile[] = [];
    for (;;) {
      const from = all.at(-1)?.name ?? after;
      const { files, more } = await this.#do('read', 1 << 18, (signal) => this.#remote.list(prefix, from, signal), LIST_TRIES);
      const some = files.filter(({ name }) => name > from);
      all.push(...some);
      if (!more || some.length === 0) return all;
    }
  }

  /** Lets go of it, for this reason. */
  giveUp(way: Way, why: string): void {
    if (this.#aside[way] !== undefined) return;
    this.#aside[way] = why;
    this.#told(way === 'read' ? `the shared cache ${this.label} cannot be used: ${why}. This run goes on without it` : `nothing can be put into the shared cache ${this.label}: ${why}. What this run computes stays here; "cache push" sends it another time`);
  }

  /** Ends what goes on; everything fails from now on. */
  close(): void {
    this.#end.abort(new SetAside('the run ends'));
  }

  async #do<T>(way: Way, bytes: number, act: (signal: AbortSignal) => Promise<T>, most = Infinity): Promise<T> {
    return await this.#lanes[way].run(async () => {
      const { attemptMs, deadlineMs, tries } = this.#patience;
      const startedMs = performance.now();
      for (let attempt = 1; ; attempt++) {
        // Of what cannot be read nobody knows what is to be written.
        const aside = this.#aside.read ?? this.#aside[way];
        if (aside !== undefined) throw new SetAside(aside);
        this.#end.signal.throwIfAborted();
        const patienceMs = Math.ceil(attemptMs + bytes / SLOW_BYTES_PER_MS);
        try {
          this.traffic.requests++;
          const value = await inTime(act, patienceMs, this.#end.signal);
          this.#failures[way] = 0;
          return value;
        } catch (error) {
          this.#end.signal.throwIfAborted();
          const trouble = (error as Error).name === 'TimeoutError' || (error as Error).name === 'AbortError' ? new RemoteError(this.#remote.hangs === true ? 'wrong' : 'passing', `it did not answer within ${Math.round(patienceMs / 1000)} s`) : error;
          // What is not the remote's trouble: an object of the store that is damaged, say.
          if (!(trouble instanceof RemoteError)) throw error;
          if (trouble.trouble === 'refused' || trouble.trouble === 'wrong') {
            this.giveUp(way, trouble.message);
            throw trouble;
          }
          // By chance, so that many who were sent away at once do not come back at once.
          const backOffMs = FIRST_WAIT_MS * 2 ** Math.min(attempt - 1, 6) * (0.5 + Math.random());
          const waitMs = Math.max(backOffMs, trouble.retryAfterMs ?? 0);
          const late = performance.now() - startedMs + waitMs > deadlineMs + bytes / SLOW_BYTES_PER_MS;
          if (late || (trouble.trouble === 'passing' && attempt >= Math.min(tries, most))) {
            this.#failures[way]++;
            // One that has said for so long that it is overloaded is not helped by asking for the next thing.
            if (this.#failures[way] >= MAX_FAILURES || trouble.trouble === 'busy') this.giveUp(way, trouble.message);
            throw trouble;
          }
          await wait(waitMs, undefined, { signal: this.#end.signal }).catch(() => this.#end.signal.throwIfAborted());
        }
      }
    });
  }
}

/**
 * Whatever an attempt does not do about its signal (a file system that hangs cannot be told), nobody waits for it longer. With a timer of its own: what AbortSignal.any makes
 * of AbortSignal.timeout may be collected as garbage before it has fired (seen on Node 20: an attempt then went on for the five minutes of fetch's own limit).
 */
async function inTime<T>(act: (signal: AbortSignal) => Promise<T>, patienceMs: number, end: AbortSignal): Promise<T> {
  const attempt = new AbortController();
  const over = new Promise<never>((_, reject) => attempt.signal.addEventListener('abort', () => reject(attempt.signal.reason as Error)));
  const stop = (): void => attempt.abort(end.reason);
  end.addEventListener('abort', stop);
  const timer = setTimeout(() => attempt.abort(new DOMException('no answer in time', 'TimeoutError')), patienceMs);
  try {
    return await Promise.race([act(attempt.signal), over]);
  } finally {
    clearTimeout(timer);
    end.removeEventListener('abort', stop);
  }
}
