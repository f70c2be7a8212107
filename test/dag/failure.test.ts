/** What goes wrong stays where it went wrong; with real worker processes. */
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, gather, output, stage } from '../../stages/dag/index.ts';
import { openStore } from '../../stages/dag/open-store.ts';
import { Project } from './project.ts';
import type { Cell, Stage } from '../../stages/dag/index.ts';

interface Declared { act: Partial<Stage>; cells: (act: Stage) => Cell[] }
const test = suite<{ declared: Declared; project: Project }>('dag: failure');

test.before.each((context) => {
  context.declared = { act: {}, cells: () => [] };
  context.project = new Project('faults', () => {
    const act = stage({ name: 'act', title: 'Act', determinism: 'exact', module: 'act.ts', outputs: ['out'], ...context.declared.act });
    return { name: 'faults', cells: context.declared.cells(act) };
  });
});
test.after.each(({ project }) => project.remove());

const follow = stage({ name: 'follow', title: 'Follow', determinism: 'exact', module: 'act.ts', outputs: ['out'], where: 'in-process' });
const sum = stage({ name: 'sum', title: 'Gather', determinism: 'exact', module: 'act.ts', outputs: ['out'], where: 'in-process' });

/** Cells in one batch, by their act, each with a follower; and one that gathers all. */
const batchOf = (acts: readonly string[]) => (act: Stage): Cell[] => {
  const cells = acts.map((what, i) => cell(act, String(i), { params: { act: what, i }, batch: 'one' }));
  const followers = cells.map((one, i) => cell(follow, String(i), { params: { act: 'commit' }, inputs: { before: output(one) } }));
  return [...cells, ...followers, cell(sum, 'all', { params: { act: 'commit' }, inputs: { all: gather(cells.map((one) => output(one))) } })];
};
const failureOf = (events: readonly { readonly [field: string]: unknown }[], id: string) => events.find(({ cell, event }) => cell === id && (event === 'failed' || event === 'skipped'));

test('a failed cell takes its descendants only; it is not tried again until asked', async ({ declared, project }) => {
  declared.act = { where: 'in-process' };
  declared.cells = batchOf(['commit', 'fail', 'commit']);
  const { code, ran, failed, skipped, done, events } = await project.run();
  assert.is(code, 1);
  assert.equal(ran, ['act:0', 'act:2', 'follow:0', 'follow:2', 'sum:all']);
  assert.equal(failed, ['act:1']);
  assert.equal(skipped, ['follow:1']);
  assert.equal({ ...done, durationMs: 0 }, { event: 'done', ran: 5, cached: 0, failed: 1, skipped: 1, durationMs: 0 });
  assert.is(failureOf(events, 'follow:1')?.['sentence'], 'needs act:1, which failed: the input is bad');

  const again = await project.run();
  assert.is(again.code, 1);
  assert.equal(again.ran, []);
  assert.is(failureOf(again.events, 'act:1')?.['remembered'], true);
  assert.is(project.begun().filter((id) => id === 'act:1').length, 1);
  await project.run('--retry-failed');
  assert.is(project.begun().filter((id) => id === 'act:1').length, 2);
});

test('a worker killed in the middle of a batch: the guilty cell fails, the rest is kept and finished', async ({ declared, project }) => {
  declared.cells = batchOf(['commit', 'commit', 'crash', 'commit', 'exit']);
  const { code, failed, ran, events } = await project.run();
  assert.is(code, 1);
  assert.equal(failed, ['act:2', 'act:4']);
  assert.equal(ran.filter((id) => id.startsWith('act')), ['act:0', 'act:1', 'act:3']);
  assert.is(failureOf(events, 'act:2')?.['code'], 'crashed');
  assert.match(String(failureOf(events, 'act:4')?.['sentence']), /ended with exit code 0/);
  assert.match(String(failureOf(events, 'act:2')?.['sentence']), /SIGKILL after "last words"/);
  for (const done of ['act:0', 'act:1']) assert.is(project.begun().filter((id) => id === done).length, 1, `${done} was committed before the crash`);
});

test('what a stage has to say to whoever watches is told at once, and nothing has failed', async ({ declared, project }) => {
  for (const where of ['worker', 'in-process'] as const) {
    declared.act = { where };
    declared.cells = (act) => [cell(act, where, { params: { act: 'warn', where } })];
    const { code, events } = await project.run();
    assert.is(code, 0);
    assert.equal(events.filter(({ event }) => event === 'warning').map(({ sentence }) => sentence), [`act: act:${where} is slow`]);
  }
});

test('a worker killed by somebody else is simply run again', async ({ declared, project }) => {
  declared.cells = batchOf(['crash once']);
  assert.is((await project.run()).code, 0);
});

test('a cell that throws in a batch fails alone, and only its key or a person brings it back', async ({ declared, project }) => {
  declared.act = { where: 'in-process' };
  declared.cells = batchOf(['commit', 'throw', 'commit', 'commit']);
  const { failed, events } = await project.run();
  assert.equal(failed, ['act:1']);
  assert.equal({ ...failureOf(events, 'act:1'), event: '' }, { event: '', cell: 'act:1', code: 'stage-threw', sentence: 'a mistake nobody expected' });
  const begun = project.begun().length;
  await project.run();
  assert.is(project.begun().length, begun);
  declared.cells = batchOf(['commit', 'commit', 'commit', 'commit']);
  assert.is((await project.run()).code, 0);
});

test('a stage that does not keep its contract is told so', async ({ declared, project }) => {
  const wrong: { readonly [act: string]: readonly [code: string, sentence: RegExp] } = {
    nothing: ['no-output', /without committing/],
    'other output': ['stage-threw', /lacks the output "out"/],
    escape: ['stage-threw', /"\.\.\/escaped".*segment/],
    unknown: ['stage-threw', /unknown act/],
  };
  declared.act = { where: 'in-process' };
  // The first commit of `twice` stands; the mistake comes after it.
  declared.cells = (act) => [...Object.keys(wrong), 'twice'].map((what) => cell(act, what.replace(' ', '-'), { params: { act: what } }));
  const { code: exit, ran, events } = await project.run();
  assert.is(exit, 1);
  assert.equal(ran, ['act:twice']);
  for (const [what, [code, sentence]] of Object.entries(wrong)) {
    const failure = failureOf(events, `act:${what.replace(' ', '-')}`);
    assert.is(failure?.['code'], code);
    assert.match(String(failure?.['sentence']), sentence);
  }
});

test('a hung cell is ended at its limit, also in the middle of a long computation, and fails alone', async ({ declared, project }) => {
  declared.act = { timeoutMs: 1500 };
  declared.cells = batchOf(['commit', 'hang', 'commit']);
  const { code, failed, events } = await project.run();
  assert.is(code, 1);
  assert.equal(failed, ['act:1']);
  assert.is(failureOf(events, 'act:1')?.['sentence'], 'it ran longer than its limit of 1.5 s');
});

test('a passing failure is tried again: next run, or at once where the stage says so', async ({ declared, project }) => {
  declared.act = { retries: 1, where: 'in-process' };
  declared.cells = (act) => [cell(act, 'x', { params: { act: 'unavailable once' } })];
  assert.is((await project.run()).code, 0);
  declared.act = { where: 'in-process' };
  declared.cells = (act) => [cell(act, 'y', { params: { act: 'unavailable' } })];
  assert.is((await project.run()).code, 1);
  assert.is((await project.run()).code, 1);
  assert.is(project.begun().filter((id) => id === 'act:y').length, 2);
});

test('output is kept as a log, bounded; large outputs are moved into the store', async ({ declared, project }) => {
  declared.cells = (act) => {
    const large = cell(act, 'large', { params: { act: 'large' }, batch: 'one' });
    return [cell(act, 'flood', { params: { act: 'flood' }, batch: 'one' }), large, cell(follow, 'large', { params: { act: 'commit' }, inputs: { big: output(large) } })];
  };
  assert.is((await project.run()).code, 0);
  const [run] = readdirSync(project.path('.bitwidth/logs'));
  const log = readFileSync(project.path('.bitwidth/logs', run!, 'act-1.log'), 'utf8');
  assert.match(log, /^\{"cells":\["act:flood","act:large"\]\}\nx+$/);
  assert.ok(log.length < 70_000);
  assert.equal(readdirSync(project.path('.bitwidth/scratch')), []);
});

test('a damaged object is noticed when it is read, set aside, made again, and the reader is served', async ({ declared, project }) => {
  declared.act = { where: 'in-process' };
  declared.cells = (act) => { const first = cell(act, 'x', { params: { act: 'commit' } }); return [first, cell(follow, 'x', { params: { act: 'commit' }, inputs: { before: output(first) } })]; };
  await project.run('act');
  const store = openStore({ folder: project.path('.bitwidth') });
  const record = store.newestOfCell('act:x')!;
  const handle = store.handle(record.outputs['out']!);
  await store.close();
  const bytes = readFileSync(handle.path);
  bytes[handle.offset] = bytes[handle.offset]! ^ 1;
  chmodSync(handle.path, 0o644);
  writeFileSync(handle.path, bytes);

  const { code, ran, events } = await project.run();
  assert.is(code, 0);
  assert.equal(ran, ['act:x', 'follow:x']);
  assert.match(String(events.find(({ event }) => event === 'warning')?.['sentence']), /^an output of act:x is damaged/);
  assert.equal(events.find(({ event, cell }) => event === 'running' && cell === 'act:x')?.['reasons'], ['output missing or damaged: out']);
  assert.ok(readdirSync(project.path('.bitwidth/aside')).length > 0);
  assert.equal((await project.run()).ran, []);
});

test('--force on a cell that is declared exact and is not: said aloud', async ({ declared, project }) => {
  declared.act = { where: 'in-process' };
  declared.cells = (act) => [cell(act, 'x', { params: { act: 'random' } })];
  await project.run();
  const { events } = await project.run('--force');
  assert.is(events.find(({ event }) => event === 'warning')?.['sentence'], 'act:x is declared exact, but gave other bytes than before with the same key: out');
});

test('--fail-fast starts nothing more', async ({ declared, project }) => {
  declared.act = { where: 'in-process' };
  declared.cells = (act) => { const bad = cell(act, 'bad', { params: { act: 'fail' }, work: 9 }); return [bad, cell(act, 'good', { params: { act: 'commit' } })]; };
  const { code, done, ran } = await project.run('--fail-fast', '--jobs', '1');
  assert.is(code, 1);
  assert.equal(ran, []);
  assert.is(done['skipped'], 1);
});

test('a store that cannot be written: what is there is used, what is missing fails with a sentence', async ({ declared, project }) => {
  declared.act = { where: 'in-process' };
  declared.cells = (act) => [cell(act, 'x', { params: { act: 'commit' } })];
  await project.run();
  declared.cells = (act) => [cell(act, 'x', { params: { act: 'commit' } }), cell(act, 'y', { params: { act: 'large' } })];
  // A file where a folder must be refuses writes also to root, whom modes do not stop. What is large becomes a file there.
  const objects = project.path('.bitwidth/objects');
  rmSync(objects, { recursive: true, force: true });
  writeFileSync(objects, '');
  const { code, done, failed, events } = await project.run();
  assert.is(code, 1);
  assert.equal(failed, ['act:y']);
  assert.is(done['cached'], 1);
  assert.match(String(failureOf(events, 'act:y')?.['sentence']), /^the store cannot be written/);
  assert.is(failureOf(events, 'act:y')?.['code'], 'not-available');
});

test('two runs at once: each cell is computed once, both end complete', async ({ declared, project }) => {
  declared.act = { where: 'in-process' };
  declared.cells = (act) => Array.from({ length: 6 }, (_, i) => cell(act, String(i), { params: { act: 'slow', i }, batch: String(i % 3) }));
  const [a, b] = await Promise.all([project.run('--jobs', '2'), project.run('--jobs', '2')]);
  assert.is(a.code, 0);
  assert.is(b.code, 0);
  assert.is(Number(a.done['ran']) + Number(b.done['ran']), 6);
  assert.is(Number(a.done['cached']) + Number(b.done['cached']), 6);
  assert.equal([...project.begun()].sort(), ['act:0', 'act:1', 'act:2', 'act:3', 'act:4', 'act:5']);
});

test('measured cells: fresh with any machine\'s record, measured again here with --measure', async ({ declared, project }) => {
  declared.act = { determinism: 'measured', exclusive: true, where: 'in-process' };
  declared.cells = (act) => { const time = cell(act, 't', { params: { act: 'random' } }); return [time, cell(sum, 'all', { params: { act: 'commit' }, inputs: { all: gather([output(time)]) } })]; };
  const before = process.env['BITWIDTH_MACHINE'];
  try {
    process.env['BITWIDTH_MACHINE'] = 'first';
    assert.is((await project.run()).done['ran'], 2);
    process.env['BITWIDTH_MACHINE'] = 'second';
    assert.is((await project.run()).done['ran'], 0, 'another machine does not make it stale');
    assert.equal((await project.run('--measure')).ran, ['act:t', 'sum:all']);
    const store = openStore({ folder: project.path('.bitwidth') });
    const key = store.newestOfCell('act:t')!.key;
    assert.equal(store.donePerMachine(key).map(({ machine }) => machine), ['first', 'second']);
    await store.close();
    assert.is((await project.run()).done['ran'], 0);
  } finally {
    if (before === undefined) delete process.env['BITWIDTH_MACHINE'];
    else process.env['BITWIDTH_MACHINE'] = before;
  }
});

test.run();
