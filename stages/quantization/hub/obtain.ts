/**
 * Brings the files of pinned models here: from the cache of Hugging Face's tools, or from the hub, several at once, each once however many models need
 * it. What it answers lies in `folder`, verified, for the store to take over.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, rmSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { byteSize, Lanes } from '../../dag/index.ts';
import { cachedPath, copyFromCache } from './cache.ts';
import { download } from './download.ts';
import type { PinnedFile } from './download.ts';
import { HubError } from './errors.ts';
import type { HubSettings } from './settings.ts';

export interface ObtainOptions {
  readonly folder: string;
  readonly signal: AbortSignal;
  /** How many bytes of how many are here. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Left free on the disk. */
const SPARE_BYTES = 50_000_000;
const PROGRESS_MS = 100;

export class Obtainer {
  readonly #hub: HubSettings;
  readonly #options: ObtainOptions;
  readonly #files = new Map<string, Promise<string>>();
  readonly #done = new Map<string, number>();
  readonly #lanes: Lanes;
  #total = 0;
  #toldMs = -Infinity;

  constructor(hub: HubSettings, options: ObtainOptions) {
    this.#hub = hub;
    this.#options = options;
    this.#lanes = new Lanes(hub.policy.filesAtOnce);
  }

  /** Before the first file: how much is to come. Throws HubError where the disk has no room for it. */
  async expect(files: readonly PinnedFile[]): Promise<void> {
    const distinct = [...new Map(files.map((file) => [file.sha256, file])).values()];
    this.#total += distinct.reduce((sum, { bytes }) => sum + bytes, 0);
    const { bavail, bsize } = await statfs(this.#options.folder);
    const missing = distinct.reduce((sum, { bytes, sha256 }) => sum + (existsSync(join(this.#options.folder, sha256)) ? 0 : bytes), 0);
    if (missing > 0 && missing + SPARE_BYTES > bavail * bsize) {
      throw new HubError('disk', `the models need ${byteSize(missing)}, and the disk has ${byteSize(bavail * bsize)} left`, { hint: 'free some space and run again' });
    }
  }

  /** A file's path. Throws HubError. */
  get(repository: string, commit: string, file: PinnedFile): Promise<string> {
    let path = this.#files.get(file.sha256);
    if (path === undefined) {
      path = this.#lanes.run(() => this.#obtain(repository, commit, file));
      // Who waits for it hears of it; it is not unheard before.
      path.catch(() => undefined);
      this.#files.set(file.sha256, path);
    }
    return path;
  }

  async #obtain(repository: string, commit: string, file: PinnedFile): Promise<string> {
    const { folder, signal } = this.#options;
    const onBytes = (bytes: number): void => this.#tell(file.sha256, bytes);
    const finished = join(folder, file.sha256);
    for (;;) {
      // Of an earlier run, which may be long ago; or of another process just now.
      if (existsSync(finished)) {
        if (await isWhole(finished, file)) {
          onBytes(file.bytes);
          return finished;
        }
        rmSync(finished, { force: true });
      }
      const cached = cachedPath(this.#hub, repository, commit, file);
      const copied = cached === undefined ? undefined : await copyFromCache(cached, file, folder, onBytes, signal);
      if (copied !== undefined) return copied;
      if (this.#hub.offline) throw new HubError('offline', `${file.name} of ${repository} is neither in the store nor in the cache of Hugging Face's tools, and HF_HUB_OFFLINE is set`, { hint: 'unset it, and run again' });
      const path = await download(this.#hub, file, { repository, commit, folder, onBytes, signal });
      if (path !== undefined) return path;
    }
  }

  #tell(sha256: string, bytes: number): void {
    this.#done.set(sha256, bytes);
    const done = [...this.#done.values()].reduce((sum, own) => sum + own, 0);
    const nowMs = performance.now();
    if (nowMs - this.#toldMs < PROGRESS_MS && done < this.#total) return;
    this.#toldMs = nowMs;
    this.#options.onProgress(done, this.#total);
  }
}

async function isWhole(path: string, { bytes, sha256 }: PinnedFile): Promise<boolean> {
  if (statSync(path, { throwIfNoEntry: false })?.size !== bytes) return false;
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer);
  } catch {
    return false;
  }
  return hash.digest('hex') === sha256;
}
