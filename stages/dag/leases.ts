/**
 * Who computes what now. A lease on a key is the file leases/<key>, made exclusively and holding the id of a process; the
 * process says that it lives by rewriting holders/<id> every BEAT_MS. Works on shared folders: no daemon, no fcntl lock.
 *
 * Taking over from a dead holder must have one winner, though many see the death at once: whoever wants to replace a lease
 * first takes the lease on replacing it (leases/<key>.takeover, by these same rules), looks again, and renames its own file
 * over the dead one's. A taker that dies in between leaves a lease that is taken over in turn.
 *
 * A lease costs each cell a link, a stat and an unlink. They are made in this thread: handing one to another takes longer than it does.
 */
import { linkSync, statSync, unlinkSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { mkdir, open, readFile, readdir, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { wrapErrors } from './disk.ts';
import { ownProcessId, processState } from './process-id.ts';
import { isSha256, sha256 } from './sha256.ts';
import type { LeaseHolder, Leases } from './store.ts';
import { timestamp } from './timestamp.ts';
import type { Sha256 } from './types.ts';

const BEAT_MS = 5_000;
/** A holder elsewhere counts as dead when its beat is this old and did not move while we watched for WATCH_MS. */
const STALE_MS = 30_000;
/** By our monotonic clock: a jump of a wall clock makes no holder dead. */
const WATCH_MS = 2 * BEAT_MS;
/** Whoever uses the store from elsewhere is believed to go on for so long after a beat: a removal can wait, what it removes is gone. */
const GONE_MS = 10 * 60_000;
const POLL_MS = 100;
/** The lease of the one process that may remove objects. */
const REMOVAL = sha256('removal of objects');
const TAKEOVER = '.takeover';
const LEASE_NAME = /^[0-9a-f]{64}(\.takeover)*$/;

let instances = 0;

export interface LeaseOptions {
  /** The store's folder. */
  readonly folder: string;
  /** Makes the store's folder; called before the first lease. Throws StoreUnwritable. */
  readonly prepare: () => Promise<void>;
  readonly machine: () => string;
}

export class FileLeases implements Leases {
  readonly #folder: string;
  readonly #options: LeaseOptions;
  readonly id: string;
  readonly #held = new Set<string>();
  readonly #acquiring = new Map<Sha256, Promise<LeaseHolder | undefined>>();
  readonly #releasing = new Map<string, Promise<void>>();
  /** Our holder file, once we are announced. */
  #self: string | undefined;
  /** What tells a hard link to it. */
  #selfIdentity: string | undefined;
  #announcing: Promise<string> | undefined;
  #beat: NodeJS.Timeout | undefined;
  /** Foreign holder -> its last beat and when we first saw that one. */
  readonly #watched = new Map<string, { readonly beatMs: number; readonly sinceMs: number }>();

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#folder = options.folder;
    this.id = `${ownProcessId()}.${instances++}`;
  }

  acquire(key: Sha256): Promise<LeaseHolder | undefined> {
    let acquiring = this.#acquiring.get(key);
    if (acquiring === undefined) {
      acquiring = wrapErrors(async () => {
        const self = await this.#ready();
        // Until it is given back it still says that it is ours.
        for (let releasing; (releasing = this.#releasing.get(key)) !== undefined;) await releasing.catch(() => undefined);
        return this.#acquire(self, key);
      }).finally(() => this.#acquiring.delete(key));
      this.#acquiring.set(key, acquiring);
    }
    return acquiring;
  }

  release(key: Sha256): Promise<void> {
    if (!this.#held.delete(key)) return this.#releasing.get(key) ?? Promise.resolve();
    const releasing = this.#release(key).finally(() => this.#releasing.delete(key));
    this.#releasing.set(key, releasing);
    return releasing;
  }

  async #release(key: Sha256): Promise<void> {
    // Somebody may have thought us dead (a suspended laptop) and taken it: then it is theirs.
    const path = this.#path(key);
    if (this.#identityOf(path) === this.#selfIdentity || (await this.#holderOf(key))?.id === this.id) {
      try { unlinkSync(path); } catch { /* it is gone, or cannot be removed: it ends with this process */ }
    }
  }

  async holderOf(key: Sha256): Promise<LeaseHolder | undefined> {
    const holder = await this.#holderOf(key);
    return holder === undefined || await this.#isDead(holder) ? undefined : holder;
  }

  async announce(): Promise<void> {
    await wrapErrors(() => this.#ready());
    for (;;) {
      const remover = await this.#holderOf(REMOVAL);
      if (remover === undefined || remover.id === this.id || await this.#isDead(remover)) return;
      await new Promise(resolve => setTimeout(resolve, POLL_MS));
    }
  }

  async alone(): Promise<readonly LeaseHolder[]> {
    const remover = await this.acquire(REMOVAL);
    if (remover !== undefined) return [remover];
    const others = await this.#others();
    if (others.length > 0) await this.release(REMOVAL);
    return others;
  }

  async held(): Promise<readonly { readonly key: Sha256; readonly holder: LeaseHolder }[]> {
    const all: { key: Sha256; holder: LeaseHolder }[] = [];
    for (const name of await readdir(`${this.#folder}/leases`).catch(() => [])) {
      const holder = isSha256(name) ? await this.#holderOf(name) : undefined;
      if (isSha256(name) && holder !== undefined && !(await this.#isDead(holder))) all.push({ key: name, holder });
    }
    return all;
  }

  async close(): Promise<void> {
    clearInterval(this.#beat);
    this.#beat = undefined;
    for (const key of [...this.#held]) await this.release(key as Sha256);
    if (this.#self !== undefined) await rm(this.#self, { force: true }).catch(() => undefined);
    this.#self = this.#announcing = undefined;
  }

  async #acquire(self: string, name: string): Promise<LeaseHolder | undefined> {
    for (;;) {
      if (await this.#create(self, name)) {
        this.#held.add(name);
        return undefined;
      }
      const holder = await this.#holderOf(name);
      if (holder === undefined) continue; // released between the two looks
      if (holder.id === this.id) return undefined;
      if (!(await this.#isDead(holder))) return holder;
      const taking = await this.#acquire(self, name + TAKEOVER);
      if (taking !== undefined) return taking;
      // Nobody but us may replace it now; whether it still is the dead one's is to be seen again.
      const still = await this.#holderOf(name);
      const ours = still !== undefined && still.id === holder.id;
      if (ours) await rename(this.#path(name + TAKEOVER), this.#path(name));
      else await unlink(this.#path(name + TAKEOVER)).catch(() => undefined);
      this.#held.delete(name + TAKEOVER);
      if (!ours) continue;
      this.#held.add(name);
      return undefined;
    }
  }

  /** Nothing is acquired before the sweep is over: it takes leases itself, and gives them back. */
  #ready(): Promise<string> {
    if (this.#announcing === undefined) {
      this.#announcing = this.#announce().then(async self => {
        await this.#sweep(self);
        return self;
      });
      this.#announcing.catch(() => { this.#announcing = undefined; });
    }
    return this.#announcing;
  }

  /** Makes holders/<id>, whose content every lease of ours has, and starts the heartbeat. */
  async #announce(): Promise<string> {
    await this.#options.prepare();
    for (const sub of ['leases', 'holders']) await mkdir(`${this.#folder}/${sub}`, { mode: 0o700 }).catch(ignore('EEXIST'));
    const path = this.#holderPath(this.id);
    const startedAt = timestamp();
    const content = JSON.stringify({ id: this.id, machine: this.#options.machine(), pid: process.pid, startedAt } satisfies LeaseHolder);
    await writeFile(path, content, { mode: 0o600 });
    this.#self = path;
    this.#selfIdentity = this.#identityOf(path);
    clearInterval(this.#beat);
    this.#beat = setInterval(() => {
      // Rewriting, not utimes: then it is the file server's clock that stamps it, one clock for all.
      void writeFile(path, content, { flag: 'r+' }).catch(() => undefined);
    }, BEAT_MS);
    this.#beat.unref();
    return path;
  }

  /** Makes the lease if there is none: a hard link to our holder file is exclusive and never half written. */
  async #create(self: string, name: string): Promise<boolean> {
    const path = this.#path(name);
    try {
      linkSync(self, path);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') return false;
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code ?? '')) throw error;
    }
    // A file system without hard links: exclusive, but half written if we die right here; #holderOf knows.
    const file = await open(path, 'wx', 0o600).catch(ignore('EEXIST'));
    if (file === undefined) return false;
    await file.writeFile(await readFile(self)).finally(() => file.close());
    return true;
  }

  /** Equal for the names of one file; of a name that is not there, one that none has. */
  #identityOf(path: string): string {
    let found: BigIntStats | undefined;
    try { found = statSync(path, { bigint: true, throwIfNoEntry: false }); } catch { /* not to be seen: as if not there */ }
    return found === undefined ? `nothing at ${path}` : `${found.dev}:${found.ino}`;
  }

  /** Who holds a lease; undefined when nobody does. A file that says nothing belongs to a nobody who is watched like others. */
  async #holderOf(name: string): Promise<LeaseHolder | undefined> {
    let text: string;
    try {
      text = await readFile(this.#path(name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    return holderIn(text, `unreadable-${name}`);
  }

  async #isDead(holder: LeaseHolder): Promise<boolean> {
    const state = processState(holder.id);
    if (state !== 'elsewhere') return state === 'dead';
    const [beat, nowMs] = [await stat(this.#holderPath(holder.id)).catch(ignore('ENOENT')), performance.now()];
    const beatMs = beat?.mtimeMs ?? 0;
    const watched = this.#watched.get(holder.id);
    if (watched?.beatMs !== beatMs) {
      this.#watched.set(holder.id, { beatMs, sinceMs: nowMs });
      return false;
    }
    return nowMs - watched.sinceMs >= WATCH_MS && (await this.#serverTimeMs()) - beatMs >= STALE_MS;
  }

  /** Who else uses the store, as far as can be told. */
  async #others(): Promise<readonly LeaseHolder[]> {
    const others: LeaseHolder[] = [];
    for (const name of await readdir(`${this.#folder}/holders`).catch(() => [])) {
      const path = `${this.#folder}/holders/${name}`;
      if (path === this.#self) continue;
      const state = processState(name);
      if (state === 'dead') continue;
      const beatMs = (await stat(path).catch(ignore('ENOENT')))?.mtimeMs;
      if (beatMs === undefined || (state === 'elsewhere' && (await this.#serverTimeMs()) - beatMs > GONE_MS)) continue;
      others.push(holderIn(await readFile(path, 'utf8').catch(() => ''), name));
    }
    return others;
  }

  /** Now, by the clock that stamps the files in this folder. */
  async #serverTimeMs(): Promise<number> {
    if (this.#self === undefined) return Date.now();
    await writeFile(this.#self, await readFile(this.#self), { flag: 'r+' });
    return (await stat(this.#self)).mtimeMs;
  }

  /** Removes what dead processes left. A lease is taken over first: nobody else may be doing that at the same moment. */
  async #sweep(self: string): Promise<void> {
    for (const name of await readdir(`${this.#folder}/leases`).catch(() => [])) {
      const holder = LEASE_NAME.test(name) ? await this.#holderOf(name) : undefined;
      if (holder === undefined || processState(holder.id) !== 'dead') continue;
      if (await this.#acquire(self, name) === undefined) await this.release(name as Sha256);
    }
    for (const id of await readdir(`${this.#folder}/holders`).catch(() => [])) {
      if (processState(id) === 'dead') await rm(this.#holderPath(id), { force: true }).catch(() => undefined);
    }
  }

  #path(name: string): string {
    return `${this.#folder}/leases/${name}`;
  }

  #holderPath(id: string): string {
    return `${this.#folder}/holders/${id.replace(/[^0-9a-z.-]/g, '_')}`;
  }
}

function ignore(code: string): (error: NodeJS.ErrnoException) => undefined {
  return error => {
    if (error.code !== code) throw error;
    return undefined;
  };
}

/** A holder as it wrote itself down; `fallback` is the id of one that did not get to the end of that. */
function holderIn(text: string, fallback: string): LeaseHolder {
  try {
    const { id, machine, pid, startedAt } = JSON.parse(text) as LeaseHolder;
    if ([id, machine, startedAt].every(field => typeof field === 'string')) return { id, machine, pid, startedAt };
  } catch {
    // Falls through: half a file.
  }
  return { id: fallback, machine: 'unknown', pid: 0, startedAt: '' };
}
