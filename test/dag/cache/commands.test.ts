/** `cache status|push|pull`, on a folder. */
import { readFileSync, rmSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, stage } from '../../../stages/dag/index.ts';
import { Group, HASTY, wordCells } from './cached-project.ts';
import type { Person } from './cached-project.ts';
import type { SharedCacheSettings } from '../../../stages/dag/index.ts';
import type { Project } from '../project.ts';

const test = suite<{ group: Group; anna: Person; ben: Person; cache: () => SharedCacheSettings }>('dag: command cache');
test.before.each((context) => {
  const group = context.group = new Group();
  context.anna = group.person('Anna');
  context.ben = group.person('Ben');
  const at = { kind: 'folder', path: group.shared() } as const;
  context.cache = () => ({ at, trust: [context.anna, context.ben].map(({ name, key }) => ({ name, key })), patience: HASTY });
  group.be(context.anna);
});
test.after.each(({ group }) => group.remove());

const json = async (project: Project, ...argv: string[]): Promise<{ readonly code: number; readonly [name: string]: unknown }> => {
  const { code, lines } = await project.command('cache', ...argv, '--json');
  return { code, ...(JSON.parse(lines.at(-1)!) as object) };
};

test('push sends what a run without it computed; status counts; pull brings bytes', async ({ group, anna, ben, cache }) => {
  let on = false;
  const first = group.clone(() => on ? cache() : undefined);
  await first.run();
  on = true;
  const before = await json(first, 'status');
  assert.equal([before.code, before['results'], before['there'], before['keys'], before['key']], [0, 5, 0, 0, anna.key]);
  const pushed = await json(first, 'push');
  assert.equal([pushed.code, pushed['sent'], pushed['left']], [0, 5, 0]);
  const again = await json(first, 'push');
  assert.equal([again.code, again['sent'], again['bytesUp']], [0, 0, 0]);
  assert.match((await first.command('cache', 'status')).lines.join('\n'), /5 of 5 cells have their result there; 0 results are only in the store\nTrusted: Anna, Ben, and you\nYour key, for the trust: of others: ed25519:/);

  group.be(ben);
  const second = group.clone(cache);
  const seen = await json(second, 'status');
  assert.equal([seen['there'], seen['fresh']], [5, 5]);
  const pulled = await json(second, 'pull');
  assert.equal([pulled.code, pulled['taken'], pulled['lacking'], pulled['results']], [0, 5, 0, 5]);
  // Everything is here now: without the cache there is nothing to do.
  rmSync(group.shared(), { recursive: true });
  const run = await second.run();
  assert.equal([run.ran, run.done['cached']], [[], 5]);
  assert.equal(readFileSync(second.path('site/index.html')), readFileSync(first.path('site/index.html')));
});

test('targets, and what is wrong with a call', async ({ group, cache }) => {
  const first = group.clone(cache);
  await first.run('--cache-read-only');
  assert.equal((await json(first, 'push', 'split:*'))['sent'], 3);
  const none = await group.clone(() => undefined).command('cache', 'status');
  assert.equal([none.code, none.complaints.length], [2, 1]);
  assert.match(none.complaints[0]!, /there is no shared cache; say where under cache: in data\/study\.yaml/);
  assert.match((await first.command('cache', 'sync')).complaints[0]!, /unknown action "sync"; it is status, push or pull/);
  const only = group.clone(() => ({ ...cache(), readOnly: true }));
  assert.match((await only.command('cache', 'push')).complaints[0]!, /nothing may be put into it/);
});

test('timings of another machine stand in where there are none, under its name, and join others only by pull', async ({ group, cache }) => {
  const timed = stage({ name: 'timed', title: 'Time it', determinism: 'measured', module: 'split.ts', outputs: ['words'], where: 'in-process' });
  const cells = () => { const split = wordCells([2])[0]!; return [cell(timed, 'one', { params: { characters: 3 }, inputs: split.inputs })]; };
  const machine = async <T>(name: string, act: () => Promise<T>): Promise<T> => {
    process.env['BITWIDTH_MACHINE'] = name;
    try {
      return await act();
    } finally {
      delete process.env['BITWIDTH_MACHINE'];
    }
  };
  const [desk, rack, laptop] = [group.clone(cache, cells), group.clone(cache, cells), group.clone(cache, cells)];
  assert.equal((await machine('desk', () => desk.run())).ran, ['timed:one']);
  // The rack has none of its own: the desk's is shown, under the desk's name.
  assert.equal((await machine('rack', () => rack.run())).ran, []);
  assert.match((await machine('rack', () => rack.command('why', 'timed:one'))).lines.join('\n'), /desk/);
  assert.equal((await machine('rack', () => rack.run('--measure'))).ran, ['timed:one']);
  // The desk goes on with its own alone, until it asks for others.
  assert.equal((await machine('desk', () => desk.run())).done['cache'] !== undefined, true);
  const own = await machine('desk', () => desk.command('check', '--json'));
  assert.is((JSON.parse(own.lines.at(-1)!) as { records: number }).records, 1);
  assert.is((await machine('desk', () => json(desk, 'pull')))['taken'], 1);
  // An empty store takes both.
  await machine('laptop', () => laptop.run());
  const both = await machine('laptop', () => laptop.command('check', '--json'));
  assert.is((JSON.parse(both.lines.at(-1)!) as { records: number }).records, 2);
});

test.run();
