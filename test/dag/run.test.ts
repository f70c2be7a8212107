/** A small real study of words: runs, finds nothing to do, follows changes and nothing else. */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, file, gather, output, records, stage } from '../../stages/dag/index.ts';
import { Project } from './project.ts';
import type { Cell } from '../../stages/dag/index.ts';

const split = stage({ name: 'split', title: 'Split the text', determinism: 'exact', module: 'split.ts', outputs: ['words'], where: 'in-process' });
const tally = stage({ name: 'tally', title: 'Count the words', determinism: 'exact', module: 'tally.ts', outputs: ['lines'], where: 'in-process' });
const page = stage({ name: 'page', title: 'Draw the page', determinism: 'exact', module: 'page.ts', outputs: ['site'], where: 'in-process' });

const TEXT = 'It was the best of times, it was the worst of times';

const test = suite<{ project: Project; lengths: number[] }>('dag: run');

test.before.each((context) => {
  context.lengths = [2, 3, 4];
  context.project = new Project('words', () => {
    const splits = context.lengths.map((n) => cell(split, String(n), { params: { characters: n }, inputs: { text: file('text.txt') }, batch: 'all' }));
    const lines = cell(tally, 'all', { inputs: { words: gather(splits.map((one) => output(one))) } });
    const site = cell(page, 'all', { inputs: { lines: output(lines) } });
    return { name: 'words', cells: [...splits, lines, site], exports: [{ to: 'site', from: [output(site)] }], closing: ['The site: site/index.html'] };
  });
  context.project.write('text.txt', TEXT);
});
test.after.each(({ project }) => project.remove());

test('computes all, then nothing, and exports', async ({ project }) => {
  const first = await project.run();
  assert.is(first.code, 0);
  assert.equal(first.ran, ['page:all', 'split:2', 'split:3', 'split:4', 'tally:all']);
  assert.is(project.read('site/index.html'), '<ul><li>split:2 4</li><li>split:3 4</li><li>split:4 1</li></ul>\n');
  assert.is(project.read('site/lines/1.txt'), 'split:3 4\n');
  const { done } = first;
  assert.equal({ ...done, durationMs: 0 }, { event: 'done', ran: 5, cached: 0, failed: 0, skipped: 0, durationMs: 0 });
  assert.type(done['durationMs'], 'number');

  const second = await project.run();
  assert.equal(second.ran, []);
  assert.equal({ ...second.done, durationMs: 0 }, { event: 'done', ran: 0, cached: 5, failed: 0, skipped: 0, durationMs: 0 });
});

test('a change that leaves outputs equal stops there', async ({ project }) => {
  await project.run();
  project.write('text.txt', `${TEXT.toUpperCase()}!`);
  const { ran, events } = await project.run();
  assert.equal(ran, ['split:2', 'split:3', 'split:4']);
  assert.equal(events.find(({ event, cell }) => event === 'running' && cell === 'split:2')?.['reasons'], ['input text changed (text.txt)']);
});

test('a time stamp alone changes nothing', async ({ project }) => {
  await project.run();
  writeFileSync(project.path('text.txt'), TEXT);
  assert.equal((await project.run()).ran, []);
});

test('an added cell runs with its readers only; taken away again, no cell runs', async (context) => {
  const { project } = context;
  await project.run();
  const before = project.read('site/index.html');
  context.lengths = [2, 3, 4, 5];
  assert.equal((await project.run()).ran, ['page:all', 'split:5', 'tally:all']);
  context.lengths = [2, 3, 4];
  assert.equal((await project.run()).ran, []);
  assert.is(project.read('site/index.html'), before);
  assert.not.ok(project.has('site/lines/3.txt'), 'the fourth line is gone from the export');
});

test('code counts, comments and formatting do not', async ({ project }) => {
  await project.run();
  project.write('shared.ts', `// Another comment.\n${project.read('shared.ts').replace('  return', '\n      return')}`);
  assert.equal((await project.run()).ran, []);
  project.write('shared.ts', project.read('shared.ts').replace('[a-z]+', '[a-z]{2,}'));
  const { ran, events } = await project.run();
  assert.equal(ran, ['split:2', 'split:3', 'split:4']);
  assert.equal(events.find(({ cell }) => cell === 'split:4')?.['reasons'], ['code shared.ts changed']);
});

test('targets run with what they need, and leave the exports alone', async ({ project }) => {
  const { ran, code } = await project.run('split:3');
  assert.is(code, 0);
  assert.equal(ran, ['split:3']);
  assert.equal((await project.run('split:*')).ran, ['split:2', 'split:4']);
  assert.not.ok(project.has('site'));
  assert.equal((await project.run('tally')).ran, ['tally:all']);
});

test('--force runs the targets again, and says when an exact cell differs', async ({ project }) => {
  await project.run();
  const { ran, events } = await project.run('--force', 'split:3');
  assert.equal(ran, ['split:3']);
  assert.is(events.some(({ event }) => event === 'warning'), false);
});

test('an edited or deleted export is restored, a stranger\'s file stays, and nothing is written without need', async ({ project }) => {
  await project.run();
  const untouched = statSync(project.path('site/lines/0.txt'), { bigint: true }).mtimeNs;
  writeFileSync(project.path('site/index.html'), 'edited');
  writeFileSync(project.path('site/CNAME'), 'example.org');
  rmSync(project.path('site/lines/1.txt'));
  const { ran, events } = await project.run();
  assert.equal(ran, []);
  assert.is(events.find(({ event }) => event === 'exported')?.['written'], 2);
  assert.match(project.read('site/index.html'), /^<ul>/);
  assert.is(project.read('site/lines/1.txt'), 'split:3 4\n');
  assert.is(project.read('site/CNAME'), 'example.org');
  assert.is(statSync(project.path('site/lines/0.txt'), { bigint: true }).mtimeNs, untouched);
});

test('the front page of an export is written when all other files are there', async ({ project }) => {
  mkdirSync(project.path('site'));
  // No folder can be made where a file is.
  writeFileSync(project.path('site/lines'), '');
  assert.is((await project.run()).code, 1);
  assert.is(project.has('site/index.html'), false);
  rmSync(project.path('site/lines'));
  assert.is((await project.run()).code, 0);
  assert.is(project.has('site/index.html'), true);
});

test('the store deleted: the same bytes', async ({ project }) => {
  await project.run();
  const before = readFileSync(project.path('site/index.html'));
  rmSync(project.path('.bitwidth'), { recursive: true });
  assert.is((await project.run('--jobs', '1')).ran.length, 5);
  assert.equal(readFileSync(project.path('site/index.html')), before);
});

test('two cells that are equal work are computed once', async () => {
  const twins = new Project('words', () => ({
    name: 'twins',
    cells: ['a', 'b'].map((name) => cell(split, name, { params: { characters: 3 }, inputs: { text: file('text.txt') }, batch: 'all' })),
  }));
  try {
    twins.write('text.txt', TEXT);
    const { done, code } = await twins.run();
    assert.is(code, 0);
    assert.is(done['ran'], 1);
    assert.is(done['cached'], 1);
  } finally {
    twins.remove();
  }
});

test('a batch whose cells depend on each other is run in parts', async () => {
  const chain = new Project('faults', () => {
    const act = stage({ name: 'act', title: 'Act', determinism: 'exact', module: 'act.ts', outputs: ['out'], where: 'in-process' });
    const cells: Cell[] = [];
    for (let i = 0; i < 4; i++) cells.push(cell(act, String(i), { params: { act: 'commit' }, inputs: i === 0 ? {} : { before: output(cells[i - 1]!) }, batch: 'one' }));
    return { name: 'chain', cells };
  });
  try {
    assert.is((await chain.run()).done['ran'], 4);
  } finally {
    chain.remove();
  }
});

test('records arrive as provenance, and their durations do not count', async () => {
  const project = new Project('words', () => {
    const one = cell(split, 'one', { params: { characters: 3 }, inputs: { text: file('text.txt') } });
    const look = stage({ name: 'look', title: 'Look at records', determinism: 'exact', module: 'look.ts', outputs: ['report'], where: 'in-process' });
    const told = cell(look, 'all', { inputs: { cells: records([one]) } });
    return { name: 'provenance', cells: [one, told], exports: [{ to: 'site', from: [output(told)] }] };
  });
  try {
    project.write('text.txt', TEXT);
    await project.run();
    const [item] = JSON.parse(project.read('site/report')) as [{ [field: string]: unknown }];
    assert.is(item['cell'], 'split:one');
    assert.equal(item['params'], { characters: 3 });
    assert.equal((item['inputs'] as { text: unknown[] }).text.length, 1);
    assert.equal(Object.keys(item['code'] as object), ['shared.ts', 'split.ts']);
    assert.equal(item['reasons'], [{ field: 'never computed' }]);
    assert.equal((item['record'] as { computedBy: unknown }).computedBy, { engine: 'split' });
    assert.equal((await project.run('--force', 'split')).ran, ['split:one']);
  } finally {
    project.remove();
  }
});

test.run();
