/** A project's own commands: how they are registered, and what they are given of what was computed. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, commandLine, EXIT, file, gather, openResults, output, pipeline, stage } from '../../stages/dag/index.ts';
import { Project } from './project.ts';
import type { Command, PipelineDeclaration } from '../../stages/dag/index.ts';

const split = stage({ name: 'split', title: 'Split the text', determinism: 'exact', module: 'split.ts', outputs: ['words'], where: 'in-process' });
const tally = stage({ name: 'tally', title: 'Count the words', determinism: 'exact', module: 'tally.ts', outputs: ['lines'], where: 'in-process' });

interface Context { project: Project; factor: number; declared: () => Omit<PipelineDeclaration, 'root'> }
const test = suite<Context>('dag: results');
test.before.each((context) => {
  context.factor = 1;
  context.declared = () => {
    const splits = [2, 3].map((n) => cell(split, String(n), { params: { characters: n, factor: context.factor }, inputs: { text: file('text.txt') } }));
    return { name: 'words', cells: [...splits, cell(tally, 'all', { inputs: { words: gather(splits.map((one) => output(one))) } })] };
  };
  context.project = new Project('words', context.declared);
  context.project.write('text.txt', 'to be one');
});
test.after.each(({ project }) => project.remove());

test('what counts now: each cell with its record, inputs and code, and the bytes of its outputs', async ({ project, declared }) => {
  await project.run();
  const results = await openResults(pipeline({ ...declared(), root: project.root }));
  try {
    assert.equal([...results.cells.keys()], ['split:2', 'split:3', 'tally:all']);
    const all = results.cells.get('tally:all')!;
    assert.is(all.stale, undefined);
    assert.equal(all.inputs['words']!.map(({ cell: from }) => from), ['split:2', 'split:3']);
    assert.equal(all.inputs['words']!.map(({ sha256 }) => sha256), ['split:2', 'split:3'].map((id) => results.cells.get(id)!.record!.outputs['words']!.sha256));
    assert.ok(Object.keys(all.code).includes('tally.ts'));
    assert.ok((await results.read(results.handle(all.record!.outputs['lines']!))).length > 0);
    assert.ok(results.machines.has(all.record!.machine));
  } finally {
    await results.close();
  }
});

test('what reads a cell that failed was computed with that, and every link of it holds', async ({ project, declared }) => {
  project.write('split.ts', project.read('split.ts').replace('await io.commit(', "if (wanted === 3) await io.fail(cell.id, { code: 'not-available', sentence: 'there is no splitter' });\n    else await io.commit("));
  await project.run();
  const results = await openResults(pipeline({ ...declared(), root: project.root }));
  try {
    assert.is(results.cells.get('split:3')!.failure?.sentence, 'there is no splitter');
    assert.equal((await results.audit('tally:all')).findings, []);
    assert.equal([...results.cells.values()].filter(({ stale }) => stale !== undefined), [], 'all that can be had without it is there, although each run looks for it again');
  } finally {
    await results.close();
  }
});

test('what is out of date is given as it was last, with the reason; what was never computed has none', async (context) => {
  const { project } = context;
  const open = () => openResults(pipeline({ ...context.declared(), root: project.root }));
  const never = await open();
  assert.is(never.cells.get('split:2')!.record, undefined);
  assert.match(never.cells.get('split:2')!.failure!.sentence, /never computed/);
  await never.close();
  await project.run();
  context.factor = 2;
  const results = await open();
  assert.equal(results.cells.get('split:2')!.stale, [{ field: 'params.factor', before: '1', after: '2' }]);
  assert.match(results.cells.get('tally:all')!.stale![0]!.field, /it reads split:2/);
  assert.is(results.cells.get('split:2')!.records.length, 1);
  await results.close();
});

test('a past run: its own records, parameters and inputs, whatever the pipeline declares today', async (context) => {
  const { project } = context;
  const first = (await project.run()).done;
  assert.is(first.event, 'done');
  context.factor = 2;
  project.write('text.txt', 'to be two');
  await project.run();
  const runs = await openResults(pipeline({ ...context.declared(), root: project.root }));
  const [older, newer] = runs.runs.map(({ run }) => run);
  await runs.close();
  const [before, after] = [await openResults(pipeline({ ...context.declared(), root: project.root }), older), await openResults(pipeline({ ...context.declared(), root: project.root }), newer)];
  try {
    const [then, now] = [before, after].map(({ cells }) => cells.get('split:2')!);
    assert.equal([then!.params['factor'], now!.params['factor']], [1, 2]);
    assert.is.not(then!.inputs['text']![0]!.sha256, now!.inputs['text']![0]!.sha256);
    assert.is(then!.inputs['text']![0]!.sha256, then!.record!.fields.inputs['text']);
    assert.is(then!.inputs['text']![0]!.file, 'text.txt');
  } finally {
    await before.close();
    await after.close();
  }
});

test('a command of the project stands beside the others, in the help too; a name of the machinery is refused', async ({ project, declared }) => {
  const hello: Command = {
    usage: 'words hello <who>', details: 'Greets.', options: {}, positionals: { min: 1, max: 1 },
    async run({ pipeline: { name }, positionals, print }) { print(`${name}: ${positionals[0]}`); return EXIT.done; },
  };
  const lines: string[] = [], complaints: string[] = [];
  const say = (argv: readonly string[], name = 'hello') => commandLine(pipeline({ ...declared(), root: project.root }), argv, {
    print: (line) => lines.push(line), complain: (line) => complaints.push(line), commands: { [name]: { summary: 'Greet', load: async () => ({ default: hello }) } },
  });
  assert.is(await say(['hello', 'you']), EXIT.done);
  assert.equal(lines, ['words: you']);
  await say(['help']);
  assert.match(lines.at(-1)!, /^ {2}hello +Greet$/m);
  assert.is(await say(['helo']), EXIT.wrong);
  assert.match(complaints[0]!, /did you mean "hello"/);
  let refused = '';
  await say(['run'], 'run').catch((error: Error) => { refused = error.message; });
  assert.match(refused, /machinery's own/);
});

test('a command of the machinery may be extended', async ({ project, declared }) => {
  const lines: string[] = [];
  const code = await commandLine(pipeline({ ...declared(), root: project.root }), ['graph', 'x'], {
    print: (line) => lines.push(line),
    commands: { graph: { summary: 'Draw', extend: async (graph) => ({ ...graph, positionals: { min: 0, max: 1 }, run: async (context) => { context.print(graph.usage); return EXIT.done; } }) } },
  });
  assert.is(code, EXIT.done);
  assert.match(lines[0]!, /bitwidth graph/);
});

test.run();
