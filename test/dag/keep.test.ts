/** Past runs are listed, kept under names, and their reports written again; `gc` removes what nothing needs, and nothing else. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, file, gather, output, stage } from '../../stages/dag/index.ts';
import { openStore } from '../../stages/dag/open-store.ts';
import { sha256 } from '../../stages/dag/sha256.ts';
import { writeTaskLog } from '../../stages/dag/task-log.ts';
import { Project } from './project.ts';
import { filesUnder, large, replaceFile, start, withStore } from './store-help.ts';
import type { Store } from '../../stages/dag/store.ts';
import type { Sha256 } from '../../stages/dag/types.ts';

const split = stage({ name: 'split', title: 'Split the text', determinism: 'exact', module: 'split.ts', outputs: ['words'], where: 'in-process' });
const tally = stage({ name: 'tally', title: 'Count the words', determinism: 'exact', module: 'tally.ts', outputs: ['lines'], where: 'in-process' });
const page = stage({ name: 'page', title: 'Draw the tally', determinism: 'exact', module: 'page.ts', outputs: ['site'], where: 'in-process' });
const big = stage({ name: 'big', title: 'Make much', determinism: 'exact', module: 'use.ts', outputs: ['square', 'log'], unstableOutputs: ['log'], where: 'in-process' });
const time = stage({ name: 'time', title: 'Time it', determinism: 'measured', module: 'use.ts', outputs: ['square', 'log'], where: 'in-process' });

interface Context { project: Project; factor: number; repeat: number; act: string; site: () => string; bytes: () => number }
const test = suite<Context>('dag: runs, keep, render, gc');
test.before.each(async (context) => {
  context.factor = 1;
  context.repeat = 1;
  context.act = 'large';
  const project = context.project = new Project('words', () => {
    const splits = [2, 3, 4].map((n) => cell(split, String(n), { params: { characters: n, factor: context.factor }, inputs: { text: file('text.txt') } }));
    const all = cell(tally, 'all', { inputs: { words: gather(splits.map((one) => output(one))) } });
    return {
      name: 'words',
      cells: [...splits, all, cell(page, 'index', { inputs: { lines: output(all) } }), cell(big, 'one', { params: { n: context.factor, act: context.act } }), cell(time, 'x', { params: { n: context.repeat } })],
      exports: [{ to: 'site', from: [{ kind: 'output', cell: 'page:index', output: 'site' }] }],
    };
  });
  writeFileSync(project.path('use.ts'), readFileSync(new URL('./pipelines/tools/use.ts', import.meta.url)));
  context.site = () => project.read('site/index.html');
  context.bytes = () => ['packs', 'objects'].flatMap((folder) => filesUnder(project.path('.bitwidth', folder)).map((name) => readFileSync(project.path('.bitwidth', folder, name)).length)).reduce((sum, n) => sum + n, 0);
  project.write('text.txt', 'to be one');
  await project.run();
});
test.after.each(({ project }) => project.remove());

interface Listed { readonly run: string; readonly command: string; readonly state: string; readonly computed: number; readonly failed: number; readonly durationMs?: number; readonly kept: readonly string[] }
async function runsOf(project: Project): Promise<readonly Listed[]> {
  return (await project.command('runs', '--json', '--all')).lines.map((line) => JSON.parse(line) as Listed);
}
async function say(project: Project, ...argv: string[]): Promise<string> {
  const { lines, complaints } = await project.command(...argv);
  return [...lines, ...complaints].join('\n');
}

test('runs: when, how long, what was asked for and computed, the newest first; one that computed nothing leaves no trace', async (context) => {
  const { project } = context;
  await project.run();
  context.factor = 2;
  await project.run('split:2', '--force', '--jobs', '1');
  const all = await runsOf(project);
  assert.equal(all.map(({ command, state, computed, failed, kept }) => [command, state, computed, failed, kept]), [['run split:2 --force', 'ended', 1, 0, []], ['run', 'ended', 7, 0, []]]);
  assert.ok(all.every(({ durationMs }) => Number(durationMs) >= 0));
  assert.match((await project.command('runs')).lines[0]!, /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-[0-9a-f]{8}  \d{4}-\d\d-\d\d \d\d:\d\d UTC  run split:2 --force: 1 computed in \d+\.\d s$/);
});

test('runs tells of a failure, and of a run that was cut off', async (context) => {
  const { project } = context;
  [context.act, process.env['TEST_ENGINE']] = ['throw', 'x'];
  await project.run().finally(() => { delete process.env['TEST_ENGINE']; });
  const [failed] = await runsOf(project);
  assert.equal([failed!.failed, failed!.state], [1, 'ended']);
  const program = start('commit-forever', project.path('.bitwidth'), 'cut');
  await program.printed(1);
  assert.is((await runsOf(project))[0]!.state, 'running');
  program.process.kill('SIGKILL');
  await program.ended;
  await withStore(project.path('.bitwidth'), async (store) => {
    await store.commit(draftOf('stopped'), { out: Buffer.from('x') });
    await store.close({ ran: 1, cached: 0, failed: 0, skipped: 3, interrupted: true });
  });
  const [stopped, cut] = await runsOf(project);
  assert.is(stopped!.state, 'interrupted');
  assert.is(cut!.state, 'cut off');
  assert.match(await say(project, 'keep', cut!.run, '--as', 'rest'), new RegExp(`^\\d+ cells? of run ${cut!.run} (is|are) kept as rest\\. It wrote no report\\.$`), 'what it had committed');
  assert.match(await say(project, 'render', 'rest', '--to', project.path('new')), /wrote no report: it did not end$/);
});

test('keep: the present state, or a past run by a part of its id, or the last', async (context) => {
  const { project } = context;
  assert.match(await say(project, 'keep', '--as', 'now'), /^7 cells of the present state are kept as now\. "render now --to <folder>" writes its report again\.$/);
  const [first] = await runsOf(project);
  context.factor = 2;
  await project.run();
  assert.match(await say(project, 'keep', first!.run.slice(-8), '--as', 'first'), new RegExp(`^7 cells of run ${first!.run} are kept as first`));
  assert.match(await say(project, 'keep', 'last', '--as', 'second'), /are kept as second/);
  assert.equal((await runsOf(project)).filter(({ command }) => command === 'run').map(({ kept }) => kept), [['second'], ['first', 'now']]);
  assert.match(await say(project, 'runs'), /; kept as first, now$/m);
  assert.match(await say(project, 'keep', '--drop', 'first'), /^first is not kept any more/);
  assert.equal(readdirSync(project.path('.bitwidth/kept')), ['now.json.gz', 'second.json.gz']);
});

test('render: the report as it was, byte for byte, after the code and the settings have changed; nothing is computed', async (context) => {
  const { project, site } = context;
  const before = [site(), project.read('site/lines/0.txt')];
  await project.command('keep', 'last', '--as', 'paper');
  context.factor = 2;
  project.write('text.txt', 'other words by now');
  project.write('page.ts', project.read('page.ts').replace('<ul>', '<ol>'));
  await project.run();
  assert.is.not(site(), before[0]);
  await project.command('gc', '--yes');
  const records = openStore({ folder: project.path('.bitwidth') }).records().length;
  const to = project.path('then');
  assert.match(await say(project, 'render', 'paper', '--to', to), /^4 files written to .*then, as of .* UTC \(run .*\)$/);
  assert.equal([project.read('then/index.html'), project.read('then/lines/0.txt')], before);
  assert.equal(readdirSync(project.path()).filter((name) => name.includes('unfinished')), []);
  assert.is(openStore({ folder: project.path('.bitwidth') }).records().length, records);
  for (const [argv, what] of [
    [['paper', '--to', to], /is not empty; give a new or empty folder/],
    [['paper', '--to', project.path('text.txt')], /is a file/],
    [['paper', '--to', project.path('.bitwidth/x')], /lies in the store/],
    [['paper', '--to', project.path('.bitwidth')], /lies in the store/],
    [['paper'], /say where to, with --to <folder>/],
    [['papre', '--to', project.path('new')], /^there is no run "papre"[^]*Kept are paper\.$/],
  ] as const) {
    const { code, complaints } = await project.command('render', ...argv);
    assert.is(code, 2, argv.join(' '));
    assert.match(complaints.join('\n'), what);
  }
  mkdirSync(project.path('empty'));
  assert.is((await project.command('render', 'paper', '--to', project.path('empty'))).code, 0);
});

test('render of what is damaged writes nothing and says so', async ({ project }) => {
  await project.command('keep', 'last', '--as', 'paper');
  for (const name of filesUnder(project.path('.bitwidth/packs'))) rmSync(project.path('.bitwidth/packs', name));
  const { code, lines } = await project.command('render', 'paper', '--to', project.path('then'));
  assert.is(code, 1);
  assert.match(lines.join('\n'), /^Nothing was written: a file of the report is damaged or was removed/);
  assert.not.ok(existsSync(project.path('then')));
});

test('gc shows its plan with sizes and what computing again would cost, and without --yes removes nothing', async (context) => {
  const { project, bytes } = context;
  context.factor = 2;
  project.write('text.txt', 'a be too four');
  await project.run();
  const before = bytes();
  const { code, lines } = await project.command('gc');
  assert.is(code, 0);
  assert.match(lines.join('\n'), /^To be removed: \d+ objects \(3\.1 MB\); computing them again would take about \d+\.\d s of one job:\n {2}big +1 earlier result +3\.1 MB +\d+\.\d s$/m);
  assert.match(lines.join('\n'), /^ {2}split +\d earlier results? /m);
  assert.match(lines.at(-1)!, /^Nothing was removed: "gc --yes" removes it\.$/);
  assert.is(bytes(), before);
  const json = JSON.parse((await project.command('gc', '--json')).lines[0]!) as { objects: number; bytes: number; removed: boolean };
  assert.is(json.removed, false);
  assert.match(await say(project, 'gc', '--yes'), new RegExp(`^Removed: ${json.objects} objects`, 'm'));
  assert.ok(before - bytes() >= json.bytes - 2000, `${before} - ${bytes()} and ${json.bytes}`);
  assert.is((await project.command('check')).code, 0, 'what was removed is not called damage');
  assert.equal((await project.run()).ran, [], 'nothing that is needed has gone');
  assert.match(await say(project, 'gc', '--yes'), /Nothing to remove\.$/);
  context.factor = 1;
  project.write('text.txt', 'to be one');
  const again = await project.run();
  assert.is(again.code, 0, 'an earlier setting is computed again');
  assert.ok(again.ran.includes('big:one'));
});

test('render of a run from before there were lists says that it cannot know', async ({ project }) => {
  const folder = project.path('.bitwidth');
  const { run } = openStore({ folder }).runs().at(-1)!;
  rmSync(`${folder}/cited/${run}.json.gz`);
  const { code, complaints } = await project.command('render', 'last', '--to', project.path('then'));
  assert.is(code, 2);
  assert.match(complaints.join('\n'), new RegExp(`^render: which results run ${run} used is not on record \\(it is of an earlier version, `));
  assert.not.ok(existsSync(project.path('then')));
});

test('gc removes logs and damaged files that nothing cites, and shows them before', async (context) => {
  const { project } = context;
  const folder = project.path('.bitwidth');
  const runs = (): readonly string[] => openStore({ folder }).runs().map(({ run }) => run);
  const [first] = runs();
  writeTaskLog(folder, first!, 'split-1', ['split:2'], 'said by a task\n');
  // Its object is made again by the next run.
  const pack = filesUnder(`${folder}/packs`)[0]!;
  replaceFile(`${folder}/packs/${pack}`, Buffer.alloc(readFileSync(`${folder}/packs/${pack}`).length));
  await project.command('check', '--repair');
  assert.ok(readdirSync(`${folder}/aside`).length > 0);
  assert.not.match(await say(project, 'gc'), /set aside|wrote/, 'not before its object is there again, and the logs are of results that count');
  await project.run();
  // Bytes of a timing, which cannot be had again, would stay without it.
  assert.match(await say(project, 'gc', '--forget'), /^ {2}\d+ files that were set aside as damaged \(.* k?B\), which nothing needs any more$/m);
  context.factor = 2;
  project.write('text.txt', 'a be too four');
  await project.run();
  await project.run('--force');
  assert.not.match(await say(project, 'gc'), /wrote/, 'a timing of that run cannot be had again');
  assert.match(await say(project, 'gc', '--forget'), /^ {2}what tasks of 1 earlier run wrote \(\d+ B\)$/m);
  const json = JSON.parse((await project.command('gc', '--forget', '--json')).lines[0]!) as { logs: object; aside: { files: number } };
  assert.equal(json.logs, { runs: 1, bytes: readFileSync(`${folder}/logs/${first!}/split-1.log`).length });
  assert.is(json.aside.files, readdirSync(`${folder}/aside`).length);
  const last = runs().at(-1)!;
  writeTaskLog(folder, last, 'split-1', ['split:2'], 'said by a task\n');
  assert.match(await say(project, 'gc', '--forget', '--yes'), /, and logs, damaged files and old downloads \(/);
  assert.equal([readdirSync(`${folder}/logs`), readdirSync(`${folder}/aside`)], [[last], []]);
  assert.match(await say(project, 'gc', '--forget'), /Nothing to remove\.$/);
});

test('gc leaves whole what a kept run cites, until its name is dropped', async (context) => {
  const { project } = context;
  const folder = project.path('.bitwidth');
  const outputs = openStore({ folder }).records().flatMap((record) => Object.values(record.outputs));
  await project.command('keep', 'last', '--as', 'paper');
  context.factor = 2;
  project.write('text.txt', 'a be too four');
  await project.run();
  assert.match(await say(project, 'gc', '--yes'), /Kept: \d+ objects .* of the present pipeline and of paper[.,]/);
  await withStore(folder, async (store) => { for (const one of outputs) await store.read(store.handle(one)); });
  await project.command('keep', '--drop', 'paper');
  assert.match(await say(project, 'gc', '--yes'), /^Removed: /m);
  const store = openStore({ folder });
  assert.ok(outputs.some((one) => { try { store.handle(one); return false; } catch { return true; } }));
});

test('gc never removes what was measured without --forget', async (context) => {
  const { project } = context;
  context.repeat = 2;
  await project.run();
  const measured = openStore({ folder: project.path('.bitwidth') }).recordsOfCell('time:x');
  assert.is(measured.length, 2);
  const lost = (): number => { const store = openStore({ folder: project.path('.bitwidth') }); return measured.filter((record) => store.missingOutputs(record).length > 0).length; };
  assert.match(await say(project, 'gc', '--yes'), /1 earlier result that cannot be computed again among them \(--forget removes those\)/);
  assert.is(lost(), 0);
  await project.command('gc', '--yes', '--forget');
  assert.is(lost(), 1);
});

test('what is out of date and may come out as before is kept', async ({ project }) => {
  project.write('split.ts', `${project.read('split.ts')}\nexport const more = 1;\n`);
  await project.command('gc', '--yes');
  assert.equal((await project.run()).ran, ['split:2', 'split:3', 'split:4'], 'the tally, the page and the large object are as they were');
});

test('gc removes nothing while another process uses the store, and a run waits for gc', async (context) => {
  const { project, bytes } = context;
  context.factor = 2;
  await project.run();
  const before = bytes();
  const program = start('hold-lease', project.path('.bitwidth'), 'anything');
  await program.printed(1);
  const { code, lines } = await project.command('gc', '--yes');
  assert.is(code, 1);
  assert.match(lines.at(-1)!, new RegExp(`^Nothing was removed: process ${program.process.pid} on .* uses the store; wait until it has ended\\.$`));
  assert.is(bytes(), before);
  program.process.kill('SIGKILL');
  await program.ended;
  const remover = openStore({ folder: project.path('.bitwidth') });
  assert.equal(await remover.leases.alone(), [], 'a dead one does not count');
  let ended = false;
  const run = project.run().then(() => { ended = true; });
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.not.ok(ended);
  await remover.close();
  await run;
  assert.is((await project.command('gc', '--yes')).code, 0);
});

test('gc killed at any moment: what is kept stays whole, the next one finishes, and the store is sound', async ({ project }) => {
  const folder = project.path('.bitwidth');
  await withStore(folder, async (store) => {
    for (let i = 0; i < 40; i++) {
      const text = Buffer.from(`kept ${i}`);
      await Promise.all([store.commit(draftOf(`k${i}`), { out: text }), store.commit(draftOf(`d${i}`), { out: Buffer.from(`dead ${i} ${'x'.repeat(i * 100)}`), big: large(i) }), store.flush()]);
    }
  });
  const keep = (store: Store): ReadonlySet<Sha256> => new Set(store.records().filter((record) => !record.cell.startsWith('work:d')).flatMap((record) => [...store.citedBy(record)].map(({ sha256: sha }) => sha)));
  for (const delayMs of [0, 3, 9, 20, 45, 90]) {
    const program = start('remove-dead', folder);
    await program.printed(1);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    program.process.kill('SIGKILL');
    await program.ended;
    const store = openStore({ folder });
    for (const record of store.records()) if (!record.cell.startsWith('work:d')) assert.equal(store.missingOutputs(record), [], record.cell);
    assert.equal((await store.check()).damagedObjects, []);
  }
  await withStore(folder, async (store) => {
    assert.equal(await store.leases.alone(), []);
    store.refresh();
    await store.remove(await store.garbage(keep(store)), keep(store));
    const { objects, packs, bytes } = await store.garbage(keep(store));
    assert.equal([[...objects], packs, bytes], [[], [], 0]);
    for (let i = 0; i < 40; i++) assert.is(Buffer.from(await store.read(store.handle({ sha256: sha256(`kept ${i}`), bytes: `kept ${i}`.length }))).toString(), `kept ${i}`);
  });
});

function draftOf(name: string) {
  return { cell: `work:${name}`, key: sha256(name), fields: { stage: 'work', params: { name }, inputs: {}, code: 'none', facts: {} }, status: 'done' as const, durationMs: 1, finishedAt: '2026-01-02T03:04:05.678+00:00' };
}

for (const [argv, complaint] of [
  [['keep'], /^keep: say either what to keep and its name, or which name to drop\nusage: /],
  [['keep', '--as', 'x', '--drop', 'y'], /^keep: say either/],
  [['keep', 'last', '--as', '../x'], /^keep: --as is "\.\.\/x"; a name begins with a letter or digit/],
  [['keep', 'last', '--as', ''], /^keep: --as is ""/],
  [['keep', 'nothing', '--as', 'x'], /^there is no run "nothing"\n"bitwidth runs" lists them/],
  [['keep', '20', '--as', 'a'], undefined],
  [['keep', '--drop', 'nothing'], /^keep: nothing is kept as "nothing" Nothing is kept\.$/],
  [['runs', 'all'], /^runs: "all" is one argument too many/],
  [['gc', '--yess'], /^gc: unknown option "--yess"; did you mean "--yes"\?/],
  [['render'], /^render: say which one/],
] as const) {
  test(`bad input: ${argv.join(' ')}`, async ({ project }) => {
    const { code, complaints } = await project.command(...argv);
    assert.is(code, complaint === undefined ? 0 : 2);
    if (complaint !== undefined) assert.match(complaints.join('\n'), complaint);
  });
}

test('what is out of date cannot be kept as it is, and a name is taken once', async ({ project }) => {
  await project.command('keep', '--as', 'one');
  assert.match(await say(project, 'keep', '--as', 'one'), /^keep: one is taken by run .*; choose another name, or "keep --drop one" first$/);
  project.write('text.txt', 'else');
  assert.match(await say(project, 'keep', '--as', 'two'), /^keep: 5 cells are not up to date; run "bitwidth run" first/);
});

test.run();
