/**
 * A download that is under way, on disk: `<sha256>.part-<process>` and beside it `....json` with what must be known to go on ({url, etag, size}). The name
 * says whose it is, so two processes never write one file, and what a dead one left is taken over by renaming it, which only one can. Finished and
 * verified, a file has its sha256 as its name, and is whoever's needs it.
 */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ownProcessId, processState } from '../../dag/index.ts';

/** What is kept beside the bytes. `url`: from the hub's root; an address that was redirected to may carry a signature. */
export interface PartFacts { readonly url: string; readonly etag: string | null; readonly size: number }

/** Of another machine, or of before a restart: nobody's after so long. Whoever downloads writes more often than that. */
const FOREIGN_MS = 15 * 60 * 1000;
const LOOK_AGAIN_MS = 500;
const CHUNK_BYTES = 1 << 20;

export class Part {
  readonly path: string;
  readonly #finished: string;
  readonly #folder: string;
  #file: FileHandle;
  #hash: Hash = createHash('sha256');
  /** Bytes that are there, all of them hashed. */
  bytes = 0;

  private constructor(path: string, finished: string, folder: string, file: FileHandle) {
    this.path = path;
    this.#finished = finished;
    this.#folder = folder;
    this.#file = file;
  }

  /** Opens the part of a file for this process: a dead one's, or a new one. Waits where a living process downloads it; answers undefined once the file is finished. */
  static async open(folder: string, sha256: string, signal?: AbortSignal): Promise<Part | undefined> {
    const finished = join(folder, sha256);
    const path = join(folder, `${sha256}.part-${ownProcessId()}`);
    for (;;) {
      if (existsSync(finished)) return undefined;
      if (existsSync(path)) break;
      const parts = othersParts(folder, sha256);
      if (parts.some(({ abandoned }) => !abandoned)) {
        await wait(LOOK_AGAIN_MS, undefined, signal === undefined ? {} : { signal }).catch(() => { throw signal?.reason; });
        continue;
      }
      for (const { name } of parts) takeOver(join(folder, name), path);
      if (existsSync(path)) break;
      await (await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600)).close();
      // Another may have begun in the same moment: one of the two steps back.
      const rival = othersParts(folder, sha256).find(({ name, abandoned }) => !abandoned && join(folder, name) < path);
      if (rival === undefined) break;
      discard(path);
    }
    const part = new Part(path, finished, folder, await open(path, constants.O_RDWR | constants.O_NOFOLLOW));
    await part.#hashWhatIsThere();
    return part;
  }

  /** What was noted when it was begun; undefined where that cannot be read. */
  facts(): PartFacts | undefined {
    try {
      const { url, etag, size } = JSON.parse(readFileSync(`${this.path}.json`, 'utf8')) as Partial<PartFacts>;
      return typeof url === 'string' && (etag === null || typeof etag === 'string') && typeof size === 'number' ? { url, etag, size } : undefined;
    } catch {
      return undefined;
    }
  }

  note(facts: PartFacts): void {
    writeFileSync(`${this.path}.json`, JSON.stringify(facts), { mode: 0o600 });
  }

  /** Throws away what is there. */
  async restart(): Promise<void> {
    await this.#file.truncate(0);
    this.#hash = createHash('sha256');
    this.bytes = 0;
  }

  async append(piece: Uint8Array): Promise<void> {
    for (let done = 0; done < piece.length;) done += (await this.#file.write(piece, done, piece.length - done, this.bytes + done)).bytesWritten;
    this.#hash.update(piece);
    this.bytes += piece.length;
  }

  /** Of the bytes so far. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** Gives the file its name, durably, and answers its path. */
  async finish(): Promise<string> {
    await this.#file.sync();
    await this.#file.close();
    renameSync(this.path, this.#finished);
    rmSync(`${this.path}.json`, { force: true });
    const folder = await open(this.#folder, 'r');
    try { await folder.sync(); } catch { /* some network file systems have no weaker or stronger promise to offer */ } finally { await folder.close(); }
    return this.#finished;
  }

  /** Leaves it for a later run; with `discarding`, for nobody. */
  async close(discarding = false): Promise<void> {
    await this.#file.close().catch(() => undefined);
    if (discarding || this.bytes === 0) discard(this.path);
  }

  async #hashWhatIsThere(): Promise<void> {
    const chunk = new Uint8Array(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await this.#file.read(chunk, 0, chunk.length, this.bytes);
      if (bytesRead === 0) return;
      this.#hash.update(chunk.subarray(0, bytesRead));
      this.bytes += bytesRead;
    }
  }
}

interface OthersPart { readonly name: string; readonly abandoned: boolean; readonly bytes: number }

/** Parts of a file that are other processes', the largest first. */
function othersParts(folder: string, sha256: string): readonly OthersPart[] {
  const own = ownProcessId();
  return readdirSync(folder).flatMap((name): readonly OthersPart[] => {
    if (!name.startsWith(`${sha256}.part-`) || name.endsWith('.json')) return [];
    const owner = name.slice(sha256.length + '.part-'.length);
    const found = statSync(join(folder, name), { throwIfNoEntry: false });
    if (owner === own || found === undefined) return [];
    const state = processState(owner);
    return [{ name, abandoned: state === 'dead' || (state === 'elsewhere' && Date.now() - found.mtimeMs > FOREIGN_MS), bytes: found.size }];
  }).sort((a, b) => b.bytes - a.bytes);
}

/** The first that is taken over becomes ours; there is no use for others. */
function takeOver(path: string, ours: string): void {
  if (existsSync(ours)) return discard(path);
  try {
    renameSync(path, ours);
    renameSync(`${path}.json`, `${ours}.json`);
  } catch {
    // Another process was quicker, or nothing was noted.
  }
}

function discard(path: string): void {
  rmSync(path, { force: true });
  rmSync(`${path}.json`, { force: true });
}
