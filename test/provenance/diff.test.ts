/** `diff`: numbers of two runs, judged, and traced to the changes that they come from. */
import { existsSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { commandLine, pipeline } from '../../stages/dag/index.ts';
import { provenanceCommands } from '../../provenance/index.ts';
import { tableProject } from './study.ts';
import type { Project } from '../dag/project.ts';
import type { PipelineDeclaration } from '../../stages/dag/index.ts';
import type { Settings } from './study.ts';

interface Context { settings: Settings; project: Project; declare: () => Omit<PipelineDeclaration, 'root'>; diff: (...argv: string[]) => Promise<{ code: number; text: string }> }
const test = suite<Context>('provenance: diff');
test.before.each(async (context) => {
  context.settings = { factor: 1, models: ['a', 'b'], rate: 100 };
  const { project, declare } = tableProject(context.settings);
  Object.assign(context, { project, declare });
  context.diff = async (...argv) => {
    const lines: string[] = [];
    const code = await commandLine(() => pipeline({ ...declare(), root: project.root }), ['diff', ...argv], { commands: provenanceCommands, print: (line) => lines.push(line), complain: (line) => lines.push(line) });
    return { code, text: lines.join('\n') };
  };
  await project.run();
});
test.after.each(({ project }) => project.remove());

test('nothing changed: exit 0', async ({ diff }) => {
  const { code, text } = await diff('last');
  assert.is(code, 0);
  assert.match(text, /: 8 numbers in both, 0 changed\./);
});

test('an exact number that changed, with its file; measured ones within and beyond noise', async (context) => {
  const { project, diff, settings } = context;
  project.write('text.txt', 'to be');
  settings.rate = 104;
  await project.run();
  const { code, text } = await diff(await firstRun(context), 'last');
  assert.is(code, 3);
  assert.match(text, /2 numbers \(2 exact\), because:\n {4}text\.txt changed/);
  assert.match(text, /kl_mean\.a\.nf4 {2}6\.0 ± 0\.5 nats -> 2\.0 ± 0\.5 nats {2}\(-67 %\)/);
  assert.match(text, /2 numbers \(2 within noise\), because:\n {4}params\.rate 100 -> 104/);
  settings.rate = 150;
  await project.run();
  assert.match((await diff(await firstRun(context))).text, /decode_tokens_per_second\.b\.nf4 .* beyond noise/);
});

test('timings alone: within noise is no difference', async (context) => {
  context.settings.rate = 104;
  await context.project.run();
  assert.is((await context.diff(await firstRun(context))).code, 0);
});

test('code behind a stage is named, through every cell in between', async (context) => {
  const { project } = context;
  project.write('words.ts', project.read('words.ts').replace('.length', '.length + 1'));
  await project.run();
  assert.match((await context.diff(await firstRun(context))).text, /because:\n {4}code words\.ts changed/);
});

test('numbers that only one run has', async (context) => {
  context.settings.models = ['a', 'c'];
  await context.project.run();
  const { code, text } = await context.diff(await firstRun(context));
  assert.is(code, 3);
  assert.match(text, /4 only in the later, 4 only in the earlier/);
  assert.match(text, /Only in the later:\n {2}kl_mean\.c\.nf4/);
});

test('as events, and as a page that stands alone', async (context) => {
  context.settings.factor = 3;
  await context.project.run();
  const { text } = await context.diff(await firstRun(context), '--json');
  const events = text.split('\n').map((line) => JSON.parse(line) as { event: string; judgement?: string; causes?: string[] });
  assert.equal(events.map(({ event }) => event), ['changed', 'changed', 'done']);
  assert.equal(events[0]!.causes, ['params.factor 1 -> 3']);
  const to = context.project.path('changed');
  await context.diff(await firstRun(context), '--to', to);
  const page = readFileSync(`${to}/index.html`, 'utf8');
  assert.match(page, /kl_mean\.a\.nf4/);
  assert.not.match(page, /href="(?!assets|data:|#)/, 'no link leads out of the folder');
  assert.ok(existsSync(`${to}/assets/style.css`));
  assert.match((await context.diff(await firstRun(context), '--to', to)).text, /not empty/);
});

test('a run that is not there is answered with what is', async ({ diff }) => {
  const { code, text } = await diff('no-such-run');
  assert.is(code, 2);
  assert.match(text, /there is no run "no-such-run"/);
});

/** The oldest run of the project. */
async function firstRun({ project }: Context): Promise<string> {
  const { lines } = await project.command('runs', '--json', '--all');
  return (JSON.parse(lines.at(-1)!) as { run: string }).run;
}

test.run();
