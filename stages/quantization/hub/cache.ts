/**
 * The cache that Hugging Face's own tools keep (models--org--name/{blobs/<etag>, snapshots/<commit>/<file>, refs/<branch>}): what lies there is copied, hashed
 * on the way, instead of being downloaded again. It is others': nothing in it is written, moved, linked to or touched, and nothing of it is believed that
 * was not hashed.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { constants, open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ownProcessId } from '../../dag/index.ts';
import { hashOfEtag, licenceText } from './api.ts';
import type { HubFile } from './api.ts';
import type { PinnedFile } from './download.ts';
import type { HubSettings } from './settings.ts';
import { isFileName } from './source.ts';

const CHUNK_BYTES = 1 << 20;
const MOST_CARD_BYTES = 1_000_000;
let copies = 0;

function repositoryFolder({ cache }: HubSettings, repository: string): string {
  return join(cache, `models--${repository.replace('/', '--')}`);
}

/** Where the cache has a file of this size for it; undefined where it has none. Its bytes are not looked at. */
export function cachedPath(hub: HubSettings, repository: string, commit: string, { name, bytes, sha256 }: { readonly name: string; readonly bytes: number; readonly sha256?: string }): string | undefined {
  const folder = repositoryFolder(hub, repository);
  const places = [join(folder, 'snapshots', commit, name), ...(sha256 === undefined ? [] : [join(folder, 'blobs', sha256)])];
  return places.find((path) => {
    try {
      const found = statSync(path);
      return found.isFile() && found.size === bytes;
    } catch {
      return false;
    }
  });
}

/** Copies a file of the cache into `folder`, under its sha256; undefined where its bytes are not the promised ones. */
export async function copyFromCache(path: string, { bytes, sha256 }: PinnedFile, folder: string, onBytes?: (bytes: number) => void, signal?: AbortSignal): Promise<string | undefined> {
  const copy = join(folder, `${sha256}.copy-${ownProcessId()}.${copies++}`);
  const from = await open(path, constants.O_RDONLY).catch(() => undefined);
  if (from === undefined) return undefined;
  try {
    const to = await open(copy, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    try {
      const hash = createHash('sha256');
      const chunk = new Uint8Array(CHUNK_BYTES);
      let done = 0;
      for (;;) {
        signal?.throwIfAborted();
        // A cache on a failing disk is as good as none.
        const { bytesRead } = await from.read(chunk, 0, chunk.length, done).catch(() => ({ bytesRead: 0 }));
        if (bytesRead === 0 || done + bytesRead > bytes) break;
        hash.update(chunk.subarray(0, bytesRead));
        for (let written = 0; written < bytesRead;) written += (await to.write(chunk, written, bytesRead - written, done + written)).bytesWritten;
        done += bytesRead;
        onBytes?.(done);
      }
      if (done !== bytes || hash.digest('hex') !== sha256) {
        onBytes?.(0);
        return undefined;
      }
      await to.sync();
    } finally {
      await to.close();
    }
    renameSync(copy, join(folder, sha256));
    return join(folder, sha256);
  } finally {
    await from.close();
    rmSync(copy, { force: true });
  }
}

/** What the cache knows of a repository's revision. */
export interface CachedRepository { readonly commit: string; readonly names: readonly string[]; readonly licence?: string }

/** Looks a revision up in the cache alone; undefined where it does not have it. */
export function cachedRepository(hub: HubSettings, repository: string, revision: string): CachedRepository | undefined {
  const folder = repositoryFolder(hub, repository);
  const commit = /^[0-9a-f]{40}$/.test(revision) ? revision : smallText(join(folder, 'refs', revision), 100)?.trim();
  const snapshot = join(folder, 'snapshots', commit ?? '');
  if (commit === undefined || !/^[0-9a-f]{40}$/.test(commit) || !existsSync(snapshot)) return undefined;
  const names = filesUnder(snapshot, '', 0);
  const licence = licenceOfCard(smallText(join(snapshot, 'README.md'), MOST_CARD_BYTES));
  return { commit, names, ...(licence === undefined ? {} : { licence }) };
}

/** Size and hash of a file of the cache, by the name of its blob; undefined where that is none. */
export function cachedFile(hub: HubSettings, repository: string, commit: string, name: string): HubFile | undefined {
  try {
    const path = realpathSync(join(repositoryFolder(hub, repository), 'snapshots', commit, name));
    const hash = hashOfEtag(basename(path));
    const { size } = statSync(path);
    return hash.sha256 === undefined && hash.gitSha1 === undefined ? undefined : { name, bytes: size, ...hash };
  } catch {
    return undefined;
  }
}

function filesUnder(folder: string, prefix: string, depth: number): string[] {
  if (depth > 4) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const name = `${prefix}${entry.name}`;
    if (entry.isDirectory()) return filesUnder(join(folder, entry.name), `${name}/`, depth + 1);
    return isFileName(name) && existsSync(join(folder, entry.name)) ? [name] : [];
  });
}

function smallText(path: string, mostBytes: number): string | undefined {
  try {
    return statSync(path).size > mostBytes ? undefined : readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** From the front matter of a model's card: `license: apache-2.0`. */
function licenceOfCard(card: string | undefined): string | undefined {
  const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(card ?? '')?.[1] ?? '';
  const value = (key: string): string[] => { const found = new RegExp(`^${key}:[ \\t]*["']?([^"'\\r\\n#]+)`, 'm').exec(front)?.[1]?.trim(); return found === undefined ? [] : [found]; };
  return licenceText(value('license'), [...value('license_name'), ...value('license_link')]);
}
