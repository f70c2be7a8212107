/** The commands that look without running, and what the command line answers to mistakes. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, file, gather, output, stage } from '../../stages/dag/index.ts';
import { Project } from './project.ts';

const split = stage({ name: 'split', title: 'Split the text', determinism: 'exact', module: 'split.ts', outputs: ['words'], where: 'in-process' });
const tally = stage({ name: 'tally', title: 'Count the words', determinism: 'exact', module: 'tally.ts', outputs: ['lines'], where: 'in-process' });

const test = suite<{ project: Project; factor: number; twin: boolean }>('dag: commands');
test.before.each((context) => {
  context.factor = 1;
  context.twin = false;
  context.project = new Project('words', () => {
    const splits = [2, 3, 4].map((n) => cell(split, String(n), { params: { characters: n, factor: context.factor }, inputs: { text: file('text.txt') } }));
    if (context.twin) splits.push(cell(split, 'twin', { params: { characters: 2, factor: context.factor }, inputs: { text: file('text.txt') } }));
    return { name: 'words', cells: [...splits, cell(tally, 'all', { inputs: { words: gather(splits.map((one) => output(one))) } })] };
  });
  context.project.write('text.txt', 'one three five');
});
test.after.each(({ project }) => project.remove());

test('looking leaves no record', async ({ project }) => {
  for (const command of [['status'], ['plan'], ['why', 'split:2'], ['graph']]) assert.is((await project.command(...command)).code, 0);
  assert.not.ok(project.has('.bitwidth/records'));
});

test('status counts by stage', async ({ project }) => {
  const counts = async () => JSON.parse((await project.command('status', '--json')).lines[0]!) as unknown;
  const none = { 'up to date': 0, 'out of date': 0, 'never computed': 0, waiting: 0, failed: 0, running: 0, 'not needed': 0, lacking: 0 };
  assert.equal(await counts(), { split: { ...none, 'never computed': 3 }, tally: { ...none, waiting: 1 } });
  await project.run();
  assert.equal(await counts(), { split: { ...none, 'up to date': 3 }, tally: { ...none, 'up to date': 1 } });
  project.write('text.txt', 'two');
  assert.equal(await counts(), { split: { ...none, 'out of date': 3 }, tally: { ...none, waiting: 1 } });
  assert.match((await project.command('status')).lines[0]!, /^stage +up to date +out of date +waiting$/);
});

test('status tells of a log that was damaged', async ({ project }) => {
  await project.run();
  const [segment] = readdirSync(project.path('.bitwidth/records'));
  const path = project.path('.bitwidth/records', segment!);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"cell":"split:2"', '"cell":"split:9"'));
  assert.match((await project.command('status')).lines.join('\n'), /^1 line of the log cannot be trusted and is ignored/m);
});

test('plan names the causes, and run then does as planned', async (context) => {
  const { project } = context;
  assert.match((await project.command('plan')).lines[0]!, /would compute 4 of 4 cells, of unknown duration/);
  await project.run();
  assert.equal((await project.command('plan')).lines, ['Nothing to compute: all 4 cells are up to date or known to fail.']);
  context.factor = 2;
  const text = (await project.command('plan', '--jobs', '2')).lines.join('\n');
  assert.match(text, /^A run would compute 4 of 4 cells, about \d+\.\d s with 2 jobs, \d+ B: all because params\.factor 1 -> 2\n/);
  assert.match(text, /\n +4 cells +\d\.\d s +\d+ B  params\.factor 1 -> 2 \(split, tally\); 1 of them follows others\n/);
  const planned = (await project.command('plan', '--json')).lines.map((line) => JSON.parse(line) as { cell: string; reasons?: string[] });
  assert.equal(planned.map(({ cell }) => cell), ['split:2', 'split:3', 'split:4', 'tally:all']);
  assert.equal(Object.keys(planned[0]!), ['cell', 'reasons', 'durationMs', 'bytes']);
  assert.match((await project.command('plan', '--cells', 'split:3')).lines.join('\n'), /^split:3: params\.factor 1 -> 2 \(\d\.\d s, \d+ B\)$/);
  // The words do not depend on the factor: tally is left out.
  assert.equal((await project.run()).ran, ['split:2', 'split:3', 'split:4']);
});

test('plan for a run with --force, and of two causes the larger first', async (context) => {
  const { project } = context;
  await project.run();
  assert.match((await project.command('plan', '--force', 'split:2')).lines[0]!, /^A run would compute 1 of 1 cell, .*: all because asked for with --force$/);
  context.twin = true;
  context.factor = 4;
  const { lines } = await project.command('plan');
  assert.match(lines[0]!, /^A run would compute 5 of 5 cells, about .*: \d+ % because params\.factor 1 -> 4$/);
  assert.match(lines.join('\n'), /  1 cell .*never computed \(split\)\n.*  1 cell .*several of these causes \(tally\); follows what is computed before\n/);
});

test('why tells the stored reason of the last time, and what would happen now', async (context) => {
  const { project } = context;
  assert.equal((await project.command('why', 'split:2')).lines, ['split:2', '  was never computed', '  now: would be computed, because:', '    never computed']);
  await project.run();
  context.factor = 3;
  await project.run();
  const { lines } = await project.command('why', 'split:2');
  assert.match(lines[1]!, /^  last computed \d{4}-\d\d-\d\d .* UTC, .*, because:$/);
  assert.equal(lines.slice(2), ['    params.factor 1 -> 3', '  now: up to date']);
  project.write('text.txt', 'other');
  assert.equal((await project.command('why', 'split:2')).lines.slice(3), ['  now: would be computed, because:', '    input text changed (text.txt)']);
  assert.match((await project.command('why', 'tally')).lines.at(-1)!, /now: depends on what is computed before \(split:2, split:3, split:4\)/);
});

test('a setting tried and taken back: its old result is used again, and a later reason is told from there', async (context) => {
  const { project } = context;
  await project.run();
  context.factor = 2;
  await project.run();
  context.factor = 1;
  assert.match((await project.command('why', 'split:2')).lines.at(-1)!, /^  now: up to date: parameters, inputs and code are again those of \d{4}-.* UTC; that result is used$/);
  project.write('text.txt', 'four');
  assert.equal((await project.command('why', 'split:2')).lines.slice(-2), ['  now: would be computed, because:', '    input text changed (text.txt)']);
});

test('equal work under two ids is explained', async (context) => {
  const { project } = context;
  context.twin = true;
  await project.run();
  const told = await Promise.all(['split:2', 'split:twin'].map(async (id) => (await project.command('why', id)).lines));
  const [other] = told.filter((lines) => lines.includes('  was never computed'));
  assert.match(other!.at(-1)!, /^  now: up to date: the same work as split:(2|twin), which was computed$/);
});

test('one cause that fails many cells is told once', async ({ project }) => {
  rmSync(project.path('text.txt'));
  const { lines } = await project.command('run');
  const sentence = 'the file text.txt (input text) is missing or cannot be read';
  assert.is(lines.filter((line) => line.includes(sentence)).length, 2, 'when it happens, and at the end');
  assert.ok(lines.includes(`failed: split:2 and 2 more (bad-input): ${sentence}`));
  assert.ok((await project.command('status')).lines.includes(`failed: split:2 and 2 more (bad-input): ${sentence}`));
});

test('graph as text and as a drawing', async ({ project }) => {
  const { lines } = await project.command('graph');
  assert.equal(lines, ['split       3 cells', 'tally        1 cell  reads split']);
  const svg = project.path('graph.svg');
  assert.is((await project.command('graph', '--svg', svg, '--cells')).code, 0);
  assert.is(project.read('graph.svg').match(/<rect /g)?.length, 4);
});

test('a missing file fails its cell with a sentence', async ({ project }) => {
  rmSync(project.path('text.txt'));
  const { code, failed, skipped, ran } = await project.run();
  assert.is(code, 1);
  assert.equal(failed, ['split:2', 'split:3', 'split:4']);
  assert.equal(skipped, []);
  assert.equal(ran, ['tally:all'], 'a gather survives');
  assert.match((await project.command('why', 'split:2')).lines.join('\n'), /not run: the file text\.txt \(input text\) is missing/);
});

test('code without an identity is a mistake in the configuration', async ({ project }) => {
  project.write('shared.ts', 'export const = 1;');
  const { code, complaints } = await project.command('run');
  assert.is(code, 2);
  assert.match(complaints[0]!, /^shared\.ts:1:\d+ /);
});

for (const [argv, complaint] of [
  [['runn'], /^unknown command "runn"; did you mean "run"\? Commands are run, status,/],
  [['constructor'], /^unknown command "constructor"/],
  [['run', '--job', '2'], /^run: unknown option "--job"; did you mean "--jobs"\?\nusage: bitwidth run/],
  [['run', '--jobs'], /^run: .*argument missing/],
  [['run', '--jobs', 'many'], /^--jobs is "many"; it must be a whole number from 1 to 1024$/],
  [['run', '--keep-going', '--fail-fast'], /^run: --keep-going and --fail-fast contradict each other/],
  [['run', '--memory', 'lots'], /^--memory is "lots"; it must be an amount of bytes such as 800M or 12G$/],
  [['run', '--memory', '0'], /^--memory is "0"/],
  [['run', '--gpus=-1'], /^--gpus is "-1"; it must be a whole number from 0 to 1024$/],
  ...['0x10', '1e1', ' 2 ', '', '+2'].map((text): [string[], RegExp] => [['run', `--gpus=${text}`], /^--gpus is ".*"; it must be a whole number from 0 to 1024$/]),
  [['run', '--gpus', '1.5'], /^--gpus is "1\.5"; it must be a whole number from 0 to 1024$/],
  [['run', '--notify', 'no-such-program'], /^--notify "no-such-program" is no program that can be started/],
  [['run', '--notify', 'true --quiet'], /^--notify "true --quiet" is no program that can be started; .* without arguments/],
  [['run', '--notify', ''], /^--notify "" is no program/],
  [['run', '--notify', '/'], /^--notify "\/" is no program/],
  [['run', 'splitt'], /^"splitt" names no cell; did you mean "split"\?/],
  [['run', 'split:9*'], /^"split:9\*" names no cell\nA target is a stage \(split, tally\), a cell, or a pattern/],
  [['--json', 'run'], /^"--json" stands before the command/],
  [['rnu'], /^unknown command "rnu"; did you mean "run"\?/],
  [['plan', '--jobs', '0'], /^--jobs is "0"; it must be a whole number from 1 to 1024$/],
  [['why', 'split:2', '--run', '2020'], /^there is no run "2020"/],
  [['why', 'split:2', '--run', ''], /^there is no run ""/],
  [['why'], /^why: say which one\nusage: bitwidth why <cell\|stage>$/],
  [['why', 'a', 'b'], /^why: "b" is one argument too many/],
] as const) {
  test(`exit code 2: ${argv.join(' ')}`, async ({ project }) => {
    const { code, complaints, lines } = await project.command(...argv);
    assert.is(code, 2);
    assert.equal(lines, []);
    assert.match(complaints.join('\n'), complaint);
  });
}

test('help for all and for one', async ({ project }) => {
  const all = await project.command();
  assert.is(all.code, 0);
  assert.match(all.lines.join('\n'), /run +Compute what is missing/);
  assert.match((await project.command('help', 'run')).lines.join('\n'), /--jobs <n>, -j/);
  assert.equal((await project.command('why', '--help')).lines[0], 'usage: bitwidth why <cell|stage>');
});

test('plain lines end with a summary', async ({ project }) => {
  const { lines } = await project.command('run');
  assert.ok(lines.includes('split: 3 computed'));
  assert.match(lines.at(-1)!, /^4 cells computed, 0 up to date, in /);
  assert.match((await project.command('run')).lines.at(-1)!, /^Everything is up to date \(4 cells, /);
});

test.run();
