/** Outputs that are too large for memory are moved into the store, promised ones are not made twice, and files of other folders are read where they lie. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, realpathSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, file, openResults, stage } from '../../stages/dag/index.ts';
import { Rate } from '../../stages/dag/rate.ts';
import { amount } from '../../stages/dag/words.ts';
import { Project } from './project.ts';
import type { CellDeclaration, Json } from '../../stages/dag/index.ts';

const LARGE = Buffer.alloc(3 << 20, 'large ');
const SHA256 = createHash('sha256').update(LARGE).digest('hex');
const takeIn = (where: 'in-process' | 'worker') => stage({ name: 'take', title: 'Take it in', determinism: 'fetched', module: 'take.ts', outputs: ['bytes'], where });

interface Context { project: Project; where: 'in-process' | 'worker'; cells: { readonly [path: string]: CellDeclaration } }
const test = suite<Context>('dag: large outputs');

test.before.each((context) => {
  context.where = 'in-process';
  context.cells = {};
  context.project = new Project('large', () => {
    const own = takeIn(context.where);
    return { name: 'large', cells: Object.entries(context.cells).map(([path, declaration]) => cell(own, path, declaration)) };
  });
  context.project.write('large.bin', LARGE.toString());
});
test.after.each(({ project }) => project.remove());

const taking = (how: string, more: { readonly [name: string]: Json } = {}): CellDeclaration => ({ params: { how, ...more }, inputs: { file: file('large.bin') } });
const objectPath = (project: Project): string => project.path('.bitwidth/objects', SHA256.slice(0, 2), SHA256);
const scratchIsEmpty = (project: Project): void => assert.equal(readdirSync(project.path('.bitwidth/scratch')), []);

for (const where of ['in-process', 'worker'] as const) test(`a copied input is moved into the store, alone and in a folder (${where})`, async (context) => {
  const { project } = context;
  context.where = where;
  context.cells = { one: taking('copied'), tree: taking('folder') };
  const { code, ran } = await project.run();
  assert.is(code, 0);
  assert.equal(ran, ['take:one', 'take:tree']);
  assert.ok(readFileSync(objectPath(project)).equals(LARGE));
  assert.ok(readFileSync(project.path('large.bin')).equals(LARGE), 'the input stays where it is');
  scratchIsEmpty(project);
});

test('a file that is not the task\'s own is refused, and stays', async (context) => {
  context.cells = { one: taking('elsewhere') };
  const { code, events } = await context.project.run();
  assert.is(code, 1);
  assert.match(String(events.find(({ event }) => event === 'failed')?.['sentence']), /outside the task's own folders/);
  assert.ok(context.project.has('large.bin'));
});

test('what is promised and stored is handed to the task, and plan does not count it', async (context) => {
  const { project } = context;
  const promised = { ...taking('promised'), promised: [{ sha256: SHA256, bytes: LARGE.length }] };
  context.cells = { one: promised };
  assert.match((await project.command('plan')).lines.join('\n'), /^To be fetched: 3\.1 MB that the store does not have\.$/m);
  await project.run();
  context.cells = { one: promised, two: { ...promised, params: { how: 'promised', again: true } } };
  const plan = (await project.command('plan', '--json')).lines.map((line) => JSON.parse(line) as { cell: string; bytes: number });
  assert.equal(plan.map(({ cell: id, bytes }) => [id, bytes]), [['take:two', 0]]);
  const { ran } = await project.run();
  assert.equal(ran, ['take:two']);
  const own = takeIn('in-process');
  const results = await openResults({ name: 'large', root: project.root, cells: Object.entries(context.cells).map(([path, declaration]) => cell(own, path, declaration)), boundaries: {}, exports: [] });
  try {
    assert.equal(['take:one', 'take:two'].map((id) => results.cells.get(id)?.record?.computedBy?.['how']), ['copied', 'stored']);
    assert.is(results.cells.get('take:two')?.record?.outputs['bytes']?.sha256, SHA256);
  } finally {
    await results.close();
  }
  assert.is((await project.command('check')).code, 0);
});

test('what is half done outlives the task, and gc removes it after a month', async (context) => {
  const { project } = context;
  context.cells = { one: taking('resumed') };
  assert.equal((await project.run()).failed, ['take:one']);
  assert.equal((await project.run()).ran, ['take:one']);
  assert.is(project.read('.bitwidth/unfinished/take/log'), `found ${LARGE.length}`);
  assert.not.ok(project.has('.bitwidth/unfinished/take/half'), 'it was moved into the store');
  const log = project.path('.bitwidth/unfinished/take/log');
  await project.command('gc', '--yes');
  assert.ok(existsSync(log));
  const old = new Date(Date.now() - 40 * 24 * 3600 * 1000);
  utimesSync(log, old, old);
  assert.match((await project.command('gc', '--yes')).lines.join('\n'), /1 file \(13 B\) of downloads that nobody went on with/);
  assert.not.ok(existsSync(log));
});

test('a file that lies elsewhere is read there, and its place is recorded nowhere', async (context) => {
  const { project } = context;
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bitwidth-canary-')));
  try {
    writeFileSync(join(folder, 'mine.bin'), LARGE);
    context.cells = { one: { params: { how: 'copied' }, inputs: { file: file('local:mine/mine.bin', join(folder, 'mine.bin')) } } };
    assert.equal((await project.run()).ran, ['take:one']);
    assert.equal((await project.run()).ran, []);
    writeFileSync(join(folder, 'mine.bin'), `${LARGE.toString()}!`);
    const { ran, events } = await project.run();
    assert.equal(ran, ['take:one']);
    assert.equal(events.find(({ event }) => event === 'running')?.['reasons'], ['input file changed (local:mine/mine.bin)']);
    rmSync(join(folder, 'mine.bin'));
    const gone = await project.run();
    assert.match(String(gone.events.find(({ event }) => event === 'failed')?.['sentence']), /the file local:mine\/mine\.bin \(input file\) is missing/);
    for (const path of readdirSync(project.path('.bitwidth'), { recursive: true, withFileTypes: true })) {
      if (path.isFile()) assert.not.ok(readFileSync(join(path.parentPath, path.name)).includes(folder), `${path.name} tells where the file lies`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('bytes are told in sizes, with how fast they come', () => {
  assert.is(amount(3, 40, 'windows'), '3/40 windows');
  assert.is(amount(1.2e9, 14e9, 'bytes', 85e6), '1.2 GB of 14 GB, 85 MB/s, 2 min 31 s left');
  assert.is(amount(14e9, 14e9, 'bytes', 85e6), '14 GB of 14 GB, 85 MB/s');
  let ms = 0;
  const rate = new Rate(() => ms);
  assert.is(rate.at(0), undefined);
  for (; ms < 10_000; ms += 500) rate.at(ms * 1000);
  assert.is(Math.round(rate.at(10_000_000)!), 1_000_000);
  for (ms = 10_500; ms < 20_000; ms += 500) rate.at(10_000_000);
  assert.is(rate.at(10_000_000), 0, 'a stall shows');
});

test.run();
