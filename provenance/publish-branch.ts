/**
 * Publishing to a branch of git, as a host of static pages serves one. The project's own files, index and branch are not touched: what the branch
 * holds of earlier versions is laid out in a temporary folder, the version is added there as in any folder (publish.ts), and the difference becomes
 * one commit. Nothing is forced: a branch that moved meanwhile is refused, and others' files in it stay as they are.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ConfigurationError } from '../stages/dag/index.ts';
import { MANIFEST_FILE } from '../reports/manifest.ts';
import { GitFailed, git, gitLine } from './git.ts';
import { LATEST, filesIn, publishTo } from './publish.ts';
import type { Published } from './publish.ts';

export interface BranchTarget {
  /** 'gh-pages'. */
  readonly branch: string;
  /** Whose branch of that name is gone on from; undefined: only the one here is looked at. */
  readonly remote: string | undefined;
  /** Also sends it there. */
  readonly push: boolean;
  /** Commits in the name that git knows of the user; else in this program's. */
  readonly asUser: boolean;
}

export interface PublishedBranch extends Published { readonly commit: string | undefined; readonly pushed: boolean }

/** In nobody's name: who publishes is for the host to know. */
const NEUTRAL = { GIT_AUTHOR_NAME: 'bitwidth', GIT_AUTHOR_EMAIL: 'bitwidth@example.invalid', GIT_COMMITTER_NAME: 'bitwidth', GIT_COMMITTER_EMAIL: 'bitwidth@example.invalid' };

/** Hosts of pages otherwise leave out what begins with an underscore. */
const NO_JEKYLL = '.nojekyll';

/** Adds the site to the branch as its newest version. `root`: a folder of the repository. Throws ConfigurationError, with nothing changed. */
export async function publishToBranch(root: string, target: BranchTarget, site: string, files: readonly string[], about: { readonly title: string; readonly today: string }): Promise<PublishedBranch> {
  try {
    return await publish(root, target, site, files, about);
  } catch (error) {
    if (error instanceof GitFailed) throw new ConfigurationError(`publish: ${error.message}; nothing was published`);
    throw error;
  }
}

async function publish(root: string, { branch, remote, push, asUser }: BranchTarget, site: string, files: readonly string[], about: { readonly title: string; readonly today: string }): Promise<PublishedBranch> {
  const refuse = (what: string): never => { throw new ConfigurationError(`publish: ${what}; nothing was published`); };
  if (await gitLine(root, ['rev-parse', '--git-dir']) === undefined) refuse('this project is in no git repository; "git init" makes one, or publish to a folder with --to');
  if (await gitLine(root, ['check-ref-format', '--branch', branch]) === undefined) refuse(`${JSON.stringify(branch)} is no name of a branch`);
  const ref = `refs/heads/${branch}`;
  const checkedOut = (await git(root, ['worktree', 'list', '--porcelain'])).toString('utf8').split('\n').includes(`branch ${ref}`);
  if (checkedOut) refuse(`${branch} is checked out, and its files would not follow; choose a branch for the published site alone`);
  const here = await gitLine(root, ['rev-parse', '--verify', '--quiet', `${ref}^{commit}`]);
  if (here === undefined && remote === undefined) {
    const [known] = (await git(root, ['for-each-ref', '--format=%(refname:lstrip=2)', `refs/remotes/*/${branch}`])).toString('utf8').split('\n').filter((line) => line !== '');
    // A second beginning could never be pushed there.
    if (known !== undefined) refuse(`there is no branch ${branch} here, but ${known}; add --remote ${known.slice(0, -branch.length - 1)} to go on from that one`);
  }
  const there = remote === undefined ? undefined : await fetched(root, remote, ref);
  const base = await newer(root, here, there) ?? (here === undefined && there === undefined ? undefined : refuse(`${branch} here and at ${remote} have gone different ways; merge one into the other, or take one away`));

  const temporary = mkdtempSync(join(tmpdir(), 'bitwidth-branch-'));
  try {
    const folder = join(temporary, 'tree');
    mkdirSync(folder);
    const before = base === undefined ? [] : await layOut(root, base, folder);
    const { name, before: again } = publishTo(folder, site, files, about);
    if (!before.includes(NO_JEKYLL)) writeFileSync(join(folder, NO_JEKYLL), '');
    const env = { GIT_INDEX_FILE: join(temporary, 'index') };
    if (base !== undefined) await git(root, ['read-tree', base], { env });
    // Of a version that was there before only names lie here, and what is written anew beside it.
    const own = filesIn(folder).filter((path) => isOurs(path, again ? undefined : name));
    const blobs = (await git(root, ['hash-object', '-w', '--no-filters', '--stdin-paths'], { input: own.map((path) => `${join(folder, path)}\n`).join('') })).toString('utf8').trimEnd().split('\n');
    const kept = new Set(own);
    const gone = again ? [] : before.filter((path) => path.startsWith(`${LATEST}/`) && !kept.has(path));
    const nothing = '0'.repeat(blobs[0]!.length);
    const lines = [...gone.map((path) => `0 ${nothing}\t${path}\0`), ...own.map((path, i) => `100644 ${blobs[i]!}\t${path}\0`)];
    await git(root, ['update-index', '-z', '--index-info'], { env, input: lines.join('') });
    const tree = (await git(root, ['write-tree'], { env })).toString('utf8').trim();
    const same = base !== undefined && tree === await gitLine(root, ['rev-parse', `${base}^{tree}`]);
    const commit = same ? base : (await git(root, ['commit-tree', tree, ...(base === undefined ? [] : ['-p', base]), '-m', `${about.title}: ${name}`], asUser ? {} : { env: NEUTRAL })).toString('utf8').trim();
    if (commit === undefined) throw new Error('a commit without a name');
    // There first: what is refused there was not published here either.
    if (remote !== undefined && push && commit !== there) await pushed(root, remote, `${commit}:${ref}`);
    if (commit !== here) await git(root, ['update-ref', '-m', `publish ${name}`, ref, commit, here ?? nothing]);
    return { name, before: again, commit: same ? undefined : commit, pushed: push && commit !== there };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** The remote's branch, brought here under no name of its own; undefined where it has none. */
async function fetched(root: string, remote: string, ref: string): Promise<string | undefined> {
  // Asked before it is fetched: a branch that is not there yet is no error.
  const found = (await git(root, ['ls-remote', '--', remote, ref])).toString('utf8').split(/\s/)[0];
  if (found === undefined || found === '') return undefined;
  await git(root, ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--', remote, ref]);
  return found;
}

/** Throws ConfigurationError with what the other side said. */
async function pushed(root: string, remote: string, refs: string): Promise<void> {
  try {
    await git(root, ['push', '--porcelain', '--', remote, refs]);
  } catch (error) {
    if (!(error instanceof GitFailed)) throw error;
    throw new ConfigurationError(`publish: ${remote} refused the branch: ${error.message}; if somebody published meanwhile, run this again. Nothing was published`);
  }
}

/** Of two commits the one that holds the other; of one and none the one; undefined where neither does. */
async function newer(root: string, a: string | undefined, b: string | undefined): Promise<string | undefined> {
  if (a === undefined || b === undefined || a === b) return a ?? b;
  if (await gitLine(root, ['merge-base', '--is-ancestor', a, b]) !== undefined) return b;
  return await gitLine(root, ['merge-base', '--is-ancestor', b, a]) === undefined ? undefined : a;
}

/**
 * Writes of a commit what adding a version looks at: the lists, the pages that are written anew, the newest version's style and script; of all other
 * files the names. Answers the names of all. Bytes are taken as they are stored, without filters.
 */
async function layOut(root: string, commit: string, folder: string): Promise<string[]> {
  const entries = (await git(root, ['ls-tree', '-r', '-z', commit])).toString('utf8').split('\0').filter((line) => line !== '').map((line) => {
    const [, mode, type, id, path] = /^(\d+) (\w+) ([0-9a-f]+)\t([\s\S]*)$/.exec(line)!;
    return { mode: mode!, type: type!, id: id!, path: path! };
  });
  for (const { mode, type, id, path } of entries) {
    // A name that leaves the folder, or a link in the place of a folder, would be written through. git refuses the first; the second never lies here as a link.
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    const read = type === 'blob' && mode !== '120000' && isRead(path);
    writeFileSync(file, read ? await git(root, ['cat-file', 'blob', id]) : '');
  }
  return entries.map(({ path }) => path);
}

const isRead = (path: string): boolean => !path.includes('/') || path === `${LATEST}/${MANIFEST_FILE}` || path.startsWith('assets/') || /^v\d+\/(?:assets\/(?:style\.css|script\.js)|data\/errata\.csv)$/.test(path) || (/^v\d+\//.test(path) && path.endsWith(`/${MANIFEST_FILE}`));

/** What this program writes in a published folder. */
function isOurs(path: string, version: string | undefined): boolean {
  return (version !== undefined && (path.startsWith(`${version}/`) || path.startsWith(`${LATEST}/`))) || ['assets/style.css', 'assets/script.js', 'index.html', 'versions.js', 'versions.json', NO_JEKYLL].includes(path);
}
