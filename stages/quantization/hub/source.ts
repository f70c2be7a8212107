/** What `hf:` is followed by in study.yaml: org/name[@revision][/file.gguf]. */

export interface HubSource {
  /** 'org/name'. */
  readonly repository: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** One file, where the repository is not taken as a whole. */
  readonly file?: string;
}

export const HUB_FORM = 'hf:<org>/<name>, hf:<org>/<name>@<revision>, or hf:<org>/<name>@<revision>/<file>.gguf';

const DEFAULT_REVISION = 'main';
/** As the hub's own rule: letters, digits, - _ . without -- or .. and not at an end. */
const PART = /^(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$/;
const REVISION = /^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._+-]{0,199}$/;
/** Revisions that have slashes by nature: pull requests and conversions. */
const REF = /^refs\/(?:pr\/\d{1,9}|convert\/[A-Za-z0-9_-]{1,60})(?=\/|$)/;
const FILE_SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._+ ()=,-]{1,200}$/;

/** Reads what stands behind `hf:`; a sentence when it cannot be. */
export function readHubSource(text: string): HubSource | string {
  const parts = /^([^/@]+)\/([^/@]+)(?:@([^@]+?))?$/.exec(text) ?? /^([^/@]+)\/([^/@]+)(?:@([^@]*))?(\/.*)$/.exec(text);
  if (parts === null) return `is no repository of the hub; write ${HUB_FORM}`;
  const [, org, name, after] = parts as unknown as [string, string, string, string | undefined];
  for (const part of [org, name]) if (!PART.test(part)) return `has ${JSON.stringify(part)}, which can be no name on the hub; write ${HUB_FORM}`;
  const rest = after ?? DEFAULT_REVISION;
  const revision = REF.exec(rest)?.[0] ?? rest.split('/', 1)[0] ?? '';
  const file = after === undefined ? (parts[4] ?? '').slice(1) : rest.slice(revision.length + 1);
  if (!REF.test(revision) && !REVISION.test(revision)) return `has the revision ${JSON.stringify(revision)}; a revision is a branch, a tag or a commit`;
  if (file === '') return { repository: `${org}/${name}`, revision };
  if (!isFileName(file) || !/\.gguf$/i.test(file)) {
    return `names ${JSON.stringify(file)} in the repository; only one .gguf file can be named so (a branch with "/" in its name is given by its commit)`;
  }
  return { repository: `${org}/${name}`, revision, file };
}

/** The source in full: the same for all ways of writing it. */
export function hubSourceText({ repository, revision, file }: HubSource): string {
  return `hf:${repository}@${revision}${file === undefined ? '' : `/${file}`}`;
}

/** A path in a repository that can be one in a folder, too. */
export function isFileName(path: string): boolean {
  return path.length <= 300 && path.split('/').every((segment) => FILE_SEGMENT.test(segment));
}
