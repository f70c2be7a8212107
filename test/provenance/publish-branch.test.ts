/** Publishing to a branch: a real repository and a bare one beside it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hashOf } from '../../provenance/pack-format.ts';
import { filesToPublish } from '../../provenance/publish.ts';
import { publishToBranch } from '../../provenance/publish-branch.ts';
import { MANIFEST_FILE, manifestText } from '../../reports/manifest.ts';
import type { BranchTarget } from '../../provenance/publish-branch.ts';

interface Context { home: string; root: string; bare: string; site: (text: string, more?: string) => string; git: (folder: string, ...args: string[]) => string; publish: (text: string, target?: Partial<BranchTarget>) => Promise<string> }
const test = suite<Context>('provenance: publish to a branch');

test.before.each((context) => {
  context.home = realpathSync(mkdtempSync(join(tmpdir(), 'bitwidth-branch-test-')));
  context.root = join(context.home, 'project');
  context.bare = join(context.home, 'bare.git');
  context.git = (folder, ...args) => execFileSync('git', ['-c', 'init.defaultBranch=main', '-c', 'user.name=Margarete Example', '-c', 'user.email=margarete@example.org', ...args], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  mkdirSync(context.root);
  context.git(context.home, 'init', '-q', '--bare', context.bare);
  context.git(context.root, 'init', '-q');
  context.git(context.root, 'config', 'user.name', 'Margarete Example');
  context.git(context.root, 'config', 'user.email', 'margarete@example.org');
  // A rule that would change bytes, were files added as usual.
  writeFileSync(join(context.root, '.gitattributes'), '* text=auto eol=crlf\n');
  writeFileSync(join(context.root, 'study.yaml'), 'title: mine\n');
  context.git(context.root, 'add', '.');
  context.git(context.root, 'commit', '-q', '-m', 'The study');
  context.git(context.root, 'remote', 'add', 'origin', context.bare);
  context.site = (text, more) => {
    const folder = join(context.root, 'site');
    rmSync(folder, { recursive: true, force: true });
    for (const inner of ['assets', 'data']) mkdirSync(join(folder, inner), { recursive: true });
    const files: { [path: string]: string } = { 'index.html': `${text}\r\n`, 'assets/style.css': 'a {}\n', 'assets/script.js': '', ...(more === undefined ? {} : { 'data/more.csv': more }) };
    for (const [path, content] of Object.entries(files)) writeFileSync(join(folder, path), content);
    writeFileSync(join(folder, MANIFEST_FILE), manifestText(new Map(Object.entries(files).map(([path, content]) => [path, { bytes: content.length, sha256: hashOf(content) }]))));
    return folder;
  };
  context.publish = async (text, target) => {
    const folder = context.site(text, text === 'one' ? 'rows' : undefined);
    const { name, before, commit, pushed } = await publishToBranch(context.root, { branch: 'pages', remote: undefined, push: target?.remote !== undefined, asUser: false, ...target }, folder, filesToPublish(folder), { title: 'A study', today: '2026-01-02' });
    return [name, ...(before ? ['again'] : []), ...(commit === undefined ? ['no commit'] : []), ...(pushed ? ['pushed'] : [])].join(' ');
  };
});
test.after.each(({ home }) => rmSync(home, { recursive: true, force: true }));

const refusal = async (act: () => Promise<unknown>): Promise<string> => act().then(() => assert.unreachable('it was not refused') as never, (error: Error) => { assert.is(error.name, 'ConfigurationError', error.stack); return error.message; });

test('versions become commits, byte for byte, in nobody\'s name; the project is as it was', async ({ publish, git, root }) => {
  const before = [git(root, 'status', '--porcelain'), git(root, 'rev-parse', 'HEAD'), git(root, 'ls-files', '-s')];
  assert.equal([await publish('one'), await publish('one'), await publish('two')], ['v1', 'v1 again no commit', 'v2']);
  assert.equal(git(root, 'ls-tree', '-r', '--name-only', 'pages').split('\n'), [
    '.nojekyll', 'assets/script.js', 'assets/style.css', 'index.html', 'latest/assets/script.js', 'latest/assets/style.css', 'latest/data/files.json', 'latest/index.html',
    'v1/assets/script.js', 'v1/assets/style.css', 'v1/data/files.json', 'v1/data/more.csv', 'v1/index.html', 'v2/assets/script.js', 'v2/assets/style.css', 'v2/data/files.json', 'v2/index.html', 'versions.js', 'versions.json',
  ]);
  const bytes = (path: string): string => execFileSync('git', ['cat-file', 'blob', `pages:${path}`], { cwd: root, encoding: 'latin1' });
  assert.equal([bytes('v1/index.html'), bytes('v2/index.html'), bytes('latest/index.html'), bytes('v1/data/more.csv')], ['one\r\n', 'two\r\n', 'two\r\n', 'rows']);
  assert.match(bytes('versions.js'), /"latest":"v2"/);
  assert.equal(git(root, 'log', '--format=%an %ae|%cn %ce|%s', 'pages').split('\n'), ['bitwidth bitwidth@example.invalid|bitwidth bitwidth@example.invalid|A study: v2', 'bitwidth bitwidth@example.invalid|bitwidth bitwidth@example.invalid|A study: v1']);
  assert.equal([git(root, 'status', '--porcelain').replace('?? site/', '').trim(), git(root, 'rev-parse', 'HEAD'), git(root, 'ls-files', '-s')], before);
});

test('in the name that git knows, where that is asked for', async ({ publish, git, root }) => {
  await publish('one', { asUser: true });
  assert.is(git(root, 'log', '-1', '--format=%an', 'pages'), 'Margarete Example');
});

test('what others have in the branch stays; what lies where ours would be is refused', async ({ publish, git, root, home }) => {
  git(root, 'worktree', 'add', '-q', '-b', 'pages', join(home, 'theirs'));
  git(join(home, 'theirs'), 'rm', '-q', 'study.yaml');
  mkdirSync(join(home, 'theirs/blog'));
  writeFileSync(join(home, 'theirs/CNAME'), 'example.org\r\n');
  writeFileSync(join(home, 'theirs/blog/index.html'), 'theirs');
  git(join(home, 'theirs'), 'add', '.');
  git(join(home, 'theirs'), 'commit', '-q', '-m', 'Theirs');
  assert.match(await refusal(() => publish('one')), /pages is checked out, and its files would not follow/);
  git(root, 'worktree', 'remove', '--force', join(home, 'theirs'));
  const theirs = git(root, 'ls-tree', '-r', 'pages');
  assert.is(await publish('one'), 'v1');
  for (const line of theirs.split('\n')) assert.ok(git(root, 'ls-tree', '-r', 'pages').includes(line), line);
  git(root, 'branch', '-D', 'pages');
  const blob = execFileSync('git', ['hash-object', '-w', '--stdin'], { cwd: root, input: 'a page', encoding: 'utf8' }).trim();
  const tree = execFileSync('git', ['mktree'], { cwd: root, input: `100644 blob ${blob}\tindex.html\n`, encoding: 'utf8' }).trim();
  git(root, 'update-ref', 'refs/heads/pages', git(root, 'commit-tree', tree, '-m', 'A page'));
  assert.match(await refusal(() => publish('one')), /holds index\.html already, which this program did not write/);
});

test('pushed to a bare repository; a clone elsewhere goes on from there; a branch that moved is not forced', async ({ publish, git, root, bare, home, site }) => {
  assert.is(await publish('one', { remote: 'origin' }), 'v1 pushed');
  assert.is(git(bare, 'rev-parse', 'pages'), git(root, 'rev-parse', 'pages'));
  assert.is(await publish('one', { remote: 'origin' }), 'v1 again no commit');
  // Another clone, which has no branch of that name yet.
  git(home, 'clone', '-q', bare, 'other', '--no-checkout');
  const folder = site('two');
  const target = { branch: 'pages', remote: 'origin', push: true, asUser: false };
  assert.is((await publishToBranch(join(home, 'other'), target, folder, filesToPublish(folder), { title: 'A study', today: '2026-01-03' })).name, 'v2');
  assert.is(await publish('three', { remote: 'origin' }), 'v3 pushed', 'what others published is taken up first');
  assert.equal(git(bare, 'ls-tree', '--name-only', 'pages').split('\n').filter((name) => name.startsWith('v') && !name.includes('.')), ['v1', 'v2', 'v3']);
  // Different ways: one here, one there.
  git(root, 'update-ref', 'refs/heads/pages', 'pages~1');
  assert.is(await publish('four'), 'v3');
  assert.match(await refusal(() => publish('five', { remote: 'origin' })), /have gone different ways/);
  assert.is(git(bare, 'log', '--format=%s', '-1', 'pages'), 'A study: v3');
});

test('without --push the branch of the remote is gone on from, and not changed', async ({ publish, git, bare, home, site }) => {
  assert.is(await publish('one', { remote: 'origin' }), 'v1 pushed');
  git(home, 'clone', '-q', bare, 'other', '--no-checkout');
  const other = join(home, 'other'), folder = site('two'), files = filesToPublish(folder), about = { title: 'A study', today: '2026-01-03' };
  assert.match(await refusal(() => publishToBranch(other, { branch: 'pages', remote: undefined, push: false, asUser: false }, folder, files, about)), /there is no branch pages here, but origin\/pages; add --remote origin/);
  assert.is((await publishToBranch(other, { branch: 'pages', remote: 'origin', push: false, asUser: false }, folder, files, about)).name, 'v2');
  assert.equal([git(other, 'rev-parse', 'pages~1'), git(bare, 'log', '--format=%s', '-1', 'pages')], [git(bare, 'rev-parse', 'pages'), 'A study: v1']);
});

test('somebody who publishes meanwhile wins, and the next try goes on from there', async ({ publish, git, bare, root }) => {
  assert.is(await publish('one', { remote: 'origin' }), 'v1 pushed');
  // After our look at the branch, and before the push is taken: another commit.
  writeFileSync(join(bare, 'hooks/pre-receive'), '#!/bin/sh\nunset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\ngit update-ref refs/heads/pages "$(git -c user.name=x -c user.email=x@example.org commit-tree pages^{tree} -p pages -m meanwhile)"\n', { mode: 0o755 });
  assert.match(await refusal(() => publish('two', { remote: 'origin' })), /origin refused the branch: .*; if somebody published meanwhile, run this again\. Nothing was published/);
  assert.equal([git(bare, 'log', '--format=%s', '-1', 'pages'), git(root, 'log', '--format=%s', '-1', 'pages')], ['meanwhile', 'A study: v1']);
  rmSync(join(bare, 'hooks/pre-receive'));
  assert.is(await publish('two', { remote: 'origin' }), 'v2 pushed');
  assert.equal(git(bare, 'log', '--format=%s', 'pages').split('\n'), ['A study: v2', 'meanwhile', 'A study: v1']);
});

test('nobody has to tell git who they are; --as-me says so where they have not; without git it says that', async ({ publish, git, root }) => {
  for (const key of ['user.name', 'user.email']) git(root, 'config', '--unset', key);
  git(root, 'config', 'user.useConfigOnly', 'true');
  const before = { HOME: process.env['HOME'], XDG_CONFIG_HOME: process.env['XDG_CONFIG_HOME'], GIT_CONFIG_NOSYSTEM: process.env['GIT_CONFIG_NOSYSTEM'], PATH: process.env['PATH'] };
  Object.assign(process.env, { HOME: root, XDG_CONFIG_HOME: root, GIT_CONFIG_NOSYSTEM: '1' });
  try {
    assert.is(await publish('one'), 'v1');
    assert.match(await refusal(() => publish('two', { asUser: true })), /identity|email/i);
    assert.is(git(root, 'log', '--format=%s', 'pages'), 'A study: v1');
    process.env['PATH'] = root;
    assert.match(await refusal(() => publish('two')), /git is not installed; nothing was published/);
  } finally {
    for (const [name, value] of Object.entries(before)) if (value === undefined) delete process.env[name]; else process.env[name] = value;
  }
});

test('a repository that names objects by sha256 is published to as well', async ({ git, root, home, site }) => {
  const other = join(home, 'sha256');
  git(home, 'init', '-q', '--object-format=sha256', other);
  const publish = async (text: string, more?: string): Promise<string> => { const folder = site(text, more); return (await publishToBranch(other, { branch: 'pages', remote: undefined, push: false, asUser: false }, folder, filesToPublish(folder), { title: 'A study', today: '2026-01-03' })).name; };
  assert.equal([await publish('one', 'rows'), await publish('two')], ['v1', 'v2']);
  assert.is(git(other, 'rev-parse', 'pages').length, 64);
  assert.not.match(git(other, 'ls-tree', '-r', '--name-only', 'pages'), /latest\/data\/more\.csv/);
  assert.ok(existsSync(root));
});

test('what git refuses is told, and nothing is published', async ({ publish, git, root, bare, home }) => {
  assert.match(await refusal(() => publish('one', { branch: 'no such..name' })), /"no such\.\.name" is no name of a branch/);
  assert.match(await refusal(() => publish('one', { branch: 'main' })), /main is checked out/);
  assert.match(await refusal(() => publish('one', { remote: 'nowhere' })), /nowhere.*nothing was published/i);
  writeFileSync(join(bare, 'hooks/pre-receive'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  assert.match(await refusal(() => publish('one', { remote: 'origin' })), /origin refused the branch: .*pre-receive hook declined.*Nothing was published/);
  assert.throws(() => git(root, 'rev-parse', '--verify', 'pages'), undefined, 'the branch is not here either');
  rmSync(join(root, '.git'), { recursive: true });
  assert.match(await refusal(() => publish('one')), /this project is in no git repository/);
  assert.not.ok(existsSync(join(home, 'project/.git')));
  assert.ok(readFileSync(join(root, 'study.yaml'), 'utf8').startsWith('title'));
});

test.run();
