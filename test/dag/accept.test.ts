/** `accept`: results from before a change that a person judged harmless count, after a sample agreed; the waiver shows wherever they do. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, file, gather, output, records, stage } from '../../stages/dag/index.ts';
import { openStore } from '../../stages/dag/open-store.ts';
import { Project } from './project.ts';
import type { CellProvenance } from '../../stages/dag/index.ts';

const split = stage({ name: 'split', title: 'Split the text', determinism: 'exact', module: 'split.ts', outputs: ['words'] });
const tally = stage({ name: 'tally', title: 'Count the words', determinism: 'exact', module: 'tally.ts', outputs: ['lines'] });
const look = stage({ name: 'look', title: 'Write down the records', determinism: 'exact', module: 'look.ts', outputs: ['report'], unstableOutputs: ['report'], where: 'in-process' });
const time = stage({ name: 'time', title: 'Time it', determinism: 'measured', module: 'split.ts', outputs: ['words'] });

const HARMLESS = ['text.toLowerCase()', 'text.toLowerCase().toLowerCase()'] as const;
const test = suite<{ project: Project; arithmetic: number; change: (from: string, to: string, path?: string) => void }>('dag: accept');
test.before.each(async (context) => {
  context.arithmetic = 1;
  const project = context.project = new Project('words', () => {
    const splits = [2, 3, 4].map((n) => cell(split, String(n), { params: { characters: n }, inputs: { text: file('text.txt') } }));
    const all = cell(tally, 'all', { inputs: { words: gather(splits.map((one) => output(one))) } });
    return {
      name: 'words', boundaries: { 'version.ts': { constant: `arithmetic ${context.arithmetic}` } },
      cells: [...splits, all, cell(look, 'all', { inputs: { cells: records([...splits, all].map(({ id }) => id)) } }), cell(time, 'x', { params: { characters: 3 }, inputs: { text: file('text.txt') } })],
    };
  });
  project.write('version.ts', 'export const VERSION = 1;\n');
  context.change = (from, to, path = 'shared.ts') => {
    const before = project.read(path);
    assert.ok(before.includes(from));
    project.write(path, before.replace(from, to));
  };
  project.write('split.ts', `import './version.ts';\n${project.read('split.ts').replaceAll('../../../../', './')}`);
  project.write('text.txt', 'to be or not two');
  await project.run();
});
test.after.each(({ project }) => project.remove());

/** What a report is given of each cell. */
async function seen(project: Project): Promise<readonly CellProvenance[]> {
  const store = openStore({ folder: project.path('.bitwidth') });
  return JSON.parse(Buffer.from(await store.read(store.handle(store.newestOfCell('look:all')!.outputs['report']!))).toString()) as readonly CellProvenance[];
}

const accepting = (...more: string[]): string[] => ['accept', 'shared.ts', '--because', 'it only lower-cases twice', '--by', 'Ada', ...more];

test('accepted: the sample was equal, nothing runs but what shows the waiver, and why, status and records tell of it', async ({ project, change }) => {
  change(...HARMLESS);
  const { code, lines } = await project.command(...accepting());
  assert.is(code, 0, lines.join('\n'));
  assert.match(lines.join('\n'), /^3 cells are out of date for nothing else:\n {2}split +3 cells /m);
  assert.match(lines.join('\n'), /^1 cell whose results are not exact stays out of date\.$/m);
  assert.match(lines.join('\n'), /^Computing 3 cells once more\.$/m);
  const id = /^Accepted as waiver ([0-9a-f]{8}): 3 cells count as up to date\./m.exec(lines.join('\n'))![1]!;
  const why = (await project.command('why', 'split:3')).lines;
  assert.match(why.at(-2)!, new RegExp(`^  now: up to date, accepted by Ada on \\d{4}-\\d\\d-\\d\\d: it only lower-cases twice \\(waiver ${id}; all 3 were computed again first and came out equal\\)$`));
  assert.is(why.at(-1), '    code shared.ts changed');
  assert.match((await project.command('status')).lines.join('\n'), new RegExp(`^3 cells count as up to date after code shared\\.ts changed: accepted by Ada on .*; "accept --withdraw ${id}" takes that back$`, 'm'));
  assert.equal((await project.run()).ran, ['look:all', 'time:x'], 'what shows records is drawn again; what was measured is measured again');
  assert.equal((await seen(project)).map(({ cell: of, waiver }) => [of, waiver?.by, waiver?.because]), [['split:2', 'Ada', 'it only lower-cases twice'], ['split:3', 'Ada', 'it only lower-cases twice'], ['split:4', 'Ada', 'it only lower-cases twice'], ['tally:all', undefined, undefined]]);
  assert.equal((await project.run()).ran, []);
  assert.equal((await project.command('gc', '--yes')).code, 0);
  assert.equal((await project.run()).ran, [], 'gc keeps what a waiver has count');
});

test('a waiver reaches those that read the accepted ones, and no further change', async ({ project, change }) => {
  change(...HARMLESS);
  change('lines.join', '[...lines].join', 'tally.ts');
  const { code, lines } = await project.command('accept', 'shared.ts', 'tally.ts', '--because', 'harmless', '--sample', '2');
  assert.is(code, 0, lines.join('\n'));
  assert.match(lines.join('\n'), /Accepted as waiver [0-9a-f]{8}: 4 cells/);
  assert.not.ok((await project.run()).ran.some((id) => /^(split|tally)/.test(id)));
  change('toLowerCase().toLowerCase()', 'toLowerCase().trim()');
  assert.equal((await project.run()).ran.filter((id) => id.startsWith('split')), ['split:2', 'split:3', 'split:4']);
});

test('a sample that differs: exit code 3, nothing is accepted', async ({ project, change }) => {
  change('/[a-z]+/g', '/[a-s]+/g');
  const { code, lines } = await project.command(...accepting());
  assert.is(code, 3);
  assert.match(lines.join('\n'), /^differs: split:\d: words/m);
  assert.match(lines.at(-1)!, /^Nothing was accepted: the change is not harmless/);
  assert.ok((await project.run()).ran.includes('split:2'));
});

test('a sample that cannot be computed: exit code 1, nothing is accepted', async ({ project, change }) => {
  change('return text', 'throw new Error("no"); return text');
  const { code, lines } = await project.command(...accepting());
  assert.is(code, 1);
  assert.match(lines.at(-1)!, /^Nothing was accepted: not all of the sample could be computed\.$/);
});

test('withdrawn: its cells are out of date again', async ({ project, change }) => {
  change(...HARMLESS);
  const { lines } = await project.command(...accepting());
  const id = /waiver ([0-9a-f]{8})/.exec(lines.join('\n'))![1]!;
  assert.is((await project.command('accept', '--withdraw', id)).code, 0);
  assert.equal((await project.run()).ran.filter((one) => one.startsWith('split')), ['split:2', 'split:3', 'split:4']);
  assert.match((await project.command('accept', '--withdraw', id)).complaints[0]!, /^accept: there is no waiver "[0-9a-f]{8}"; there is none at all$/);
});

test('without --because it only tells', async ({ project, change }) => {
  change(...HARMLESS);
  const { code, lines } = await project.command('accept', 'shared.ts');
  assert.is(code, 2);
  assert.match(lines.at(-1)!, /^Nothing was accepted: say why the change is harmless with --because/);
  assert.ok((await project.run()).ran.includes('split:2'));
});

test('an edited input file, too', async ({ project }) => {
  project.write('text.txt', 'to be or not two!');
  assert.is((await project.command('accept', 'text.txt', '--because', 'punctuation')).code, 0);
  assert.not.ok((await project.run()).ran.some((id) => id.startsWith('split')));
});

test('another arithmetic: earlier records stay, named by their version, count nowhere, and cannot be accepted', async (context) => {
  const { project } = context;
  context.arithmetic = 2;
  const refused = await project.command('accept', 'version.ts', '--because', 'please');
  assert.is(refused.code, 2);
  assert.match(refused.complaints[0]!, /^accept: version\.ts counts as "arithmetic 2", a version of what results mean; results of another version are never taken for those of this one$/);
  assert.match((await project.command('why', 'split:2')).lines.join('\n'), /^ {4}code version\.ts arithmetic 1 -> arithmetic 2$/m);
  // One cell cannot be computed by the new version: its earlier result does not fill the gap in the table.
  project.write('split.ts', project.read('split.ts').replace('io.progress', "if (wanted === 3) throw new Error('never');\n    io.progress").replace('await io.commit', "if (wanted === 3) throw new Error('not in version 2');\n    await io.commit"));
  const { failed, ran } = await project.run();
  assert.equal(failed, ['split:3', 'time:x']);
  assert.ok(ran.includes('tally:all'));
  const store = openStore({ folder: project.path('.bitwidth') });
  const versions = (id: string): readonly (string | undefined)[] => store.recordsOfCell(id).filter(({ status }) => status === 'done').map(({ fields }) => store.closure(fields.code)?.['version.ts']);
  assert.equal([versions('split:2'), versions('split:3')], [['arithmetic 2', 'arithmetic 1'], ['arithmetic 1']]);
  const table = Buffer.from(await store.read(store.handle(store.newestOfCell('tally:all')!.outputs['lines']!))).toString();
  assert.match(table, /^split:3 missing: stage-threw not in version 2$/m);
});

for (const [argv, complaint] of [
  [['accept'], /^accept: say either what changed, or which waiver to withdraw\nusage: /],
  [['accept', 'shared.ts', '--withdraw', 'x'], /^accept: say either/],
  [['accept', 'shared.ts', '--because', ' '], /^accept: --because must be one line of up to 500 characters$/],
  [['accept', 'shared.ts', '--because', 'a\nb'], /^accept: --because must be one line/],
  [['accept', 'shared.ts', '--because', 'x', '--sample', '0'], /^--sample is "0"/],
  [['accept', 'shraed.ts', '--because', 'x'], /^accept: no cell with an earlier result is out of date only because of shraed\.ts; did you mean "shared\.ts"\?\nWhat is out of date:\n {2}code shared\.ts changed \(4 cells\)$/],
] as const) {
  test(`bad input: ${JSON.stringify(argv)}`, async ({ project, change }) => {
    change(...HARMLESS);
    const { code, complaints } = await project.command(...argv);
    assert.is(code, 2);
    assert.match(complaints.join('\n'), complaint);
  });
}

test.run();
