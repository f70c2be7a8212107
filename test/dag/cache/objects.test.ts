/** Large objects, files from outside, and what a run does that meets both. */
import { createHash } from 'node:crypto';
import { readdirSync, rmSync, statSync, truncateSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, output, stage } from '../../../stages/dag/index.ts';
import { Group, HASTY, trafficOf, warningsOf } from './cached-project.ts';
import type { Person } from './cached-project.ts';
import type { Cell, SharedCacheSettings } from '../../../stages/dag/index.ts';
import type { Project } from '../project.ts';

const LARGE = 40_000_000;
const MAKE = `import { createHash } from 'node:crypto';
export const run = async (cells, io) => {
  for (const { id } of cells) {
    const bytes = Buffer.alloc(${LARGE});
    for (let at = 0; at < bytes.length; at += 32) createHash('sha256').update(String(at)).digest().copy(bytes, at);
    await io.commit(id, { weights: bytes });
  }
};
`;
const USE = `export const run = async (cells, io) => {
  for (const one of cells) await io.commit(one.id, { sum: String((await io.input(one, 'weights')).length) });
};
`;
const FETCH = `export const run = async (cells, io) => {
  for (const one of cells) {
    const handle = Object.values(one.present ?? {})[0];
    await io.commit(one.id, { files: { tree: new Map([['file.txt', handle === undefined ? (process.env['FROM_OUTSIDE'] ?? 'nothing') : { stored: handle }]]) } });
  }
};
`;
const make = stage({ name: 'make', title: 'Make', determinism: 'exact', module: 'make.ts', outputs: ['weights'], where: 'in-process' });
const use = stage({ name: 'use', title: 'Use', determinism: 'exact', module: 'use.ts', outputs: ['sum'], where: 'in-process' });
const fetched = stage({ name: 'fetch', title: 'Fetch', determinism: 'fetched', module: 'fetch.ts', outputs: ['files'], where: 'in-process' });
const RIGHT = 'the file that is meant';
const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

function largeCells(factor: number): readonly Cell[] {
  const made = cell(make, 'one');
  return [made, cell(use, 'one', { params: { factor }, inputs: { weights: output(made) } })];
}

const fetchCells = (): readonly Cell[] => [cell(fetched, 'one', { params: { sha256: sha(RIGHT) }, promised: [{ sha256: sha(RIGHT), bytes: RIGHT.length }] })];

const test = suite<{ group: Group; anna: Person; path: string; cache: () => SharedCacheSettings; clone: (cells: () => readonly Cell[]) => Project }>('dag: objects in a shared cache');
test.before.each((context) => {
  const group = context.group = new Group();
  context.anna = group.person('Anna');
  group.be(context.anna);
  context.path = group.shared();
  context.cache = () => ({ at: { kind: 'folder', path: context.path }, trust: [context.anna], patience: HASTY });
  context.clone = (cells) => {
    const project = group.clone(context.cache, cells);
    for (const [name, text] of [['make.ts', MAKE], ['use.ts', USE], ['fetch.ts', FETCH]] as const) project.write(name, text);
    return project;
  };
});
test.after.each(({ group }) => group.remove());

const objectsOf = (path: string): readonly string[] => readdirSync(join(path, 'objects'), { recursive: true, encoding: 'utf8' }).map((name) => join(path, 'objects', name)).filter((name) => statSync(name).isFile());

test('an object of 40 MB lies there by itself, and is brought when something reads it', async ({ clone, path }) => {
  await clone(() => largeCells(1)).run();
  assert.equal(objectsOf(path).map((name) => statSync(name).size), [LARGE]);
  const second = clone(() => largeCells(1));
  const idle = await second.run();
  assert.equal(idle.ran, []);
  assert.ok(trafficOf(idle).bytesDown < 10_000, `${trafficOf(idle).bytesDown} bytes were brought that nothing reads`);
  const third = clone(() => largeCells(2));
  const answer = await third.run();
  assert.equal([answer.code, answer.ran], [0, ['use:one']]);
  assert.ok(trafficOf(answer).bytesDown >= LARGE);
  assert.is((await third.command('check')).code, 0);
  // Purged from the store, it comes back and is not made again.
  rmSync(third.path('.bitwidth/objects'), { recursive: true });
  assert.equal((await third.run('--force', 'use:one')).ran, ['use:one']);
});

test('a large object that is torn there is told of, made again, and put there anew', async ({ clone, path }) => {
  await clone(() => largeCells(1)).run();
  const [name] = objectsOf(path);
  chmodSync(name!, 0o644);
  truncateSync(name!, 20_000_000);
  const answer = await clone(() => largeCells(2)).run();
  assert.equal([answer.code, answer.ran], [0, ['make:one', 'use:one']]);
  assert.match(warningsOf(answer).join('\n'), /is damaged there \(it ends after 20000000 of 40000000 bytes\) and is not used/);
  assert.is(statSync(name!).size, LARGE);
  assert.equal((await clone(() => largeCells(3)).run()).ran, ['use:one']);
});

test('files from outside are held to the sha256 that their cell names, whoever signed the record', async ({ clone }) => {
  process.env['FROM_OUTSIDE'] = RIGHT;
  try {
    await clone(fetchCells).run();
    const second = await clone(fetchCells).run();
    assert.equal([second.ran, trafficOf(second).taken], [[], 1]);
  } finally {
    delete process.env['FROM_OUTSIDE'];
  }
});

test('a record of other files than those counts for nothing', async ({ clone }) => {
  process.env['FROM_OUTSIDE'] = 'something else';
  await clone(fetchCells).run();
  process.env['FROM_OUTSIDE'] = RIGHT;
  try {
    const second = clone(fetchCells);
    const answer = await second.run();
    assert.equal([answer.code, answer.ran, trafficOf(answer).taken], [0, ['fetch:one'], 0]);
  } finally {
    delete process.env['FROM_OUTSIDE'];
  }
});

test('what is promised is taken from it rather than from outside, although the record is another\'s', async ({ clone }) => {
  process.env['FROM_OUTSIDE'] = RIGHT;
  await clone(fetchCells).run();
  delete process.env['FROM_OUTSIDE'];
  // Another key of the same file: its downloader has changed.
  const second = clone(fetchCells);
  second.write('fetch.ts', FETCH.replace("'nothing'", "'nothing at all'"));
  const answer = await second.run();
  assert.equal([answer.code, answer.ran], [0, ['fetch:one']]);
  const third = await clone(fetchCells).run();
  assert.equal(third.ran, []);
  const { lines } = await second.command('cache', 'status', '--json');
  assert.is((JSON.parse(lines[0]!) as { objects: number }).objects, 2, 'a manifest and a file, as before: the bytes are the same');
});

test.run();
