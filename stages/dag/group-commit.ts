/**
 * Group commit: syncing costs some 8 ms, so what arrives within 100 ms is written together: one pack for all small objects,
 * synced, renamed and its folder synced; then one append of all lines, synced. A kill loses at most the group in flight.
 */
import { ensureFolder, wrapErrors, writeDurably } from './disk.ts';
import { encodeLine } from './log-lines.ts';
import type { LogWriter } from './log.ts';
import type { ObjectPlaces } from './objects.ts';
import type { LogEntry } from './records.ts';
import { sha256 } from './sha256.ts';
import type { Sha256 } from './types.ts';

const MAX_WAIT_MS = 100;
const MAX_GROUP_BYTES = 32 << 20;

class Group {
  readonly objects = new Map<Sha256, Uint8Array>();
  readonly entries: LogEntry[] = [];
  bytes = 0;
  readonly written: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;

  constructor() {
    const { promise, resolve, reject } = withResolvers();
    this.written = promise;
    this.resolve = resolve;
    this.reject = reject;
    // Everyone who has something in the group awaits `written`; flush() awaits the chain. Neither is a rejection unheard.
    promise.catch(() => undefined);
  }
}

export interface GroupCommitOptions {
  /** The store's folder. */
  readonly folder: string;
  /** The run's id. */
  readonly run: string;
  readonly places: ObjectPlaces;
  readonly log: LogWriter;
  /** Makes the store's folders; called before every group. */
  readonly prepare: () => Promise<void>;
  /** What stands before a segment's first group. */
  readonly opening: () => LogEntry;
  /** Called with what is now durable, and where the segment ends. */
  readonly onDurable: (entries: readonly LogEntry[], end: number) => void;
}

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  /** Entries that wait for a group to go with. */
  #riders: LogEntry[] = [];
  #pending: Group | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #lastStartMs = -Infinity;
  #packs = 0;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** Adds small objects and the entries that need them. Resolves when durable; rejects with StoreUnwritable. */
  add(objects: ReadonlyMap<Sha256, Uint8Array>, entries: readonly LogEntry[]): Promise<void> {
    const group = this.#pending ??= new Group();
    for (const [sha, bytes] of objects) {
      if (group.objects.has(sha)) continue;
      group.objects.set(sha, bytes);
      group.bytes += bytes.length;
    }
    group.entries.push(...this.#riders, ...entries);
    this.#riders = [];
    if (group.bytes >= MAX_GROUP_BYTES) this.#startWriting();
    else this.#timer ??= setTimeout(() => this.#startWriting(), Math.max(0, this.#lastStartMs + MAX_WAIT_MS - performance.now()));
    return group.written;
  }

  /** Adds an entry that is worth no write of its own: it goes with the next group, or is lost with the process. */
  ride(entry: LogEntry): void {
    this.#riders.push(entry);
  }

  /** Writes what is pending now. Rejects if that fails. */
  async flush(): Promise<void> {
    const group = this.#pending;
    this.#startWriting();
    await group?.written;
    await this.#writing;
  }

  #startWriting(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const group = this.#pending;
    if (group === undefined) return;
    this.#pending = undefined;
    this.#lastStartMs = performance.now();
    this.#writing = this.#writing.then(async () => {
      try {
        await wrapErrors(() => this.#write(group));
        group.resolve();
      } catch (error) {
        group.reject(error);
      }
    });
  }

  async #write(group: Group): Promise<void> {
    const { log, places, prepare, opening, onDurable } = this.#options;
    await prepare();
    const packed = await this.#writePack(group.objects);
    const entries = [...(log.started ? [] : [opening()]), ...(packed === undefined ? [] : [packed.entry]), ...group.entries];
    const end = await log.append(entries.map(({ kind, body }) => encodeLine(kind, body)));
    if (packed !== undefined) places.forgetStat(packed.path);
    onDurable(entries, end);
  }

  async #writePack(objects: ReadonlyMap<Sha256, Uint8Array>): Promise<{ readonly entry: LogEntry; readonly path: string } | undefined> {
    const { folder, run, places } = this.#options;
    // No two packs are equal: a place in a damaged one, once condemned, must not come back under the same name.
    const header = Buffer.from(`bitwidth pack 1 ${run} ${this.#packs++}\n`);
    const pieces: Uint8Array[] = [header];
    const located: [Sha256, number, number][] = [];
    let offset = header.length;
    for (const [sha, bytes] of objects) {
      if (places.find(sha, bytes.length) !== undefined) continue;
      pieces.push(bytes);
      located.push([sha, offset, bytes.length]);
      offset += bytes.length;
    }
    if (located.length === 0) return undefined;
    const content = Buffer.concat(pieces, offset);
    const pack = sha256(content);
    await ensureFolder(`${folder}/packs`);
    await writeDurably(`${folder}/packs`, `${pack}.pack`, [content]);
    return { entry: { kind: 'pack', body: { pack, bytes: offset, objects: located } }, path: places.packPath(pack) };
  }
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void; readonly reject: (error: unknown) => void } {
  let resolve!: () => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<void>((yes, no) => { resolve = yes; reject = no; });
  return { promise, resolve, reject };
}
