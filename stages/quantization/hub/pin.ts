/**
 * A source pinned: the commit behind its revision, the sha256 and size of every file that is needed, its config.json, its licence. Looked up once, kept in
 * data/models.lock.yaml, and from then on all that a study knows of the model before its weights are there.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownProcessId } from '../../dag/index.ts';
import { describe, filePath, lookUp } from './api.ts';
import { readBeginning } from './beginning.ts';
import type { HubFile } from './api.ts';
import { cachedFile, cachedPath, cachedRepository } from './cache.ts';
import type { PinnedFile } from './download.ts';
import { HubError } from './errors.ts';
import { explain } from './explain.ts';
import { CANDIDATES, INDEX_FILE, choose, shardsOf } from './files.ts';
import { ask, bodyOf } from './http.ts';
import { retrying } from './retry.ts';
import type { HubSettings } from './settings.ts';
import type { HubSource } from './source.ts';

export interface Pin {
  readonly repository: string;
  readonly revision: string;
  readonly commit: string;
  readonly licence?: string;
  readonly gated: boolean;
  readonly files: readonly PinnedFile[];
  /** The text of config.json; of a GGUF file, what its header says instead of one. */
  readonly config?: string;
  /** Of a GGUF file: what else the study must know of it beforehand. */
  readonly gguf?: GgufPin;
}

export interface GgufPin {
  /** general.architecture. */
  readonly architecture: string;
  /** Of the tokenizer.json that its header stands for. */
  readonly tokenizer: string;
}

/** Files that are not in the large-file storage are of this size at most (the hub refuses larger ones). */
const MOST_SMALL_BYTES = 64_000_000;
export const MOST_CONFIG_BYTES = 200_000;

/** What a repository's commit is, wherever that is known from. */
interface Known {
  readonly commit: string;
  readonly names: readonly string[] | undefined;
  readonly licence?: string;
  readonly gated: boolean;
  describe(names: readonly string[]): Promise<ReadonlyMap<string, HubFile>>;
}

/** Looks a source up: at the hub, or, offline, in the cache of Hugging Face's tools. Files that it had to read are left in `folder`, under their sha256. Throws HubError. */
export async function pin(hub: HubSettings, source: HubSource, folder: string): Promise<Pin> {
  const { repository, revision, file } = source;
  const known = hub.offline ? inCache(hub, source) : await atHub(hub, source);
  const { commit } = known;
  const fixed = { repository, revision, commit, gated: known.gated, ...(known.licence === undefined ? {} : { licence: known.licence }) };
  if (file !== undefined) {
    const only = (await known.describe([file])).get(file);
    if (only === undefined) throw explain({ status: 404, headers: {}, hub: { 'x-error-code': 'EntryNotFound' } }, { repository, revision, file }, hub);
    return { ...fixed, files: [await pinned(hub, repository, commit, only, folder)], ...await ggufHeader(hub, repository, commit, only) };
  }
  const candidates = known.names ?? CANDIDATES;
  const wanted = CANDIDATES.filter((name) => candidates.includes(name));
  const found = await known.describe(wanted);
  // Without a list, what exists is what can be described.
  const chosen = choose(new Set([...(known.names ?? []), ...found.keys()].filter((name) => known.names !== undefined || found.has(name))));
  if (typeof chosen === 'string') throw new HubError('unfit', `${repository} at ${revision} ${chosen}`, { hint: 'choose another repository or revision' });
  const file_ = (name: string): HubFile => {
    const one = found.get(name);
    if (one === undefined) throw new HubError('wrong-answer', `the hub lists ${name} of ${repository} and says nothing of it`, { hint: 'try again later' });
    return one;
  };
  const config = await small(hub, repository, commit, file_(chosen.config), folder);
  if (config.bytes.length > MOST_CONFIG_BYTES) throw new HubError('unfit', `config.json of ${repository} has ${config.bytes.length} bytes; at most ${MOST_CONFIG_BYTES} are read`, { hint: 'choose another repository' });
  const weights: HubFile[] = [];
  if (typeof chosen.weights === 'string') weights.push(file_(chosen.weights));
  else {
    const shards = shardsOf((await small(hub, repository, commit, file_(INDEX_FILE), folder)).bytes);
    if (typeof shards === 'string') throw new HubError('unfit', `${INDEX_FILE} of ${repository} ${shards}`, { hint: 'choose another repository or revision' });
    const described = await known.describe(shards);
    for (const shard of shards) {
      const one = described.get(shard);
      if (one === undefined) throw new HubError('unfit', `${INDEX_FILE} of ${repository} names ${shard}, which is not there`, { hint: 'choose another repository or revision' });
      weights.push(one);
    }
  }
  const others = [chosen.tokenizer, ...(chosen.tokenizerConfig === undefined ? [] : [chosen.tokenizerConfig])].map(file_);
  const files: PinnedFile[] = [config.file];
  for (const one of [...weights, ...others]) files.push(await pinned(hub, repository, commit, one, folder));
  return { ...fixed, files, config: textOf(config.bytes, repository) };
}

/** What the header of a GGUF file says, read from the beginning of the file. */
async function ggufHeader(hub: HubSettings, repository: string, commit: string, file: HubFile): Promise<{ readonly config: string; readonly gguf: GgufPin }> {
  const { openGgufModel } = await import('../../../kernels/gguf-model.ts');
  try {
    return await readBeginning(hub, repository, commit, file, (source) => {
      const { architecture, config, tokenizerFiles } = openGgufModel(source);
      return { config: JSON.stringify(config, null, 1), gguf: { architecture, tokenizer: createHash('sha256').update(tokenizerFiles().tokenizer).digest('hex') } };
    });
  } catch (error) {
    if (error instanceof HubError) throw error;
    throw new HubError('unfit', `${file.name} of ${repository} cannot be used: ${(error as Error).message.replace(/^model\.gguf: /, '')}`, { hint: 'choose another file' });
  }
}

async function atHub(hub: HubSettings, { repository, revision, file }: HubSource): Promise<Known> {
  const found = await lookUp(hub, { repository, revision, ...(file === undefined ? {} : { file }) });
  return { ...found, describe: (names) => describe(hub, repository, found.commit, names) };
}

function inCache(hub: HubSettings, { repository, revision }: HubSource): Known {
  const found = cachedRepository(hub, repository, revision);
  if (found === undefined) throw new HubError('offline', `${repository} at ${revision} was not looked up before, and HF_HUB_OFFLINE is set`, { hint: 'unset it once; from then on no network is needed' });
  return {
    ...found, gated: false,
    describe: async (names) => new Map(names.flatMap((name) => { const one = cachedFile(hub, repository, found.commit, name); return one === undefined ? [] : [[name, one] as const]; })),
  };
}

/** A file's sha256, of a small one by reading it: git's sha1 is all that the hub has of it. */
async function pinned(hub: HubSettings, repository: string, commit: string, file: HubFile, folder: string): Promise<PinnedFile> {
  return file.sha256 === undefined ? (await small(hub, repository, commit, file, folder)).file : { name: file.name, bytes: file.bytes, sha256: file.sha256 };
}

/** Reads a small file whole: from the cache where it has it, else from the hub. */
async function small(hub: HubSettings, repository: string, commit: string, file: HubFile, folder: string): Promise<{ readonly bytes: Buffer; readonly file: PinnedFile }> {
  if (file.bytes > MOST_SMALL_BYTES) throw new HubError('unfit', `${file.name} of ${repository} has ${file.bytes} bytes; at most ${MOST_SMALL_BYTES} are read`, { hint: 'choose another repository' });
  const cached = cachedPath(hub, repository, commit, file);
  let bytes = cached === undefined ? undefined : readQuietly(cached);
  if (bytes === undefined || !isFile(bytes, file)) {
    if (hub.offline) throw new HubError('offline', `${file.name} of ${repository} is not in the cache, and HF_HUB_OFFLINE is set`, { hint: 'unset it once' });
    bytes = await retrying(hub.policy, undefined, async () => {
      const answer = await ask(hub, filePath(repository, commit, file.name));
      if (answer.status !== 200) {
        answer.close();
        throw explain(answer, { repository, revision: commit, file: file.name }, hub);
      }
      const body = await bodyOf(answer, file.bytes);
      if (body.length < file.bytes) throw new HubError('network', `the hub ended ${file.name} after ${body.length} of ${file.bytes} bytes`, { passing: true, hint: 'try again later' });
      return body;
    });
    if (!isFile(bytes, file)) throw new HubError('wrong-bytes', `the hub sent other bytes for ${file.name} of ${repository} than it has promised`, { hint: 'try again later, and if it stays so, check what stands between you and the hub (HF_ENDPOINT, a proxy)' });
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  keep(folder, sha256, bytes);
  return { bytes, file: { name: file.name, bytes: bytes.length, sha256 } };
}

function isFile(bytes: Buffer, { bytes: size, sha256, gitSha1 }: HubFile): boolean {
  if (bytes.length !== size) return false;
  if (sha256 !== undefined) return createHash('sha256').update(bytes).digest('hex') === sha256;
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex') === gitSha1;
}

/** For the stage that takes the model in. Where it cannot be written, it is downloaded again there. */
function keep(folder: string, sha256: string, bytes: Uint8Array): void {
  const temporary = join(folder, `${sha256}.copy-${ownProcessId()}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(temporary, bytes, { mode: 0o600 });
    renameSync(temporary, join(folder, sha256));
  } catch {
    // Only saves time.
  }
}

function readQuietly(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function textOf(bytes: Uint8Array, repository: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new HubError('unfit', `config.json of ${repository} is not valid UTF-8`, { hint: 'choose another repository' });
  }
}
