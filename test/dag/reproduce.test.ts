/** `reproduce`: what is recorded is computed once more and compared; nothing is kept. */
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, commandLine, file, output, pipeline, stage } from '../../stages/dag/index.ts';
import { sampleOf } from '../../stages/dag/random.ts';
import { comesTrue, isAlive } from './launched-project.ts';
import { Project } from './project.ts';
import type { Event } from './project.ts';
import type { Agreement, Cell, Pipeline, Stage } from '../../stages/dag/index.ts';

interface Used { readonly cell: string; readonly library: string; readonly engine?: string; readonly pid: number }
interface Declared { acts: string[]; use: Partial<Stage>; batch: string | undefined; variation: Pipeline['variation']; agreement: Agreement | undefined }
const test = suite<{ declared: Declared; project: Project; used: () => readonly Used[]; again: (...argv: string[]) => Promise<{ code: number; events: readonly Event[]; of: (kind: string) => readonly string[]; done: Event }> }>('dag: reproduce');

const build = stage({ name: 'build', title: 'Build the library', determinism: 'exact', module: 'build.ts', outputs: ['library'], where: 'in-process', optional: true });
const time = { name: 'time', title: 'Time it', determinism: 'measured', module: 'use.ts', outputs: ['square', 'log'], where: 'in-process' } as const;
/** Always the other engine than the one that the record names. */
const other: Pipeline['variation'] = (computedBy) => computedBy?.['engine'] === undefined ? [] : [{ environment: { TEST_ENGINE: `not ${computedBy['engine']}` }, label: `engine not ${computedBy['engine']}` }];

test.before.each((context) => {
  const declared: Declared = context.declared = { acts: ['a', 'b', 'large', 'tree'], use: {}, batch: undefined, variation: undefined, agreement: undefined };
  const project = context.project = new Project('tools', () => {
    const use = stage({ name: 'use', title: 'Square', determinism: 'exact', module: 'use.ts', outputs: ['square', 'log'], unstableOutputs: ['log'], ...declared.use });
    const tool = cell(build, 'native', { params: { version: 1 } });
    const users: Cell[] = declared.acts.map((act, i) => cell(use, act, {
      params: { n: i + 1, act }, inputs: { text: file('text.txt') }, tools: { library: output(tool) }, ...(declared.batch === undefined ? {} : { batch: declared.batch }),
    }));
    return { name: 'tools', cells: [...users, tool, cell(stage({ ...time, ...(declared.agreement === undefined ? {} : { agreement: declared.agreement }) }), 'x', { params: { n: 1 } })], ...(declared.variation === undefined ? {} : { variation: declared.variation }) };
  });
  project.write('text.txt', 'text');
  context.used = () => project.read('used.log').trimEnd().split('\n').map((line) => JSON.parse(line) as Used);
  context.again = async (...argv) => {
    rmSync(project.path('used.log'), { force: true });
    const { code, lines, complaints } = await project.command('reproduce', '--json', ...argv);
    assert.equal(complaints, []);
    const events = lines.map((line) => JSON.parse(line) as Event);
    return { code, events, of: (kind) => events.filter(({ event }) => event === kind).map(({ cell: id }) => id as string).sort(), done: events.at(-1)! };
  };
});
test.after.each(({ project }) => project.remove());

/** The log of the store, to the byte. */
const logOf = (project: Project): string => readdirSync(project.path('.bitwidth/records')).map((name) => readFileSync(project.path('.bitwidth/records', name), 'latin1')).join('\n');

test('equal: exit code 0, nothing is kept, measured cells are left out, and who computed is told', async ({ project, again }) => {
  await project.run();
  const before = logOf(project);
  const { code, of, events, done } = await again();
  assert.is(code, 0);
  assert.equal(of('equal'), ['use:a', 'use:b', 'use:large', 'use:tree']);
  assert.equal({ ...done, durationMs: 0 }, { event: 'done', equal: 4, differs: 0, notRun: 0, durationMs: 0 });
  assert.equal(events[0], { event: 'start', cells: 4, candidates: 4, leftOut: ['1 of stages whose results are not exact'] });
  const { key, ...told } = events.find(({ cell: id }) => id === 'use:a')!;
  assert.match(String(key), /^[0-9a-f]{64}$/);
  assert.equal(told, { event: 'equal', cell: 'use:a', then: { engine: 'compiled', build: '1' }, now: { engine: 'compiled', build: '1' } });
  assert.equal(events.find(({ event }) => event === 'stage'), { event: 'stage', stage: 'use', equal: 4, differs: 0, notRun: 0 });
  assert.is(logOf(project), before);
  assert.equal(readdirSync(project.path('.bitwidth/scratch')), []);
});

test('computed otherwise where the pipeline knows how, also what runs in-process, in processes of their own', async ({ declared, project, used, again }) => {
  for (const where of ['worker', 'in-process'] as const) {
    declared.use = { where };
    await project.run('--force');
    declared.variation = other;
    const { code, events } = await again('--jobs', '1');
    assert.is(code, 0);
    assert.equal(events.find(({ cell: id }) => id === 'use:a')?.['now'], { engine: 'not compiled', build: '1' });
    assert.equal(used().map(({ engine }) => engine), Array(4).fill('not compiled'));
    assert.ok(used().every(({ pid }) => pid !== process.pid));
    declared.variation = undefined;
  }
  const { lines } = await project.command('reproduce', 'use:a', 'use:b');
  assert.equal(lines.slice(0, 2), ['Computing 2 cells once more.', 'use: 2 equal, 0 differ, 0 not run; by engine compiled, build 1 both times']);
});

test('what was measured is compared with --measure, by what its stage tolerates', async ({ declared, project, again }) => {
  const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
  let least = 0;
  declared.acts = ['a'];
  declared.variation = other;
  // What is "log" there is the clock, so that two never have equal bytes.
  declared.agreement = (then, now) => ({ within: BigInt(text(now['log'])) > BigInt(text(then['log'])) && text(now['square']).length >= least, what: `${text(then['square'])} then, ${text(now['square'])} now` });
  await project.run();
  assert.equal((await again()).events[0], { event: 'start', cells: 1, candidates: 1, leftOut: ['1 of stages whose results are not exact (--measure compares what was measured here)'] });
  const within = await again('--measure');
  assert.is(within.code, 0);
  assert.equal([within.of('equal'), within.of('within'), within.done['within'], within.done['differs']], [['use:a'], ['time:x'], 1, 0]);
  const { what, how } = within.events.find(({ event }) => event === 'within')!;
  assert.equal([what, how], ['1 then, 1 now', undefined], 'measured again in the same way');
  const { lines } = await project.command('reproduce', '--measure', 'time');
  assert.equal(lines.slice(1, 3), ['within tolerance: time:x: 1 then, 1 now', 'time: 0 equal, 1 within tolerance, 0 differ, 0 not run; by engine plain, build 1 both times']);
  least = 2;
  const beyond = await again('--measure');
  assert.is(beyond.code, 3);
  assert.equal(beyond.of('differs'), ['time:x']);
  assert.ok((await project.command('reproduce', '--measure', 'time')).lines.some((line) => line.startsWith('differs: time:x: 1 then, 1 now; by engine plain')));
  process.env['BITWIDTH_MACHINE'] = 'another';
  try {
    assert.equal((await again('--measure', 'time')).events[0]!['leftOut'], ['1 measured on other machines']);
  } finally {
    delete process.env['BITWIDTH_MACHINE'];
  }
  assert.throws(() => stage({ ...time, determinism: 'exact', agreement: declared.agreement! }), /agreement is for results that are not exact/);
});

test('a process serves again only in the same environment', async ({ declared, project, used, again }) => {
  declared.acts = ['a', 'b', 'c', 'd'];
  await project.run();
  let asked = 0;
  declared.variation = () => (asked++ % 2 === 0 ? [] : [{ environment: { TEST_ENGINE: 'other' }, label: 'engine other' }]);
  assert.is((await again('--jobs', '1')).code, 0);
  const pidsOf = (engine: string | undefined): readonly number[] => used().filter((one) => one.engine === engine).map(({ pid }) => pid);
  assert.equal([pidsOf(undefined).length, pidsOf('other').length], [2, 2]);
  assert.not.ok(pidsOf(undefined).some((pid) => pidsOf('other').includes(pid)));
});

test('a difference: exit code 3, the output and both engines are named', async ({ declared, project, again }) => {
  declared.acts = ['a', 'differ'];
  declared.batch = 'one';
  await project.run();
  declared.variation = other;
  const { code, of, events } = await again();
  assert.is(code, 3);
  assert.equal([of('equal'), of('differs')], [['use:a'], ['use:differ']]);
  const outputs = events.find(({ event }) => event === 'differs')!['outputs'] as { output: string; then: { sha256: string }; now: { sha256: string } }[];
  assert.equal(outputs.map(({ output: name }) => name), ['square']);
  assert.not(outputs[0]!.then.sha256 === outputs[0]!.now.sha256);
  const { lines } = await project.command('reproduce');
  assert.ok(lines.some((line) => /^differs: use:differ: square \([0-9a-f]{12} then, [0-9a-f]{12} now\); by engine compiled, build 1 then, engine not compiled, build 1 now$/.test(line)), lines.join('\n'));
  assert.match(lines.at(-1)!, /^2 cells computed once more in .*: 1 equal, 1 differs, 0 not run\.$/);
});

test('what could not be run: exit code 1 with the reason; what throws or crashes in a batch is found, the rest compared', async ({ declared, project, again }) => {
  declared.acts = ['a', 'unavailable', 'throw', 'b', 'crash'];
  declared.batch = 'one';
  await project.run();
  declared.variation = other;
  const { code, of, events } = await again();
  assert.is(code, 1);
  assert.equal([of('equal'), of('not-run')], [['use:a', 'use:b'], ['use:crash', 'use:throw', 'use:unavailable']]);
  const failureOf = (id: string) => events.find(({ cell: of }) => of === id)!;
  assert.equal([failureOf('use:unavailable')['code'], failureOf('use:unavailable')['hint']], ['not-available', 'add one']);
  assert.is(failureOf('use:throw')['sentence'], 'the other engine is wrong');
  assert.is(failureOf('use:crash')['code'], 'crashed');
  const { lines } = await project.command('reproduce', 'use:unavailable');
  assert.ok(lines.includes('not run: use:unavailable with engine not compiled (not-available): no adapter; add one'));
});

test('what one other engine cannot compute, as it is not available or crashes, the next one does; told once for each reason', async ({ declared, project, again }) => {
  declared.acts = ['a', 'unavailable', 'crash', 'throw'];
  declared.batch = 'one';
  await project.run();
  const ways = ['unsound', 'sound'].map((name) => ({ environment: { TEST_ENGINE: name }, label: `engine ${name}` }));
  declared.variation = () => ways;
  const { code, of, events } = await again();
  assert.is(code, 1);
  assert.equal([of('equal'), of('not-run')], [['use:a', 'use:crash', 'use:unavailable'], ['use:throw']]);
  const told = (id: string) => { const { how, now, passedOver } = events.find(({ cell: one }) => one === id)!; return { how, now, passedOver }; };
  assert.equal(told('use:a').now, { engine: 'unsound', build: '1' });
  assert.equal(told('use:unavailable'), { how: 'engine sound', now: { engine: 'sound', build: '1' }, passedOver: [{ how: 'engine unsound', code: 'not-available', sentence: 'no adapter', hint: 'add one' }] });
  assert.is((told('use:crash').passedOver as { code: string }[])[0]!.code, 'crashed');
  // What throws is wrong rather than missing: that is to be seen.
  assert.equal([told('use:throw').how, told('use:throw').passedOver], ['engine unsound', undefined]);
  const { code: fine, lines } = await project.command('reproduce', 'use:unavailable', 'use:a');
  assert.is(fine, 0);
  assert.equal(lines.filter((line) => line.includes('passed over')), ['engine unsound was passed over, first for use:unavailable (not-available): no adapter; add one']);
  assert.not.match(lines.at(-1)!, /Nothing could be compared/);
});

test('where no other engine can, nothing is compared: exit code 1, and a sentence says so', async ({ declared, project }) => {
  declared.acts = ['unavailable'];
  await project.run();
  declared.variation = () => ['one', 'another'].map((name) => ({ environment: { TEST_ENGINE: name }, label: `engine ${name}` }));
  const { code, lines } = await project.command('reproduce');
  assert.is(code, 1);
  assert.equal(lines.filter((line) => /adapter/.test(line)), ['engine one was passed over, first for use:unavailable (not-available): no adapter; add one', 'not run: use:unavailable with engine another (not-available): no adapter; add one']);
  assert.match(lines.at(-1)!, /: 0 equal, 0 differ, 1 not run\. Nothing could be compared, so nothing is shown\.$/);
});

test('a sample is had again by its seed', async ({ project, again }) => {
  await project.run();
  const first = await again('--sample', '2');
  assert.equal([first.events[0]!['cells'], first.events[0]!['candidates']], [2, 4]);
  const seed = first.events[0]!['seed'];
  assert.type(seed, 'number');
  assert.equal((await again('--sample', '2', '--seed', String(seed))).of('equal'), first.of('equal'));
  const { lines } = await project.command('reproduce', '--sample', '1', '--seed', '7');
  assert.is(lines[0], 'Computing 1 of 4 cells once more, chosen with --seed 7.');
});

test('every set of cells is as likely as any other', () => {
  const seen = new Map<string, number>();
  for (let seed = 0; seed < 6000; seed++) {
    const set = sampleOf(['a', 'b', 'c', 'd'], 2, seed).join('');
    seen.set(set, (seen.get(set) ?? 0) + 1);
  }
  assert.equal([...seen.keys()].sort(), ['ab', 'ac', 'ad', 'bc', 'bd', 'cd']);
  for (const times of seen.values()) assert.ok(Math.abs(times - 1000) < 150, String(times));
  assert.equal(sampleOf(['a', 'b'], 9, 1), ['a', 'b']);
});

test('nothing to compare with is not success', async ({ project, again }) => {
  const none = await again();
  assert.equal([none.code, none.events[0]!['leftOut']], [1, ['1 of stages whose results are not exact', '4 without a valid record (compute them first, with the command run)']]);
  await project.run();
  project.write('text.txt', 'other');
  assert.is((await again('use:a')).code, 1, 'out of date is no valid record');
});

test('cells without a record may be another study of these files: its flag is named where it was not given', async ({ project }) => {
  const cells = [cell(stage({ name: 'use', title: 'Square', determinism: 'exact', module: 'use.ts', outputs: ['square', 'log'], where: 'in-process' }), '2', { params: { n: 2 } })];
  const told = async (...argv: string[]): Promise<string | undefined> => {
    const lines: string[] = [];
    await commandLine(() => pipeline({ name: 'flagged', root: project.root, cells }), ['reproduce', ...argv], { flags: { quick: 'The small one' }, print: (line) => lines.push(line) });
    return lines.find((line) => line.startsWith('Left out'));
  };
  assert.is(await told('--sample', '3'), 'Left out: 1 without a valid record (compute them first, with the command run; what a run with --quick computed is compared with --quick).');
  assert.is(await told('--quick'), 'Left out: 1 without a valid record (compute them first, with the command run).');
});

test('a tool that is not up to date is made for the occasion, or its failure handed over', async ({ project, used, again }) => {
  await project.run('build');
  const packs = readdirSync(project.path('.bitwidth/packs'));
  await project.run();
  for (const pack of packs) rmSync(project.path('.bitwidth/packs', pack));
  assert.is((await again()).code, 0);
  assert.equal([...new Set(used().map(({ library }) => library))], ['library 1']);
  assert.is(project.begun().filter((id) => id === 'build:native').length, 2, 'once for all of them');
  assert.equal(readdirSync(project.path('.bitwidth/scratch')), []);
  writeFileSync(project.path('no-compiler'), '');
  assert.is((await again('use:a')).code, 0);
  assert.is(used()[0]!.library, 'missing: there is no compiler');
});

test('what is damaged is a reason not to run', async ({ declared, project, again }) => {
  declared.acts = ['a'];
  await project.run('build');
  const [pack] = readdirSync(project.path('.bitwidth/packs'));
  await project.run();
  const path = project.path('.bitwidth/packs', pack!);
  const bytes = readFileSync(path);
  bytes[bytes.indexOf('library 1')]! ^= 1;
  chmodSync(path, 0o644);
  writeFileSync(path, bytes);
  const { code, events } = await again();
  assert.is(code, 1);
  const { sentence, hint } = events.find(({ event }) => event === 'not-run')!;
  assert.match(String(sentence), /^an input is damaged: its bytes hash to /);
  assert.is(hint, 'the command run makes it again');
});

test('interrupted: exit code 130, nothing is left running or lying about', async ({ declared, project, again, used }) => {
  declared.acts = ['hang'];
  await project.run();
  declared.variation = other;
  const reproducing = again();
  assert.ok(await comesTrue(() => project.has('used.log')));
  process.emit('SIGINT');
  const { code, done } = await reproducing;
  assert.equal([code, done['interrupted'], done['equal']], [130, true, 0]);
  const { pid } = used()[0]!;
  assert.ok(await comesTrue(() => !isAlive(pid)));
  assert.equal(readdirSync(project.path('.bitwidth/scratch')), []);
});

test('within --budget: what was reached is compared, the rest is told, and it is not called an interruption', async ({ declared, project, again }) => {
  declared.acts = ['a', 'hang', 'b'];
  await project.run();
  declared.variation = other;
  const startedMs = performance.now();
  const { code, of, done, events } = await again('--jobs', '2', '--budget', '4s');
  assert.ok(performance.now() - startedMs < 30_000, 'the cell that hangs takes a minute');
  assert.equal([code, of('equal'), done['unreached'], done['interrupted']], [0, ['use:a', 'use:b'], 1, undefined]);
  assert.is(events[0]!['budgetMs'], 4000);
  const { lines } = await project.command('reproduce', 'use:hang', '--budget', '0.5s');
  assert.match(lines[1]!, /^For 0\.5 s at most; they were recorded to take \d+\.\d s of one job\.$/);
  assert.match(lines.at(-1)!, /^0 cells computed once more in .* The time did not suffice for 1 cell more\.$/);
});

test('--first: these and what they were computed from come before the rest', async ({ declared, project, again, used }) => {
  declared.acts = ['a', 'b', 'c', 'd', 'e', 'f'];
  await project.run();
  for (const more of [[], ['--budget', '60s']]) {
    const { code, done } = await again('--jobs', '1', '--first', 'use:d', ...more);
    assert.equal([code, done['equal']], [0, 6]);
    assert.is(used()[0]!.cell, 'use:d');
  }
  const { of } = await again('use:a', '--first', 'use:f');
  assert.equal(of('equal'), ['use:a', 'use:f']);
});

for (const [argv, complaint] of [
  [['--budget', '10'], /^--budget is "10"; it must be a time such as 90s, 10min or 2h/],
  [['--budget', '0s'], /^--budget is "0s"/],
  [['--first', 'nothing'], /^"nothing" names no cell/],
  [['--sample', '0'], /^--sample is "0"; it must be a whole number from 1 to/],
  [['--sample', ''], /^--sample is ""/],
  [['--seed', '-1'], /^reproduce: .*seed|^--seed is "-1"/],
  [['--seed', '1.5'], /^--seed is "1.5"; it must be a whole number from 0 to 4294967295$/],
  [['nothing'], /^"nothing" names no cell/],
] as const) {
  test(`exit code 2: ${argv.join(' ')}`, async ({ project }) => {
    const { code, complaints } = await project.command('reproduce', ...argv);
    assert.is(code, 2);
    assert.match(complaints.join('\n'), complaint);
  });
}

test.run();
