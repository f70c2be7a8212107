/**
 * What is known of the project's files. Deciding freshness must not hash 20 MB of weights each time, and must not trust a
 * time stamp alone either: a file is hashed once per (device, inode, size, mtime, ctime), in nanoseconds.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { statSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { loadCache, saveCache } from './cache-file.ts';
import { isSha256 } from './sha256.ts';
import type { Sha256 } from './types.ts';

/**
 * A file written within this time of being hashed may be written again within the same tick of the file system's clock,
 * leaving no trace in its times; its hash is used, but not remembered (as git does with its index).
 */
const RACY_MS = 2000;
/** More remembered files than this: only those that were asked for now are kept. */
const MAX_REMEMBERED = 50_000;
const CHUNK_BYTES = 1 << 20;

export interface FileFact { readonly sha256: Sha256; readonly bytes: number }

export class FileFacts {
  readonly #cachePath: string;
  readonly #remembered: Map<string, string>;
  readonly #asked = new Map<string, string>();
  /** Path -> the file as it was when it was last asked for. */
  readonly #seen = new Map<string, string>();
  readonly #nowMs: () => number;
  #changed = false;

  /** `cachePath`: the file that remembers across runs; whatever is wrong with it costs hashing again. `nowMs`: the wall clock. */
  constructor(cachePath: string, nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
    this.#cachePath = cachePath;
    this.#remembered = loadCache(cachePath);
  }

  /** Hash and size of a file's bytes. Throws the file system's error (ENOENT, EISDIR, ...) with its path. */
  async of(path: string): Promise<FileFact> {
    this.#seen.set(path, '');
    const before = statSync(path, { bigint: true });
    this.#seen.set(path, identity(before));
    const known = this.#lookUp(before);
    if (known !== undefined) return { sha256: known, bytes: Number(before.size) };
    const fact = await hashFile(path);
    const after = statSync(path, { bigint: true });
    // Remembered only if nobody wrote meanwhile, or the name would belong to bytes that never were.
    if (identity(before) === identity(after) && !this.#isRacy(after)) {
      this.#asked.set(identity(after), fact.sha256);
      this.#changed = true;
    }
    return fact;
  }

  /** For `changed`: a file that is not hashed here and counts all the same, or of which it counts that it is not there. */
  note(path: string): void {
    this.#seen.set(path, identityAt(path));
  }

  /** As note(), of a file that was not there when it was looked for: what has come since then is a change. */
  noteAbsent(path: string): void {
    this.#seen.set(path, '');
  }

  /** Whether a file that was asked for or noted is another by now, gone, or there at last. Costs a stat each; a change is told once. */
  changed(): boolean {
    let changed = false;
    for (const [path, seen] of this.#seen) {
      const now = identityAt(path);
      if (now === seen) continue;
      this.#seen.set(path, now);
      changed = true;
    }
    return changed;
  }

  /** The remembered hash of a file as it is now, if any; costs one stat. */
  remembered(path: string): Sha256 | undefined {
    return this.#lookUp(statSync(path, { bigint: true }));
  }

  /** Keeps what was learned. Returns without a word when the folder cannot be written. */
  save(): void {
    if (!this.#changed) return;
    const all = this.#remembered.size + this.#asked.size <= MAX_REMEMBERED ? new Map([...this.#remembered, ...this.#asked]) : this.#asked;
    if (saveCache(this.#cachePath, all)) this.#changed = false;
  }

  #isRacy(stat: BigIntStats): boolean {
    // The later of both: mtime can be set at will, ctime cannot. A time in the future is no evidence either.
    return this.#nowMs() - Math.max(Number(stat.mtimeMs), Number(stat.ctimeMs)) < RACY_MS;
  }

  #lookUp(stat: BigIntStats): Sha256 | undefined {
    const id = identity(stat);
    const known = this.#asked.get(id) ?? this.#remembered.get(id);
    if (known === undefined || !isSha256(known)) return undefined;
    this.#asked.set(id, known);
    return known;
  }
}

function identity(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
}

/** '' where there is nothing that can be looked at. */
function identityAt(path: string): string {
  try {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? '' : identity(stat);
  } catch {
    return '';
  }
}

/** Hashes a file in pieces, one of which is read while the one before is hashed: a 14 GB checkpoint needs 2 MB of memory. */
export async function hashFile(path: string): Promise<FileFact> {
  const file = await open(path, 'r');
  let ahead: Promise<{ readonly bytesRead: number; readonly buffer: Uint8Array }> | undefined;
  try {
    const hash = createHash('sha256');
    let spare = new Uint8Array(CHUNK_BYTES);
    let bytes = 0;
    ahead = file.read(new Uint8Array(CHUNK_BYTES), 0, CHUNK_BYTES, null);
    for (;;) {
      const { bytesRead, buffer } = await ahead;
      if (bytesRead === 0) break;
      ahead = file.read(spare, 0, CHUNK_BYTES, null);
      // Its failure is told when its turn comes.
      ahead.catch(() => undefined);
      spare = buffer as Uint8Array<ArrayBuffer>;
      hash.update(buffer.subarray(0, bytesRead));
      bytes += bytesRead;
    }
    return { sha256: hash.digest('hex') as Sha256, bytes };
  } finally {
    await ahead?.catch(() => undefined);
    await file.close();
  }
}
