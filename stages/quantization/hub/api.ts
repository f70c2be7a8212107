/**
 * What a hub tells of a repository: the commit behind a revision, its files with their sizes and hashes, its licence. A large file has its sha256 there
 * (lfs), a small one the sha1 that git gives it. Hubs differ in what they answer; each fact is taken from the first place that has it:
 * the model's page in the API, the API's paths-info, the headers of a file.
 */
import { explain } from './explain.ts';
import type { Wanted } from './explain.ts';
import { HubError } from './errors.ts';
import { ask, bodyOf } from './http.ts';
import type { Answer, Ask } from './http.ts';
import { retrying } from './retry.ts';
import type { HubSettings } from './settings.ts';
import { isFileName } from './source.ts';

export interface HubFile {
  readonly name: string;
  readonly bytes: number;
  /** Of its content: one of the two. */
  readonly sha256?: string;
  readonly gitSha1?: string;
}

/** A repository at a commit. */
export interface Repository {
  readonly commit: string;
  /** Undefined where the hub gives no list. */
  readonly names: readonly string[] | undefined;
  /** 'apache-2.0', 'other (llama3, LICENSE)'; undefined where its card names none. */
  readonly licence?: string;
  /** Its authors give it to those who accept their conditions. */
  readonly gated: boolean;
}

const COMMIT = /^[0-9a-f]{40}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const MOST_FILES = 100_000;
const MOST_FILE_BYTES = 4_398_046_511_104;

/** Looks a revision up. Throws HubError. */
export async function lookUp(hub: HubSettings, wanted: Wanted): Promise<Repository> {
  const answer = await json(hub, `/api/models/${wanted.repository}/revision/${encodeURIComponent(wanted.revision)}`, wanted, {}, true);
  // A mirror may have files and no API.
  if (answer === undefined) return { ...(await commitOfFile(hub, wanted)), names: undefined, gated: false };
  const info = record(answer);
  const commit = info['sha'];
  if (typeof commit !== 'string' || !COMMIT.test(commit)) throw misspoken('it names no commit');
  if (COMMIT.test(wanted.revision) && commit !== wanted.revision) throw misspoken('it names another commit than it was asked for');
  if (info['disabled'] === true) throw new HubError('refused', `the hub does not give ${wanted.repository} any more`, { hint: `see https://huggingface.co/${wanted.repository}` });
  const licence = licenceOf(info);
  return { commit, names: namesOf(info['siblings']), ...(licence === undefined ? {} : { licence }), gated: info['gated'] !== undefined && info['gated'] !== false };
}

/** Sizes and hashes of these files; those that do not exist are left out. Throws HubError. */
export async function describe(hub: HubSettings, repository: string, commit: string, names: readonly string[]): Promise<ReadonlyMap<string, HubFile>> {
  const answer = await json(hub, `/api/models/${repository}/paths-info/${commit}`, { repository, revision: commit }, {
    method: 'POST', body: JSON.stringify({ paths: names, expand: false }), headers: { 'content-type': 'application/json' },
  }, true);
  const files = new Map<string, HubFile>();
  if (answer === undefined) {
    for (const name of names) {
      const file = await describeByHeaders(hub, repository, commit, name);
      if (file !== undefined) files.set(name, file);
    }
    return files;
  }
  if (!Array.isArray(answer)) throw misspoken('its list of files is none');
  for (const entry of answer.slice(0, MOST_FILES).map(record)) {
    const { path, type } = entry;
    if (typeof path !== 'string' || !names.includes(path) || (type !== undefined && type !== 'file')) continue;
    const lfs = entry['lfs'] === undefined || entry['lfs'] === null ? undefined : record(entry['lfs']);
    files.set(path, checked({ name: path, bytes: lfs?.['size'] ?? entry['size'], ...(lfs === undefined ? { gitSha1: entry['oid'] } : { sha256: lfs['oid'] ?? lfs['sha256'] }) }));
  }
  return files;
}

/** Where a file's bytes are. */
export function filePath(repository: string, revision: string, name: string): string {
  return `/${repository}/resolve/${encodeURIComponent(revision)}/${name.split('/').map(encodeURIComponent).join('/')}`;
}

/** An etag as a hash: the hub gives a large file's sha256, a small one's git sha1. */
export function hashOfEtag(etag: string | undefined): { readonly sha256?: string; readonly gitSha1?: string } {
  const plain = (etag ?? '').replace(/^W\//, '').replaceAll('"', '');
  return SHA256.test(plain) ? { sha256: plain } : COMMIT.test(plain) ? { gitSha1: plain } : {};
}

/** Any file will do to learn the commit; every model has this one. */
async function commitOfFile(hub: HubSettings, wanted: Wanted): Promise<{ readonly commit: string }> {
  const file = wanted.file ?? 'config.json';
  const { status, hub: told, headers } = await head(hub, wanted.repository, wanted.revision, file);
  const commit = told['x-repo-commit'];
  if (commit !== undefined && COMMIT.test(commit)) return { commit };
  if (status >= 400) throw explain({ status, hub: told, headers }, wanted, hub);
  throw misspoken('it names no commit');
}

async function describeByHeaders(hub: HubSettings, repository: string, commit: string, name: string): Promise<HubFile | undefined> {
  const { status, hub: told, headers } = await head(hub, repository, commit, name);
  if (status === 404) return undefined;
  if (status >= 400) throw explain({ status, hub: told, headers }, { repository, revision: commit, file: name }, hub);
  return checked({ name, bytes: Number(told['x-linked-size'] ?? headers['content-length'] ?? NaN), ...hashOfEtag(told['x-linked-etag'] ?? headers.etag) });
}

async function head(hub: HubSettings, repository: string, revision: string, name: string): Promise<Answer> {
  return await retrying(hub.policy, undefined, async () => {
    const answer = await ask(hub, filePath(repository, revision, name), { method: 'HEAD', stay: true });
    answer.close();
    if (answer.status === 429 || answer.status === 408 || answer.status >= 500) throw explain(answer, { repository, revision, file: name }, hub);
    return answer;
  });
}

/** Parsed JSON; undefined, with `orNone`, where the hub does not know the address at all. */
async function json(hub: HubSettings, path: string, wanted: Wanted, options: Ask, orNone: boolean): Promise<unknown> {
  return await retrying(hub.policy, undefined, async () => {
    const answer = await ask(hub, path, options);
    if (answer.status !== 200) {
      answer.close();
      if (orNone && (answer.status === 404 || answer.status === 405) && answer.hub['x-error-code'] === undefined) return undefined;
      throw explain(answer, wanted, hub);
    }
    const text = (await bodyOf(answer, hub.policy.largestJsonBytes)).toString('utf8');
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw misspoken('its answer is no JSON');
    }
  });
}

function checked({ name, bytes, sha256, gitSha1 }: { readonly [field in keyof HubFile]?: unknown }): HubFile {
  if (!Number.isSafeInteger(bytes) || (bytes as number) < 0 || (bytes as number) > MOST_FILE_BYTES) throw misspoken(`it gives ${String(name)} no size`);
  const file = { name: String(name), bytes: bytes as number };
  if (typeof sha256 === 'string' && SHA256.test(sha256)) return { ...file, sha256 };
  if (typeof gitSha1 === 'string' && COMMIT.test(gitSha1)) return { ...file, gitSha1 };
  throw misspoken(`it gives no hash of ${String(name)}, and nothing is taken without one`);
}

function namesOf(siblings: unknown): readonly string[] | undefined {
  if (!Array.isArray(siblings)) return undefined;
  return siblings.slice(0, MOST_FILES).map((one) => record(one)['rfilename']).filter((name): name is string => typeof name === 'string' && isFileName(name));
}

/** From the model's card, as the hub has parsed it. */
function licenceOf(info: { readonly [key: string]: unknown }): string | undefined {
  const card = typeof info['cardData'] === 'object' && info['cardData'] !== null ? record(info['cardData']) : {};
  const tags = Array.isArray(info['tags']) ? info['tags'].filter((tag): tag is string => typeof tag === 'string' && tag.startsWith('license:')).map((tag) => tag.slice('license:'.length)) : [];
  const named = [card['license']].flat().filter((one): one is string => typeof one === 'string' && one !== '');
  return licenceText(named.length > 0 ? named : tags, [card['license_name'], card['license_link']]);
}

/** 'other (llama3, LICENSE)'. What is shown of a card is plain and bounded. */
export function licenceText(names: readonly string[], more: readonly unknown[]): string | undefined {
  const plain = (text: string): string => text.replace(/[^\x20-\x7e]/g, ' ').trim().slice(0, 120);
  const known = names.map(plain).filter((name) => name !== '');
  if (known.length === 0) return undefined;
  const details = more.filter((one): one is string => typeof one === 'string').map(plain).filter((one) => one !== '');
  return `${known.join(', ')}${details.length === 0 ? '' : ` (${details.join(', ')})`}`;
}

function record(value: unknown): { readonly [key: string]: unknown } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw misspoken('its answer has another form than a hub\'s');
  return value as { readonly [key: string]: unknown };
}

function misspoken(what: string): HubError {
  return new HubError('wrong-answer', `the hub does not answer as one should: ${what}`, { hint: 'check HF_ENDPOINT, or try again later' });
}
