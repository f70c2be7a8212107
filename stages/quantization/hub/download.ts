/**
 * One file from the hub to a folder: asked for from where it broke off, hashed as it comes, and given its name only when it is the promised bytes to the
 * last. Whatever the server does, it ends: with the file, or with a sentence.
 */
import { HubError } from './errors.ts';
import { explain } from './explain.ts';
import { filePath, hashOfEtag } from './api.ts';
import { ask } from './http.ts';
import type { Answer } from './http.ts';
import { Part } from './part.ts';
import { retrying } from './retry.ts';
import type { HubSettings } from './settings.ts';

/** What is wanted, and what it must be. */
export interface PinnedFile { readonly name: string; readonly bytes: number; readonly sha256: string }

export interface DownloadOptions {
  readonly repository: string;
  readonly commit: string;
  /** Where it is put, under its sha256. */
  readonly folder: string;
  /** How many of its bytes are there; less than before where it begins anew. */
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/** A body that is not the promised one: what is there is of no use. */
class Unusable extends Error {}

/** Downloads a file and answers its path. Throws HubError, or the signal's reason; what has come stays for the next try. */
export async function download(hub: HubSettings, file: PinnedFile, { repository, commit, folder, onBytes, signal }: DownloadOptions): Promise<string | undefined> {
  const part = await Part.open(folder, file.sha256, signal);
  if (part === undefined) return undefined;
  const deadline = deadlineOf(hub, file, signal);
  let [discarding, finished] = [false, false];
  try {
    for (let wrong = 1; ; wrong++) {
      try {
        await retrying(hub.policy, deadline.signal, (brought) => receive(hub, file, { repository, commit, part, onBytes, signal: deadline.signal, brought }));
        if (part.digest() !== file.sha256) throw new Unusable(`the hub sent other bytes for ${file.name} of ${repository} than it has promised (sha256 ${part.digest().slice(0, 12)}…, not ${file.sha256.slice(0, 12)}…)`);
        const path = await part.finish();
        finished = true;
        return path;
      } catch (error) {
        if (!(error instanceof Unusable)) throw error;
        await part.restart();
        onBytes?.(0);
        if (wrong < hub.policy.wrongDownloads) continue;
        discarding = true;
        throw new HubError('wrong-bytes', error.message, { hint: 'nothing of it was kept; try again later, and if it stays so, check what stands between you and the hub (HF_ENDPOINT, a proxy)' });
      }
    }
  } catch (error) {
    throw diskError(error, file);
  } finally {
    deadline.clear();
    if (!finished) await part.close(discarding);
  }
}

interface Receiving { readonly repository: string; readonly commit: string; readonly part: Part; readonly onBytes: DownloadOptions['onBytes']; readonly signal: AbortSignal; readonly brought: () => void }

/** One request. Returns when all bytes are there; throws a passing HubError when they are not. */
async function receive(hub: HubSettings, file: PinnedFile, { repository, commit, part, onBytes, signal, brought }: Receiving): Promise<void> {
  const url = filePath(repository, commit, file.name);
  if (part.bytes > file.bytes) await part.restart();
  if (part.bytes === file.bytes) return;
  const facts = part.facts();
  if (facts !== undefined && (facts.size !== file.bytes || facts.url !== url)) await part.restart();
  const from = part.bytes;
  const etag = from === 0 ? null : facts?.etag ?? null;
  const answer = await ask(hub, url, { signal, ...(from === 0 ? {} : { headers: { range: `bytes=${from}-`, ...(etag === null ? {} : { 'if-range': etag }) } }) });
  try {
    await begin(hub, file, { repository, commit, answer, part, from, etag });
    const strong = answer.headers.etag;
    part.note({ url, etag: strong === undefined || strong.startsWith('W/') ? null : strong, size: file.bytes });
    onBytes?.(part.bytes);
    for await (const piece of answer.pieces()) {
      if (part.bytes + piece.length > file.bytes) throw new Unusable(`the hub sent more of ${file.name} than its ${file.bytes} bytes`);
      await part.append(piece);
      onBytes?.(part.bytes);
      brought();
    }
  } finally {
    answer.close();
  }
  if (part.bytes < file.bytes) throw new HubError('network', `the hub ended ${file.name} after ${part.bytes} of ${file.bytes} bytes`, { passing: true, hint: 'run again: what has come is kept' });
}

interface Beginning { readonly repository: string; readonly commit: string; readonly answer: Answer; readonly part: Part; readonly from: number; readonly etag: string | null }

/** Checks what the answer's head says, before any of its body is believed. */
async function begin(hub: HubSettings, file: PinnedFile, { repository, commit, answer, part, from, etag }: Beginning): Promise<void> {
  const { status, headers, hub: told } = answer;
  if (status === 416 && from > 0) {
    // It knows nothing of these bytes: what is there is not of this file.
    await part.restart();
    throw new HubError('busy', `the hub does not go on with ${file.name} from where it broke off`, { passing: true, hint: 'run again later' });
  }
  if (status !== 200 && status !== 206) throw explain(answer, { repository, revision: commit, file: file.name }, hub);
  const otherHash = hashOfEtag(told['x-linked-etag']).sha256;
  if (otherHash !== undefined && otherHash !== file.sha256) throw new Unusable(`the hub has another ${file.name} of ${repository} than it has promised (sha256 ${otherHash.slice(0, 12)}…, not ${file.sha256.slice(0, 12)}…)`);
  if (told['x-repo-commit'] !== undefined && told['x-repo-commit'] !== commit) throw new Unusable(`the hub answers for another commit of ${repository} than ${commit}`);
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') throw new HubError('wrong-answer', `the hub sends ${file.name} encoded (${String(headers['content-encoding']).slice(0, 20)}), which it was not asked for`, { hint: 'check what stands between you and the hub' });
  if (status === 206) {
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers['content-range'] ?? '');
    const fits = range !== null && Number(range[1]) === from && (range[3] === '*' || Number(range[3]) === file.bytes);
    const changed = etag !== null && headers.etag !== undefined && headers.etag !== etag;
    if (fits && !changed) return;
    await part.restart();
    throw new HubError('wrong-answer', `the hub went on with ${file.name} at another place than it was asked to`, { passing: true, hint: 'run again later' });
  }
  // The whole of it: the server does not know ranges, or it has changed since.
  if (from > 0) await part.restart();
  const length = headers['content-length'];
  if (length !== undefined && Number(length) !== file.bytes) throw new HubError('wrong-answer', `the hub wants to send ${length} bytes of ${file.name}, which has ${file.bytes}`, { passing: true, hint: 'try again later' });
}

/** The end of patience, or of the run. */
function deadlineOf({ policy }: HubSettings, file: PinnedFile, signal: AbortSignal | undefined): { readonly signal: AbortSignal; clear(): void } {
  const stop = new AbortController();
  const limitMs = policy.graceMs + file.bytes / policy.leastBytesPerSecond * 1000;
  const timer = setTimeout(() => stop.abort(new HubError('slow', `${file.name} did not come within ${Math.round(limitMs / 60_000)} min, the longest that its ${file.bytes} bytes may take`, { hint: 'run again at a better time: what has come is kept' })), limitMs);
  const end = (): void => stop.abort(signal?.reason);
  if (signal?.aborted === true) end();
  signal?.addEventListener('abort', end, { once: true });
  return { signal: stop.signal, clear: () => { clearTimeout(timer); signal?.removeEventListener('abort', end); } };
}

const DISK: { readonly [code: string]: string } = { ENOSPC: 'the disk is full', EDQUOT: 'the disk quota is used up', EROFS: 'the file system is read-only', EACCES: 'permission was refused', EIO: 'the disk reported an error' };

function diskError(error: unknown, file: PinnedFile): unknown {
  const { code = '', syscall } = error as NodeJS.ErrnoException;
  if (error instanceof HubError || syscall === undefined || !Object.hasOwn(DISK, code)) return error;
  return new HubError('disk', `${file.name} cannot be kept: ${DISK[code]!}`, { hint: 'free some space, or make the store writable, and run again: what has come is kept' });
}
