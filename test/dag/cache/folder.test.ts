/** A shared cache in a folder: what one clone has computed another one takes, with equal bytes; what is wrong there is told and computed. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Group, HASTY, trafficOf, warningsOf, wordCells } from './cached-project.ts';
import type { Person } from './cached-project.ts';
import type { Project } from '../project.ts';
import type { SharedCacheSettings } from '../../../stages/dag/index.ts';

const test = suite<{ group: Group; anna: Person; ben: Person; path: string; cache: (trusted?: readonly Person[]) => SharedCacheSettings }>('dag: shared folder');
test.before.each((context) => {
  const group = context.group = new Group();
  context.anna = group.person('Anna');
  context.ben = group.person('Ben');
  context.path = group.shared();
  context.cache = (trusted = [context.anna]) => ({ at: { kind: 'folder', path: context.path }, trust: trusted.map(({ name, key }) => ({ name, key })), patience: HASTY });
  group.be(context.anna);
});
test.after.each(({ group }) => group.remove());

/** Files of the cache, by their names from its folder. */
const filesOf = (path: string, under = ''): readonly string[] => readdirSync(join(path, under), { withFileTypes: true })
  .flatMap((entry) => entry.isDirectory() ? filesOf(path, join(under, entry.name)) : [join(under, entry.name)]).sort();

test('an empty store takes everything from it, computes nothing, and publishes equal bytes', async ({ group, ben, cache, path }) => {
  const first = group.clone(cache);
  const made = await first.run();
  assert.is(made.code, 0);
  assert.is(made.ran.length, 5);
  assert.equal({ taken: trafficOf(made).taken, sent: trafficOf(made).sent, left: trafficOf(made).left }, { taken: 0, sent: 5, left: 0 });
  // A pack, an entry, the mark: not a file for each cell.
  assert.equal(filesOf(path).map((name) => name.split('/')[0]), ['bitwidth-cache', 'log', 'packs']);

  group.be(ben);
  const second = group.clone(cache);
  const taken = await second.run();
  assert.equal([taken.code, taken.ran, taken.done['cached']], [0, [], 5]);
  assert.is(trafficOf(taken).taken, 5);
  assert.equal(readFileSync(second.path('site/index.html')), readFileSync(first.path('site/index.html')));
  assert.is(second.read('site/lines/1.txt'), first.read('site/lines/1.txt'));
  assert.equal((await second.run()).ran, []);
  assert.is((await second.command('check')).code, 0);
  assert.match((await second.command('why', 'tally:all')).lines.join('\n'), /taken from the shared cache, signed by Anna/);
});

test('only what something needs is brought: here the published tree, and not what it was made of', async ({ group, cache }) => {
  await group.clone(cache).run();
  const second = group.clone(cache);
  const { done } = await second.run();
  assert.is(done['cached'], 5);
  const check = await second.command('check', '--json');
  // The manifest and its files: four lines of the page's tree and index.html.
  assert.is((JSON.parse(check.lines.at(-1)!) as { objects: number }).objects, 5, check.lines.join('\n'));
  // What is in the cache is brought once something runs that reads it.
  second.write('tally.ts', second.read('tally.ts').replace('export', 'const other = 1;\nvoid other;\nexport'));
  const again = await second.run();
  assert.equal(again.ran, ['tally:all']);
});

test('without trust nothing counts, and that is told', async ({ group, ben, cache }) => {
  await group.clone(cache).run();
  group.be(ben);
  const stranger = group.clone(() => cache([]));
  const { ran, events, code } = await stranger.run();
  assert.is(code, 0);
  assert.is(ran.length, 5);
  assert.match(warningsOf({ events } as never).join('\n'), /1 entry of the shared cache is signed by nobody under trust/);
});

test('a forged entry under the name of a trusted key counts for nothing', async ({ group, ben, cache, path }) => {
  await group.clone(cache).run();
  const name = join(path, 'log/0000000001');
  const bytes = readFileSync(name);
  // Ben signs what he likes and writes Anna's key over it.
  const end = bytes.indexOf(0x0a);
  const header = JSON.parse(bytes.subarray(0, end).toString()) as { signature: string };
  const forged = Buffer.concat([Buffer.from(JSON.stringify({ ...header, signature: Buffer.alloc(64, 7).toString('base64') })), bytes.subarray(end)]);
  chmodSync(name, 0o644);
  writeFileSync(name, forged);
  group.be(ben);
  const answer = await group.clone(cache).run();
  assert.is(answer.ran.length, 5);
  assert.match(warningsOf(answer).join('\n'), /bears the name of a key that is trusted and a signature that is not by it/);
});

test('purged objects come back from it', async ({ group, cache }) => {
  const project = group.clone(cache);
  await project.run();
  rmSync(project.path('.bitwidth/packs'), { recursive: true });
  rmSync(project.path('site'), { recursive: true });
  const answer = await project.run();
  assert.equal([answer.code, answer.ran], [0, []]);
  assert.ok(project.has('site/index.html'));
  assert.ok(trafficOf(answer).bytesDown > 0);
});

for (const [what, spoil] of [
  ['torn', (file: string) => truncateSync(file, statSync(file).size - 40)],
  ['other bytes', (file: string) => writeFileSync(file, Buffer.alloc(statSync(file).size, 0x61))],
  ['missing', (file: string) => rmSync(file)],
] as const) {
  test(`an object that is ${what} is told of and computed`, async ({ group, ben, cache, path }) => {
    const first = group.clone(cache);
    await first.run();
    const pack = filesOf(path).find((name) => name.startsWith('packs/'))!;
    chmodSync(join(path, pack), 0o644);
    spoil(join(path, pack));
    group.be(ben);
    const second = group.clone(() => cache());
    const answer = await second.run();
    assert.is(answer.code, 0, answer.lines.join("\n"));
    assert.match(warningsOf(answer).join('\n'), what === 'missing' ? /is not there any more/ : /is damaged there/);
    assert.equal(readFileSync(second.path('site/index.html')), readFileSync(first.path('site/index.html')));
    // What was made anew is put there for others.
    group.be(ben);
    const third = group.clone(() => cache([...[], ben, { ...ben, name: 'x' }].slice(0, 1)));
    const again = await third.run();
    assert.is(again.code, 0);
  });
}

test('two who write at once: every result is there once', async ({ group, anna, ben, cache, path }) => {
  const both = () => cache([anna, ben]);
  const [one, two] = [group.clone(both, () => wordCells([2, 3, 4, 5])), group.clone(both, () => wordCells([2, 3, 6, 7]))];
  const answers = await Promise.all([one.run(), two.run()]);
  assert.equal(answers.map(({ code }) => code), [0, 0]);
  const third = await group.clone(both, () => wordCells([2, 3, 4, 5])).run();
  const fourth = await group.clone(both, () => wordCells([2, 3, 6, 7])).run();
  assert.equal([third.ran, fourth.ran], [[], []]);
  assert.equal(filesOf(path).filter((name) => name.startsWith('log/')), ['log/0000000001', 'log/0000000002']);
});

test('two records that differ: the reference decides, both names are told, and it is decided once', async ({ group, anna, ben, cache, path }) => {
  const both = () => cache([anna, ben]);
  // On a machine of one make the work comes out otherwise: nothing in its key says so.
  const disputed = (project: Project): Project => {
    project.write('split.ts', project.read('split.ts').replace('wordsIn(text)', "[...wordsIn(text), ...(process.env['WORDS_MAKE'] === 'wrong' ? ['and'] : [])]").replace("engine: 'split'", "engine: process.env['WORDS_MAKE'] ?? 'plain'"));
    return project;
  };
  await disputed(group.clone(() => cache([anna]))).run();
  group.be(ben);
  const wrong = disputed(group.clone(() => ({ ...cache([ben]), at: { kind: 'folder', path: group.shared('apart') } })));
  process.env['WORDS_MAKE'] = 'wrong';
  await wrong.run('split:3');
  delete process.env['WORDS_MAKE'];
  // He sends it to where Anna's lies already.
  renameSync(join(group.shared('apart'), 'log/0000000001'), join(path, 'log/0000000002'));
  for (const name of filesOf(group.shared('apart')).filter((one) => one.startsWith('packs/'))) {
    mkdirSync(join(path, dirname(name)), { recursive: true });
    renameSync(join(group.shared('apart'), name), join(path, name));
  }
  const carol = group.person('Carol');
  group.be(carol);
  const referee = () => ({ referee: () => ({ environment: { WORDS_MAKE: 'reference' }, label: 'make reference' }) });
  const third = disputed(group.clone(both, undefined, referee));
  const answer = await third.run();
  assert.is(answer.code, 0);
  assert.equal(answer.ran, ['split:3']);
  assert.match(warningsOf(answer).join('\n'), /split:3: results of the same key differ \(words\), signed by Anna and Ben\. Computed here once more \(make reference\): what came out is what is signed by Anna, and not what is signed by Ben/);
  assert.is(readdirSync(third.path('.bitwidth/aside')).filter((name) => name.startsWith('conflict-')).length, 1);
  assert.equal((await third.run()).ran, []);
  // Who trusts Carol need not decide it again.
  group.be(anna);
  const fourth = await disputed(group.clone(() => cache([anna, ben, carol]))).run();
  assert.equal(fourth.ran, []);
  assert.equal(warningsOf(fourth), []);
});

test('a folder that is not there: one sentence, and a run like any other', async ({ group, path, cache }) => {
  rmSync(path, { recursive: true });
  const answer = await group.clone(cache).run();
  assert.equal([answer.code, answer.ran.length], [0, 5]);
  assert.is(warningsOf(answer).length, 1);
  assert.match(warningsOf(answer)[0]!, /the shared cache .* cannot be used: there is no such folder; make it, or mount its disk\. This run goes on without it/);
});

test('a file system that hangs: let go of after one attempt', async ({ group, cache, path }) => {
  // Opening a pipe that nobody writes to hangs as a network file system does whose server is away.
  mkdirSync(join(path, 'log'));
  const pipe = join(path, 'log/0000000001');
  execFileSync('mkfifo', [pipe]);
  try {
    const startedMs = performance.now();
    const answer = await group.clone(cache).run();
    assert.equal([answer.code, answer.ran.length], [0, 5]);
    assert.match(warningsOf(answer).join('\n'), /cannot be used: it did not answer within \d+ s/);
    assert.is(warningsOf(answer).length, 1);
    assert.ok(performance.now() - startedMs < 15_000);
  } finally {
    // The thread that waits is let go.
    writeFileSync(pipe, '');
  }
});

test('--cache-read-only takes and puts nothing', async ({ group, cache, path }) => {
  const answer = await group.clone(cache).run('--cache-read-only');
  assert.is(answer.code, 0);
  assert.equal(filesOf(path), []);
  await group.clone(cache).run();
  const before = filesOf(path);
  assert.equal((await group.clone(cache).run('--cache-read-only')).ran, []);
  assert.equal(filesOf(path), before);
});

test.run();
