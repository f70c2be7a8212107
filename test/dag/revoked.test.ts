/** What was computed by something found wrong later counts nowhere, is computed again, and is listed. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, output, stage } from '../../stages/dag/index.ts';
import { Project } from './project.ts';
import type { Revocation } from '../../stages/dag/index.ts';

const test = suite<{ project: Project; revoked: Revocation[]; numbers: number[] }>('dag: revoked');
const use = stage({ name: 'use', title: 'Square', determinism: 'exact', module: 'use.ts', outputs: ['square', 'log'], unstableOutputs: ['log'], where: 'in-process' });
const next = stage({ name: 'next', title: 'Follow', determinism: 'exact', module: 'use.ts', outputs: ['square', 'log'], unstableOutputs: ['log'], where: 'in-process' });
const REASON = 'its int8 kernel dropped the last outlier';
const TEXT = `engine wrong, build 1 was revoked: ${REASON}`;

test.before.each((context) => {
  context.revoked = [];
  context.numbers = [2, 3];
  context.project = new Project('tools', () => {
    const users = context.numbers.map((n) => cell(use, String(n), { params: { n } }));
    return { name: 'tools', cells: [...users, cell(next, 'x', { params: { n: 9 }, inputs: { before: output(users[0]!, 'square') } })], revoked: context.revoked };
  });
});
test.after.each(({ project }) => project.remove());

async function runAs(engine: string, project: Project, ...argv: string[]) {
  process.env['TEST_ENGINE'] = engine;
  try {
    return await project.run(...argv);
  } finally {
    delete process.env['TEST_ENGINE'];
  }
}

test('a revoked result is computed again, for the stated reason, and only that', async (context) => {
  const { project } = context;
  await runAs('wrong', project, 'use:2');
  await runAs('right', project);
  context.revoked.push({ computedBy: { engine: 'wrong', build: '1' }, reason: REASON });
  assert.match((await project.command('plan')).lines.join('\n'), new RegExp(`2 cells .* ${TEXT} \\(use, next\\); 1 of them follows others`));
  assert.equal((await project.command('why', 'use:2')).lines.slice(-2), ['  now: would be computed, because:', `    ${TEXT}`]);
  const { ran, events } = await runAs('right', project);
  assert.equal(ran, ['use:2'], 'what read it stands: its bytes came out the same');
  assert.equal(events.find(({ event }) => event === 'running')?.['reasons'], [TEXT]);
  assert.ok((await project.command('why', 'use:2')).lines.includes(`    ${TEXT}`), 'the reason is kept');
  assert.equal((await project.run()).ran, []);
});

test('what still computes with it fails, with the reason, instead of counting for nothing', async ({ project, revoked }) => {
  revoked.push({ computedBy: { engine: 'wrong', build: '1' }, reason: REASON });
  const { events } = await runAs('wrong', project, 'use:2');
  assert.equal(events.filter(({ event }) => event === 'failed').map(({ cell, sentence }) => [cell, sentence]), [['use:2', `It was computed by what does not count: ${TEXT}.`]]);
  assert.equal((await runAs('right', project, 'use:2')).ran, ['use:2']);
});

test('an older result of the same work that was not revoked counts instead', async (context) => {
  const { project } = context;
  await runAs('right', project);
  await runAs('wrong', project, '--force');
  context.revoked.push({ computedBy: { engine: 'wrong' }, reason: REASON });
  assert.equal((await project.run()).ran, []);
});

test('all values must be those of the record', async (context) => {
  const { project } = context;
  await runAs('wrong', project);
  context.revoked.push({ computedBy: { engine: 'wrong', build: '2' }, reason: REASON }, { computedBy: { build: '1', adapter: 'x' }, reason: REASON });
  assert.equal((await project.run()).ran, []);
});

test('computed again by the same, it is as wrong as before', async (context) => {
  const { project } = context;
  context.revoked.push({ computedBy: { engine: 'wrong' }, reason: REASON });
  await runAs('wrong', project);
  assert.is((await project.command('plan', '--json')).lines.length, 3);
});

test('status says how many cells it touched, and which', async (context) => {
  const { project } = context;
  context.numbers = Array.from({ length: 12 }, (_, i) => i);
  await runAs('wrong', project, 'use:*');
  assert.not.match((await project.command('status')).lines.join('\n'), /revoked/);
  context.revoked.push({ computedBy: { engine: 'wrong', build: '1' }, reason: REASON });
  await runAs('right', project, 'use:3');
  const { lines } = await project.command('status');
  assert.equal(lines.slice(lines.indexOf(TEXT), lines.indexOf(TEXT) + 2), [TEXT, '  it had computed 12 cells, 11 not computed again yet: use:0, use:1, use:2, use:3, use:4, use:5, use:6, use:7, use:8, use:9 and 2 more; "status --revoked" lists them']);
  assert.equal((await project.command('status', '--revoked')).lines.slice(2, 4), [`use:2: ${TEXT}`, `use:3: ${TEXT} (computed again since)`]);
  await runAs('right', project);
  assert.ok((await project.command('status')).lines.some((line) => line.startsWith('  it had computed 12 cells, all computed again since: ')));
});

test.run();
