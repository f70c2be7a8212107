/** GPUs of a run: each for one task at a time, in a process that is bound to it. Cards are names here, and what binds to one is a variable. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openStoreOf } from '../../stages/dag/ground.ts';
import { cell, openLive, stage } from '../../stages/dag/index.ts';
import { Turns } from '../../stages/dag/turns.ts';
import { Project } from './project.ts';
import type { CellDeclaration, Cell, Gpu, MachineGpus, Stage } from '../../stages/dag/index.ts';

interface Declared { act: Partial<Stage>; machine: MachineGpus; asked: number; cells: (act: Stage, other: Stage) => Cell[] }
const test = suite<{ declared: Declared; project: Project }>('dag: gpus');

const card = (name: string): Gpu => ({ name: `card ${name}`, environment: { CARD: name } });
const [A, B] = [card('A'), card('B')];

test.before.each((context) => {
  const declared: Declared = context.declared = { act: {}, machine: { gpus: [A, B], told: [] }, asked: 0, cells: (act) => onCards(act, 6) };
  context.project = new Project('faults', () => {
    const act = stage({ name: 'act', title: 'Act', determinism: 'exact', module: 'act.ts', outputs: ['out'], resources: { gpus: 1 }, ...declared.act });
    const other = stage({ name: 'other', title: 'Act otherwise', determinism: 'exact', module: 'act.ts', outputs: ['out'] });
    return { name: 'gpus', cells: declared.cells(act, other), gpus: async () => { declared.asked++; return declared.machine; } };
  });
});
test.after.each(({ project }) => project.remove());

const onCards = (of: Stage, n: number, more: (i: number) => CellDeclaration = () => ({}), name = ''): Cell[] => Array.from({ length: n }, (_, i) => {
  const { params, ...rest } = more(i);
  return cell(of, `${name}${i}`, { params: { act: 'on card', i: `${name}${i}`, ...params }, ...rest });
});

/** Each waits until it has met another, some seconds at most. */
const MEETING = (): CellDeclaration => ({ params: { act: 'on card', meets: true } });

interface Span { readonly cell: string; readonly card: string; readonly pid: number }

/** What ran, in the order of starting; each with those that ran when it started. */
function spans(project: Project): (Span & { readonly beside: readonly Span[] })[] {
  const now = new Map<string, Span>();
  const all: (Span & { readonly beside: readonly Span[] })[] = [];
  for (const line of project.read('cards.log').trimEnd().split('\n')) {
    const span = JSON.parse(line.slice(1)) as Span;
    if (line.startsWith('-')) now.delete(span.cell);
    else {
      all.push({ ...span, beside: [...now.values()] });
      now.set(span.cell, span);
    }
  }
  return all;
}

const warnings = (events: readonly { readonly event: string; readonly [field: string]: unknown }[]): unknown[] => events.filter(({ event }) => event === 'warning').map(({ sentence }) => sentence);

/** No two at once on one card; and at some time so many at once. */
function shared(project: Project, atOnce: number): void {
  const all = spans(project);
  assert.equal(all.filter((one) => one.beside.some((other) => other.card === one.card)), []);
  assert.is(Math.max(...all.map(({ beside }) => beside.length + 1)), atOnce);
}

test('one task for each card at once, in a process of its own that is bound to it', async ({ project, declared }) => {
  declared.cells = (act) => onCards(act, 6, MEETING);
  const { code, events } = await project.run('--jobs', '8');
  assert.is(code, 0);
  shared(project, 2);
  const all = spans(project);
  assert.equal([...new Set(all.map(({ card }) => card))].sort(), ['A', 'B']);
  const cardsOf = new Map(all.map(({ pid }) => [pid, new Set(all.filter((one) => one.pid === pid).map(({ card }) => card))]));
  assert.ok([...cardsOf.values()].every(({ size }) => size === 1), 'a process stays on its card');
  assert.equal(warnings(events), []);
  assert.is(declared.asked, 1);
});

test('a stage that would run in the process of the run runs in a bound one', async ({ project, declared }) => {
  declared.cells = (act) => onCards(act, 6, MEETING);
  declared.act = { where: 'in-process' };
  assert.is((await project.run('--jobs', '8')).code, 0);
  shared(project, 2);
  assert.ok(spans(project).every(({ pid }) => pid !== process.pid));
});

test('a cell that names its card waits for this one, and none waits behind it that needs another', async ({ project, declared }) => {
  // More work on A, so that its tasks are the first in the queue.
  declared.cells = (act) => [...onCards(act, 3, () => ({ ...MEETING(), gpu: A, work: 9 }), 'a'), ...onCards(act, 3, () => ({ ...MEETING(), gpu: B, work: 1 }), 'b')];
  assert.is((await project.run('--jobs', '8')).code, 0);
  shared(project, 2);
  for (const { cell: id, card } of spans(project)) assert.is(card, id.startsWith('act:a') ? 'A' : 'B');
  const order = spans(project).map(({ cell: id }) => id.slice('act:'.length, -1));
  assert.ok(order.indexOf('b') < order.lastIndexOf('a'));
});

test('cells of one batch that name others are other tasks; which one is no part of a key', async ({ project, declared }) => {
  declared.cells = (act) => onCards(act, 4, (i) => ({ ...MEETING(), batch: 'all', gpu: i % 2 === 0 ? A : B }));
  await project.run('--jobs', '8');
  shared(project, 2);
  declared.cells = (act) => onCards(act, 4, () => ({ ...MEETING(), batch: 'all', gpu: A }));
  assert.equal((await project.run('--jobs', '8')).ran, []);
});

test('beside a program that takes whichever it likes no other takes one', async ({ project, declared }) => {
  // One before the others, one when they end: either would find one of them beside it. Of a stage of its own, so that none of them waits behind it in line.
  declared.cells = (act, other) => [...onCards(act, 2, (i) => ({ anyGpu: true, work: i === 0 ? 9 : 0 }), 'any'), ...onCards(other, 3, (i) => ({ gpus: 1, ...(i < 2 ? { work: 2 } : { params: { act: 'on card', ms: 2000 } }) }))];
  assert.is((await project.run('--jobs', '8')).code, 0);
  for (const { cell: id, card, beside } of spans(project)) {
    if (id.startsWith('act:any')) assert.equal([card, beside], ['none', []]);
    else assert.ok(beside.every(({ cell: other }) => !other.startsWith('act:any')));
  }
});

test('a task of several chooses by itself, so none is beside it', async ({ project, declared }) => {
  declared.machine = { gpus: [A, B, card('C')], told: [] };
  declared.cells = (act, other) => [...onCards(act, 2, (i) => ({ gpus: 2, work: i === 0 ? 9 : 0 }), 'two-'), ...onCards(other, 2, () => ({ gpus: 1 }))];
  assert.is((await project.run('--jobs', '8')).code, 0);
  for (const { cell: id, card, beside } of spans(project)) {
    if (id.startsWith('act:two')) assert.equal([card, beside], ['none', []]);
    else assert.ok(beside.every(({ cell: other }) => !other.startsWith('act:two')));
  }
});

test('beside tasks on cards others run, and what takes no card is bound to none', async ({ project, declared }) => {
  declared.cells = (act, other) => [...onCards(act, 4), ...onCards(other, 4)];
  await project.run('--jobs', '8');
  const all = spans(project);
  assert.ok(all.filter(({ cell: id }) => id.startsWith('other:')).every(({ card }) => card === 'none'));
  assert.ok(all.some(({ card, beside }) => beside.some((other) => (other.card === 'none') !== (card === 'none'))));
});

test('what times something has the machine alone, on the first card', async ({ project, declared }) => {
  declared.act = { determinism: 'measured', exclusive: true };
  declared.cells = (act, other) => [...onCards(act, 3), ...onCards(other, 3)];
  assert.is((await project.run('--jobs', '8')).code, 0);
  for (const { cell: id, card, beside } of spans(project)) if (id.startsWith('act:')) assert.equal([card, beside], ['A', []]);
});

test('--gpus: fewer than there are; more are not used, and that is said', async ({ project, declared }) => {
  await project.run('--jobs', '8', '--gpus', '1');
  shared(project, 1);
  project.write('cards.log', '');
  declared.cells = (act) => onCards(act, 6, MEETING);
  const { events } = await project.run('--jobs', '8', '--gpus', '3');
  shared(project, 2);
  assert.equal(warnings(events), ['--gpus is 3, and 2 are used at a time: tasks can tell no more apart here']);
});

test('--gpus 0: no cell takes one; those that would fail, and say so, the others run; a later run computes them', async ({ project, declared }) => {
  declared.cells = (act, other) => [...onCards(act, 2), ...onCards(act, 1, () => ({ gpu: B }), 'named'), ...onCards(act, 1, () => ({ anyGpu: true }), 'any'), ...onCards(other, 2)];
  const { code, lines } = await project.command('run', '--gpus', '0', '--force');
  assert.is(code, 1);
  assert.ok(lines.some((line) => /\(not-available\): it takes a GPU, and --gpus is 0$/.test(line)), lines.join('\n'));
  assert.equal(spans(project).map(({ cell: id }) => id).sort(), ['other:0', 'other:1']);
  assert.is(declared.asked, 0, 'nobody looks for GPUs');
  declared.act = { optional: true };
  const without = await project.command('run', '--gpus', '0');
  assert.is(without.code, 0);
  assert.equal(without.lines.filter((line) => line === 'act failed: it takes a GPU, and --gpus is 0').length, 1);
  assert.is((await project.run()).ran.length, 4);
});

test('what was measured before and cannot be now is said to be there and not shown, once', async ({ project, declared }) => {
  declared.act = { optional: true, determinism: 'measured' };
  declared.cells = (act) => onCards(act, 2, () => ({ facts: { driver: declared.machine.told[0] ?? '' } }));
  await project.run();
  declared.machine = { gpus: [A, B], told: ['another driver'] };
  const { code, events } = await project.run('--gpus', '0');
  assert.is(code, 0);
  assert.equal(warnings(events), ['act: earlier results of it stay in the store and are not shown']);
});

test('what was only to be measured once more and could not be goes on counting, and is not said to be hidden', async ({ project, declared }) => {
  declared.act = { optional: true, determinism: 'measured' };
  declared.cells = (act) => onCards(act, 2);
  await project.run();
  for (const again of ['--force', '--measure']) {
    const { code, events } = await project.run('--gpus', '0', again);
    assert.is(code, 0);
    assert.equal(warnings(events), ['act: earlier results of it go on counting: this run leaves them out, and the next one shows them'], again);
    const next = await project.run();
    assert.equal([next.code, next.ran, warnings(next.events)], [0, [], []], again);
  }
});

test('two runs in one folder: what takes a GPU has it alone, the other waits and says so; on another GPU it does not wait', async ({ project, declared }) => {
  declared.cells = (act, other) => [...onCards(act, 2, () => ({ gpu: A, params: { ms: 1500 } }), 'a'), ...onCards(other, 2, () => ({ gpus: 1, gpu: A, params: { ms: 400 } }), 'a'), ...onCards(other, 2, () => ({ gpus: 1, gpu: B, params: { ms: 400, meets: true } }), 'b')];
  const [first, second] = await Promise.all([project.run('act', '--jobs', '8'), project.run('other', '--jobs', '8')]);
  assert.equal([first.code, second.code, first.ran.length, second.ran.length], [0, 0, 2, 4]);
  const all = spans(project);
  assert.equal(all.filter((one) => one.beside.some((beside) => beside.card === one.card)), []);
  assert.ok(all.some(({ card, beside }) => card === 'B' && beside.length > 0), 'on the other card at once');
  assert.ok([...warnings(first.events), ...warnings(second.events)].includes('another run in this folder uses the GPU: they take turns'));
});

test('who has a GPU or the machine, and no cell, is at work on nothing', async ({ project }) => {
  const declaration = project.pipeline();
  const [store, live] = [openStoreOf(declaration), openLive(declaration)];
  try {
    const turns = new Turns(store, declaration, () => undefined, () => false);
    const giveBack = await turns.takeGpus(['card A']);
    await turns.begin();
    assert.is((await store.leases.held()).length, 2);
    const { running, holders } = (await live.look())!;
    assert.equal([running, holders], [[], []]);
    await turns.end();
    await giveBack();
  } finally {
    await live.close();
    await store.close();
  }
});

test('two runs in one folder: a program that takes whichever it likes waits for all', async ({ project, declared }) => {
  declared.cells = (act, other) => [...onCards(act, 2, (i) => ({ gpu: i === 0 ? A : B, params: { ms: 800 } })), ...onCards(other, 1, () => ({ gpus: 1, anyGpu: true, params: { ms: 400 } }))];
  await Promise.all([project.run('act', '--jobs', '8'), project.run('other', '--jobs', '8')]);
  for (const { cell: id, beside } of spans(project)) assert.ok(id.startsWith('act') ? beside.every(({ cell: other }) => other.startsWith('act')) : beside.length === 0);
});

test('cards that cannot be told apart: one task at a time, and why is said once', async ({ project, declared }) => {
  declared.machine = { gpus: [A], told: ['2 cards are called A, and nothing tells them apart: one task at a time'] };
  const { events } = await project.run('--jobs', '8');
  shared(project, 1);
  assert.equal(warnings(events), [...declared.machine.told]);
});

test('where nobody knows them, tasks take turns and are bound to none', async ({ project, declared }) => {
  declared.machine = { gpus: [], told: [] };
  const { events } = await project.run('--jobs', '8', '--gpus', '2');
  assert.ok(spans(project).every(({ card, beside }) => card === 'none' && beside.length === 0));
  assert.equal(warnings(events), ['--gpus is 2, and 1 is used at a time: tasks can tell no more apart here']);
});

test('a run that needs none, or has nothing to do, does not ask which there are', async ({ project, declared }) => {
  declared.cells = (_, other) => onCards(other, 2);
  await project.run();
  assert.is(declared.asked, 0);
  declared.cells = (act) => onCards(act, 2);
  await project.run();
  assert.is(declared.asked, 1);
  await project.run();
  assert.is(declared.asked, 1);
});

test('reproduce: on the card that a cell names, one by one', async ({ project, declared }) => {
  declared.cells = (act) => onCards(act, 4, (i) => ({ gpu: i % 2 === 0 ? A : B }));
  await project.run();
  project.write('cards.log', '');
  assert.is((await project.command('reproduce', '--jobs', '4')).code, 0);
  shared(project, 1);
  for (const { cell: id, card } of spans(project)) assert.is(card, Number(id.at(-1)) % 2 === 0 ? 'A' : 'B');
});

test('a mistake in the declaration', async ({ project, declared }) => {
  for (const [more, complaint] of [
    [{ gpu: A, anyGpu: true }, /^cell "act:0": anyGpu contradicts gpu, which is "card A"; give one of them$/],
    [{ gpu: A, gpus: 2 }, /^cell "act:0": gpu is "card A", so gpus must be 1$/],
  ] as const) {
    declared.cells = (act) => onCards(act, 1, () => more);
    const { code, complaints } = await project.command('run');
    assert.is(code, 2);
    assert.match(complaints[0]!, complaint);
  }
});

test.run();
