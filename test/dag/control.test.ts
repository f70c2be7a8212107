/** How a person holds a run: what may run beside what, what is told at its end, and what comes after a failure. */
import { chmodSync, existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, output, stage } from '../../stages/dag/index.ts';
import { Project } from './project.ts';
import type { Cell, Stage } from '../../stages/dag/index.ts';

interface Declared { act: Partial<Stage>; cells: (act: Stage, other: Stage) => Cell[] }
const test = suite<{ declared: Declared; project: Project }>('dag: control');

test.before.each((context) => {
  context.declared = { act: {}, cells: () => [] };
  context.project = new Project('faults', () => {
    const act = stage({ name: 'act', title: 'Act', determinism: 'exact', module: 'act.ts', outputs: ['out'], where: 'in-process', ...context.declared.act });
    const other = stage({ name: 'other', title: 'Act otherwise', determinism: 'exact', module: 'act.ts', outputs: ['out'], where: 'in-process' });
    return { name: 'control', cells: context.declared.cells(act, other) };
  });
});
test.after.each(({ project }) => project.remove());

const spans = (of: Stage, n: number): Cell[] => Array.from({ length: n }, (_, i) => cell(of, String(i), { params: { act: 'span', i } }));

/** How many cells of a stage were at work at once, at most. */
function atOnce(project: Project, prefix = ''): number {
  let now = 0;
  let most = 0;
  for (const line of project.read('spans.log').split('\n').filter((text) => text.slice(1).startsWith(prefix) && text !== '')) {
    now += line.startsWith('+') ? 1 : -1;
    most = Math.max(most, now);
  }
  return most;
}

test('--jobs tasks at once', async ({ declared, project }) => {
  declared.cells = (act) => spans(act, 6);
  assert.is((await project.run('--jobs', '3')).code, 0);
  assert.is(atOnce(project), 3);
});

test('memory: as many tasks at once as their stage says fit', async ({ declared, project }) => {
  declared.act = { resources: { memoryBytes: 2 ** 30 } };
  declared.cells = (act, other) => [...spans(act, 4), ...spans(other, 4)];
  assert.is((await project.run('--jobs', '8', '--memory', '2G')).code, 0);
  assert.is(atOnce(project, 'act:'), 2);
  assert.ok(atOnce(project, 'other:') > 2, 'what needs none is not held up');
});

test('a task that needs more than there is runs, and alone', async ({ declared, project }) => {
  declared.act = { resources: { memoryBytes: 2 ** 40 } };
  declared.cells = (act) => spans(act, 3);
  assert.is((await project.run('--jobs', '8', '--memory', '1G')).code, 0);
  assert.is(atOnce(project), 1);
});

test('gpus: one task at a time unless more are there', async ({ declared, project }) => {
  declared.act = { resources: { gpus: 1 } };
  declared.cells = (act) => spans(act, 4);
  await project.run('--jobs', '8');
  assert.is(atOnce(project), 1);
  project.write('spans.log', '');
  await project.run('--jobs', '8', '--gpus', '2', '--force');
  assert.is(atOnce(project), 2);
});

test('gpus of a cell: said of some cells of a stage, they take turns, and no key knows of it', async ({ declared, project }) => {
  declared.act = {};
  declared.cells = (act) => spans(act, 4).map((one) => ({ ...one, gpus: 1 }));
  await project.run('--jobs', '8');
  assert.is(atOnce(project), 1);
  project.write('spans.log', '');
  declared.cells = (act) => spans(act, 4);
  assert.equal((await project.run('--jobs', '8')).ran, []);
  await project.run('--jobs', '8', '--force');
  assert.ok(atOnce(project) > 1);
});

test('cpus: a task takes as many jobs, and is told how many processors it has', async ({ declared, project }) => {
  declared.act = { resources: { cpus: 2 } };
  declared.cells = (act) => [...spans(act, 3), cell(act, 'told', { params: { act: 'cpus' } })];
  assert.is((await project.run('--jobs', '4')).code, 0);
  assert.is(atOnce(project), 2);
  assert.is(Number(project.read('cpus.log')), Math.max(1, Math.floor(availableParallelism() / 2)));
});

test('exclusive: nothing beside it', async ({ declared, project }) => {
  declared.act = { exclusive: true };
  declared.cells = (act, other) => [...spans(act, 2), ...spans(other, 4)];
  assert.is((await project.run('--jobs', '4')).code, 0);
  const lines = project.read('spans.log').split('\n').filter((line) => line !== '');
  for (const [i, line] of lines.entries()) if (line.startsWith('+act:')) assert.is(lines[i + 1], line.replace('+', '-'));
});

test('an amount that is none is a mistake in the declaration', async ({ declared, project }) => {
  for (const [resources, complaint] of [
    [{ cpus: 0 }, /^stage "act": resources\.cpus is 0; it must be a whole number from 1$/],
    [{ memoryBytes: 1.5 }, /resources\.memoryBytes is 1\.5/],
    [{ gpu: 1 }, /resources has "gpu"; allowed are cpus, memoryBytes, gpus/],
  ] as const) {
    declared.act = { resources: resources as Stage['resources'] & object };
    const { code, complaints } = await project.command('run');
    assert.is(code, 2);
    assert.match(complaints[0]!, complaint);
  }
});

test('--keep-going, the default: all that does not need what failed', async ({ declared, project }) => {
  declared.cells = (act) => {
    const bad = cell(act, 'bad', { params: { act: 'fail' }, work: 9 });
    return [bad, cell(act, 'after', { params: { act: 'commit' }, inputs: { before: output(bad) } }), cell(act, 'good', { params: { act: 'commit', i: 1 } })];
  };
  const { code, ran, failed, skipped } = await project.run('--keep-going', '--jobs', '1');
  assert.is(code, 1);
  assert.equal([ran, failed, skipped], [['act:good'], ['act:bad'], ['act:after']]);
});

test('--force computes again what is named, by name or pattern, and nothing else', async ({ declared, project }) => {
  declared.cells = (act, other) => { const all = spans(act, 2); return [...all, cell(other, 'x', { params: { act: 'commit' }, inputs: { before: output(all[0]!) } })]; };
  await project.run();
  assert.equal((await project.run('--force', 'act:1')).ran, ['act:1']);
  assert.equal((await project.run('--force', 'ac*')).ran, ['act:0', 'act:1']);
  assert.equal((await project.run('--force', 'other:x')).ran, ['other:x']);
});

test('--notify: a program is told, with a sentence and JSON, without a shell', async ({ declared, project }) => {
  project.write('tell.sh', '#!/bin/sh\nprintf "%s\\n" "$#" "$1" > told.txt\ncat > told.json\n');
  chmodSync(project.path('tell.sh'), 0o755);
  project.write('tell in here.sh', `#!/bin/sh\ncd '${project.root}' && exec ./tell.sh "$@"\n`);
  chmodSync(project.path('tell in here.sh'), 0o755);
  declared.cells = (act) => [cell(act, 'a', { params: { act: 'commit' } }), cell(act, 'b', { params: { act: 'fail' } })];
  const { code, events } = await project.run('--notify', project.path('tell in here.sh'));
  assert.is(code, 1);
  assert.is(events.some(({ event }) => event === 'warning'), false);
  assert.match(project.read('told.txt'), /^1\ncontrol: 1 cell computed, 1 failed, in \d+\.\d s\n$/);
  const told = JSON.parse(project.read('told.json')) as { [field: string]: unknown };
  assert.equal({ ...told, durationMs: 0 }, {
    pipeline: 'control', status: 'failed', ran: 1, cached: 0, failed: 1, skipped: 0, durationMs: 0,
    failures: [{ cell: 'act:b', code: 'bad-input', sentence: 'the input is bad', hint: 'make it good' }],
  });
});

test('--notify: what goes wrong with it is told, and is no failure of the run', async ({ declared, project }) => {
  project.write('fail.sh', '#!/bin/sh\nexit 3\n');
  chmodSync(project.path('fail.sh'), 0o755);
  declared.cells = (act) => [cell(act, 'a', { params: { act: 'commit' } })];
  const { code, events, done } = await project.run('--notify', project.path('fail.sh'));
  assert.is(code, 0);
  assert.match(String(events.find(({ event }) => event === 'warning')?.['sentence']), /^--notify: .*\/fail\.sh ended with exit code 3$/);
  assert.is(done.event, 'done');
  assert.not.ok(existsSync(project.path('told.txt')));
});

test.run();
