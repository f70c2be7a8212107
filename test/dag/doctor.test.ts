/** `doctor`: the machinery's own checks, and those of the project. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, commandLine, stage } from '../../stages/dag/index.ts';
import { Project } from './project.ts';
import type { DoctorSection, Pipeline, StoredOutputs } from '../../stages/dag/index.ts';

const test = suite<{ project: Project; asked: number; doctor: ((stored: StoredOutputs) => Promise<readonly DoctorSection[]>) | undefined; sections: Pipeline['doctor']; mistake: string | undefined }>('dag: doctor');
const use = stage({ name: 'use', title: 'Square', determinism: 'exact', module: 'use.ts', outputs: ['square', 'log'], where: 'in-process' });

test.before.each((context) => {
  context.asked = 0;
  context.doctor = context.sections = context.mistake = undefined;
  context.project = new Project('tools', () => ({
    name: 'tools', cells: [cell(use, '2', { params: { n: 2 } })],
    doctor: context.sections ?? (async (stored) => { context.asked++; return await context.doctor?.(stored) ?? []; }),
    ...(context.mistake === undefined ? {} : { mistake: context.mistake }),
  }));
});
test.after.each(({ project }) => project.remove());

const engines: DoctorSection = { section: 'engines', items: [
  { name: 'plain', state: 'ok', what: 'its self-test passes' },
  { name: 'native', state: 'missing', what: 'there is no C compiler', hint: 'install one' },
] };

test('the machinery: Node, platform, processors and the store, before there is one and after', async ({ project }) => {
  const before = await project.command('doctor');
  assert.is(before.code, 0);
  assert.is(before.lines[0], 'machinery');
  assert.ok(before.lines.includes(`  ok       node        ${process.version}`));
  assert.ok(before.lines.includes('  ok       store       there is none yet: the first run makes it'));
  assert.not.ok(project.has('.bitwidth'), 'looking makes nothing');
  await project.run();
  const { items } = JSON.parse((await project.command('doctor', '--json')).lines[0]!) as DoctorSection;
  assert.equal(items.map(({ name, state }) => `${name} ${state}`), ['node ok', 'platform ok', 'processors ok', 'store ok', 'writing ok', 'space ok']);
  assert.is(items[3]!.what, 'format 1, 1 record');
});

test('the project: asked only by doctor; what is missing is no failure, what is broken is', async (context) => {
  const { project } = context;
  context.doctor = async () => [engines];
  await project.run();
  await project.command('status');
  assert.is(context.asked, 0);
  const missing = await project.command('doctor');
  assert.is(missing.code, 0);
  assert.equal(missing.lines.slice(-5), ['', 'engines', '  ok       plain   its self-test passes', '  missing  native  there is no C compiler', '                   install one']);
  context.doctor = async () => [{ section: 'engines', items: [{ name: 'plain', state: 'broken', what: 'it computes other bits' }] }];
  assert.is((await project.command('doctor')).code, 1);
});

test('each section is shown as soon as it is known', async (context) => {
  const lines: string[] = [];
  let shown: number | undefined;
  context.sections = async function* () {
    yield engines;
    shown = lines.length;
    yield { section: 'others', items: [] };
  };
  await commandLine(context.project.pipeline(), ['doctor'], { print: (line) => lines.push(line) });
  assert.ok(shown !== undefined && lines.slice(0, shown).includes('engines') && !lines.slice(0, shown).includes('others'));
  assert.equal(lines.slice(-2), ['', 'others']);
});

test('what a run has made and is up to date need not be made again', async (context) => {
  const found: (string | undefined)[] = [];
  context.doctor = async (stored) => {
    const { square } = await stored('use:2') ?? {};
    found.push(square === undefined ? undefined : new TextDecoder().decode(square));
    assert.is(await stored('use:3'), undefined, 'no such cell');
    return [];
  };
  await context.project.command('doctor');
  await context.project.run();
  await context.project.command('doctor');
  assert.equal(found, [undefined, '4']);
  assert.is((await context.project.command('status')).code, 0);
});

test('checks that fail are told of, and the rest is shown', async (context) => {
  context.doctor = () => Promise.reject(new Error('no such file'));
  const { code, lines } = await context.project.command('doctor');
  assert.is(code, 1);
  assert.is(lines[0], 'machinery');
  assert.is(lines.at(-1), "  broken   checks  the project's own checks failed: no such file");
});

test('a mistake of the configuration stands first, a line of it an item, and the machine is told of all the same', async (context) => {
  context.doctor = async () => [engines];
  context.mistake = 'study.yaml:3:1 unknown key "modles"\nstudy.yaml:7:2 no such text';
  const { code, lines } = await context.project.command('doctor');
  assert.is(code, 2);
  assert.equal(lines.slice(0, 5), ['configuration', '  broken   mistake  study.yaml:3:1 unknown key "modles"', '  broken   mistake  study.yaml:7:2 no such text', '', 'machinery']);
  assert.ok(lines.includes('engines'));
});

test('a store of a newer version, and one that cannot be written', async ({ project }) => {
  mkdirSync(project.path('.bitwidth'));
  writeFileSync(project.path('.bitwidth/format'), '99\n');
  const newer = await project.command('doctor');
  assert.is(newer.code, 1);
  assert.ok(newer.lines.some((line) => /^ {2}broken {3}store .* has format 99, this version reads up to 1/.test(line)), newer.lines.join('\n'));
  if (process.getuid?.() === 0) return; // modes stop nobody who is root
  chmodSync(project.path('.bitwidth'), 0o500);
  assert.ok((await project.command('doctor')).lines.some((line) => /^ {2}broken {3}writing /.test(line)));
  chmodSync(project.path('.bitwidth'), 0o700);
});

test.run();
