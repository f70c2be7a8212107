/** Tools: outputs that the work may use and that never show in what comes out. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, gather, openResults, output, stage } from '../../stages/dag/index.ts';
import { Project } from './project.ts';
import type { Cell, Stage } from '../../stages/dag/index.ts';

interface Used { readonly cell: string; readonly library: string; readonly pid: number; readonly cpus: number }
interface Declared { numbers: number[]; version: number; batch: string | undefined; use: Partial<Stage>; cells: ((build: Cell, users: readonly Cell[]) => readonly Cell[]) | undefined }
const test = suite<{ declared: Declared; project: Project; used: () => readonly Used[] }>('dag: tools');

const build = stage({ name: 'build', title: 'Build the library', determinism: 'exact', module: 'build.ts', outputs: ['library'], where: 'in-process', optional: true });
const report = stage({ name: 'report', title: 'Report', determinism: 'exact', module: 'use.ts', outputs: ['square', 'log'], where: 'in-process' });

test.before.each((context) => {
  const declared: Declared = context.declared = { numbers: [2, 3], version: 1, batch: undefined, use: { where: 'in-process' }, cells: undefined };
  const project = context.project = new Project('tools', () => {
    const use = stage({ name: 'use', title: 'Square', determinism: 'exact', module: 'use.ts', outputs: ['square', 'log'], unstableOutputs: ['log'], ...declared.use });
    const tool = cell(build, 'native', { params: { version: declared.version } });
    const users = declared.numbers.map((n) => cell(use, String(n), { params: { n }, tools: { library: output(tool) }, ...(declared.batch === undefined ? {} : { batch: declared.batch }) }));
    return { name: 'tools', cells: [...users, tool, ...declared.cells?.(tool, users) ?? []] };
  });
  context.used = () => project.read('used.log').trimEnd().split('\n').map((line) => JSON.parse(line) as Used);
});
test.after.each(({ project }) => project.remove());

test('a tool is made before what uses it, for nothing else, and is no part of its key', async ({ declared, project, used }) => {
  const first = await project.run();
  assert.is(first.code, 0);
  assert.equal(first.ran, ['build:native', 'use:2', 'use:3']);
  assert.equal(project.begun()[0], 'build:native');
  assert.equal(used().map(({ library }) => library), ['library 1', 'library 1']);

  declared.version = 2;
  const second = await project.run();
  assert.equal([second.ran, second.done['cached'], second.done['skipped']], [[], 2, 0]);
  assert.match((await project.command('run')).lines.at(-1)!, /^Everything is up to date \(2 cells, /);

  declared.numbers = [2, 3, 4];
  assert.equal((await project.run()).ran, ['build:native', 'use:4']);
  assert.is(used().at(-1)!.library, 'library 2');
});

test('a tool whose bytes are gone is not missed until it is needed', async ({ declared, project }) => {
  await project.run('build');
  const packs = readdirSync(project.path('.bitwidth/packs'));
  await project.run();
  for (const pack of packs) rmSync(project.path('.bitwidth/packs', pack));
  assert.equal((await project.run()).ran, []);
  declared.numbers = [2, 3, 4];
  const { ran, events } = await project.run();
  assert.equal(ran, ['build:native', 'use:4']);
  assert.equal(events.find(({ event, cell: id }) => event === 'running' && id === 'build:native')?.['reasons'], ['output missing or damaged: library']);
});

test('status, plan, why and graph tell what is needed', async ({ declared, project }) => {
  const counts = async () => (JSON.parse((await project.command('status', '--json')).lines[0]!) as { [stage: string]: { [column: string]: number } })['build']!;
  const planned = async () => (await project.command('plan', '--json')).lines.map((line) => (JSON.parse(line) as { cell: string }).cell).sort();
  assert.equal(await planned(), ['build:native', 'use:2', 'use:3']);
  assert.is((await counts())['never computed'], 1);
  await project.run();
  assert.is((await counts())['up to date'], 1);

  declared.version = 2;
  assert.is((await counts())['not needed'], 1);
  assert.equal((await project.command('plan')).lines, ['Nothing to compute: all 2 cells are up to date or known to fail.']);
  assert.equal((await project.command('why', 'build')).lines.slice(-3), ['  now: would be computed, because:', '    params.version 1 -> 2', '    but not before a cell that uses it is computed, or it is asked for by name']);
  declared.numbers = [2, 3, 4];
  assert.equal(await planned(), ['build:native', 'use:4']);
  assert.equal((await project.command('graph')).lines, ['build        1 cell', 'use         3 cells  uses build']);
  const svg = project.path('graph.svg');
  await project.command('graph', '--svg', svg);
  assert.match(project.read('graph.svg'), /<title>use uses build<\/title>/);
  assert.match(project.read('graph.svg'), /<path class="u" /);
});

test('a tool that is out of date and not needed is none of the results that a run would compute anew', async ({ declared, project }) => {
  await project.run();
  declared.version = 2;
  const stale = async () => {
    const results = await openResults(project.pipeline());
    await results.close();
    return [...results.cells.values()].filter((one) => one.stale !== undefined).map((one) => one.cell);
  };
  assert.equal(await stale(), [], 'as a run says that everything is up to date');
  declared.numbers = [2, 3, 4];
  assert.equal(await stale(), ['use:4', 'build:native']);
});

test('without the tool the work runs, is told why, and the run has not failed', async ({ project, used }) => {
  writeFileSync(project.path('no-compiler'), '');
  const { code, ran, failed, done, events } = await project.run('--fail-fast');
  assert.is(code, 0);
  assert.equal([ran, failed], [['use:2', 'use:3'], []]);
  assert.equal({ ...done, durationMs: 0 }, { event: 'done', ran: 2, cached: 0, failed: 0, skipped: 0, durationMs: 0 });
  assert.equal(events.find(({ event }) => event === 'lacking'), { event: 'lacking', cell: 'build:native', code: 'not-available', sentence: 'there is no compiler', hint: 'install one' });
  assert.equal(used().map(({ library }) => library), ['missing: there is no compiler', 'missing: there is no compiler']);
  assert.equal((await project.run()).events.length, 2, 'nothing to do: nothing is tried, nothing told');
});

test('a tool that failed is one plain line', async ({ declared, project }) => {
  writeFileSync(project.path('no-compiler'), '');
  const { code, lines } = await project.command('run');
  assert.is(code, 0);
  assert.equal(lines.filter((line) => /compiler/.test(line)), ['build failed: there is no compiler; install one']);
  assert.match(lines.at(-1)!, /^2 cells computed, 0 up to date, in /);
  // It had a passing reason, so it is tried again with the next work.
  rmSync(project.path('no-compiler'));
  declared.numbers = [5];
  assert.equal((await project.run()).ran, ['build:native', 'use:5']);
});

test('a batch waits as a whole, and runs as one task', async ({ declared, project, used }) => {
  declared.batch = 'all';
  declared.use = { where: 'worker' };
  const { events } = await project.run();
  assert.equal(events.filter(({ event }) => event === 'running').map((event) => event['cell']), ['build:native', 'use:2', 'use:3']);
  const [one, two] = used();
  assert.is(one!.pid, two!.pid);
});

test('what only feeds a tool sleeps as well', async ({ declared, project }) => {
  const probe = stage({ name: 'probe', title: 'Look for a compiler', determinism: 'exact', module: 'build.ts', outputs: ['library'], where: 'in-process', optional: true });
  const link = stage({ name: 'link', title: 'Link', determinism: 'exact', module: 'build.ts', outputs: ['library'], where: 'in-process', optional: true });
  declared.cells = () => {
    const found = cell(probe, 'cc', { params: { version: declared.version } });
    const linked = cell(link, 'native', { inputs: { probe: output(found) } });
    return [found, linked, cell(report, 'all', { params: { n: 9 }, tools: { library: output(linked) } })];
  };
  assert.equal((await project.run()).ran, ['build:native', 'link:native', 'probe:cc', 'report:all', 'use:2', 'use:3']);
  declared.version = 2;
  assert.equal((await project.run()).ran, []);
  assert.equal((await project.command('plan')).lines, ['Nothing to compute: all 3 cells are up to date or known to fail.']);
  assert.equal((await project.run('link')).ran, ['link:native', 'probe:cc'], 'asked for by name');
});

test('where a tool is made of another, the one that failed is told of, and once', async ({ declared, project, used }) => {
  const link = stage({ name: 'link', title: 'Link', determinism: 'exact', module: 'build.ts', outputs: ['library'], where: 'in-process', optional: true });
  declared.numbers = [];
  declared.cells = (tool) => {
    const linked = cell(link, 'native', { inputs: { built: output(tool) } });
    return [linked, cell(stage({ name: 'apply', title: 'Square', determinism: 'exact', module: 'use.ts', outputs: ['square', 'log'], unstableOutputs: ['log'] }), '2', { params: { n: 2 }, tools: { library: output(linked) } })];
  };
  writeFileSync(project.path('no-compiler'), '');
  const { code, lines } = await project.command('run');
  assert.is(code, 0);
  assert.equal(lines.filter((line) => /compiler/.test(line)), ['build failed: there is no compiler; install one']);
  assert.match(used()[0]!.library, /^missing: needs build:native, which failed: there is no compiler$/);
});

test('gathered, an optional output is an input like any other: it arrives missing, and the run has not failed', async ({ declared, project }) => {
  declared.cells = (tool) => [cell(report, 'all', { params: { n: 1 }, inputs: { libraries: gather([output(tool)]) } })];
  await project.run();
  declared.version = 2;
  assert.equal((await project.run()).ran, ['build:native', 'report:all'], 'it is not only a tool');
  writeFileSync(project.path('no-compiler'), '');
  declared.version = 3;
  const { code, ran, done } = await project.run();
  assert.equal([code, ran, done['failed'], done['skipped']], [0, ['report:all'], 0, 0]);
});

test('where what is only added cannot be had, status, plan and keep find the rest up to date, as a run does', async ({ declared, project }) => {
  declared.cells = (tool) => [cell(report, 'all', { params: { n: 1 }, inputs: { libraries: gather([output(tool)]) } })];
  declared.numbers = [];
  writeFileSync(project.path('no-compiler'), '');
  await project.run();
  assert.equal((await project.run()).ran, []);
  const stages = JSON.parse((await project.command('status', '--json')).lines[0]!) as { [stage: string]: { [column: string]: number } };
  assert.equal([stages['build']!['lacking'], stages['report']!['up to date'], stages['report']!['waiting']], [1, 1, 0]);
  assert.ok((await project.command('status')).lines.includes('build failed: there is no compiler; install one'));
  assert.equal((await project.command('plan')).lines, ['Nothing to compute: all 2 cells are up to date or known to fail.', 'Tried again, and left out here: 1 cell of build, without which the rest is computed; "status" says why it failed last time.']);
  assert.match((await project.command('why', 'build')).lines.join('\n'), /failed with: there is no compiler.*\n {2}now: tried again by each run that uses it; all else is up to date without it$/);
  assert.is((await project.command('why', 'report')).lines.at(-1), '  now: up to date');
  assert.match((await project.command('reproduce')).lines.join('\n'), /report:all/);
  assert.is((await project.command('keep', '--as', 'now')).code, 0);
  rmSync(project.path('no-compiler'));
  assert.equal((await project.run()).ran, ['build:native', 'report:all'], 'it is tried in each run');
});

test('a tool must be a single file', async ({ declared, project, used }) => {
  declared.numbers = [];
  declared.cells = () => {
    const folder = cell(build, 'folder', { params: { tree: true } });
    return [folder, cell(report, 'x', { params: { n: 1 }, tools: { library: output(folder) } })];
  };
  assert.is((await project.run()).code, 0);
  assert.is(used()[0]!.library, 'missing: library of build:folder is a folder; a tool must be a single file');
});

test('a process serves again only with the same tools', async ({ declared, project, used }) => {
  declared.use = { where: 'worker' };
  declared.numbers = [2, 3, 4];
  const use = stage({ name: 'other', title: 'Square', determinism: 'exact', module: 'use.ts', outputs: ['square', 'log'] });
  declared.cells = (tool) => [
    ...[5, 6].map((n) => cell(use, String(n), { params: { n }, tools: { library: output(tool) } })), cell(use, '7', { params: { n: 7 } }),
  ];
  await project.run('use', '--jobs', '1');
  await project.run('other', '--jobs', '1');
  const pidsOf = (ids: readonly string[]): number => new Set(used().filter(({ cell: id }) => ids.includes(id)).map(({ pid }) => pid)).size;
  assert.is(pidsOf(['use:2', 'use:3', 'use:4']), 1);
  const [five, six, seven] = ['other:5', 'other:6', 'other:7'].map((id) => used().find(({ cell: of }) => of === id)!.pid);
  assert.not(five === seven || six === seven);
});

test('a task is told how many processors are its share', async ({ declared, project, used }) => {
  await project.run('--jobs', '1');
  assert.equal(used().map(({ cpus }) => cpus), [availableParallelism(), availableParallelism()]);
  declared.numbers = [4];
  await project.run('--jobs', '1000');
  assert.is(used().at(-1)!.cpus, 1);
  declared.numbers = [5];
  declared.use = { where: 'worker', exclusive: true };
  await project.run('--jobs', '1000');
  assert.is(used().at(-1)!.cpus, availableParallelism());
});

test.run();
