/** `logs`: what tasks wrote to their output. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { cell, stage } from '../../stages/dag/index.ts';
import { Project } from './project.ts';

const test = suite<{ acts: string[]; project: Project }>('dag: logs');

test.before.each((context) => {
  context.acts = ['say', 'commit'];
  context.project = new Project('faults', () => {
    const act = stage({ name: 'act', title: 'Act', determinism: 'exact', module: 'act.ts', outputs: ['out'] });
    return { name: 'faults', cells: context.acts.map((what, i) => cell(act, String(i), { params: { act: what } })) };
  });
});
test.after.each(({ project }) => project.remove());

test('what a task wrote is shown by the cell it worked for, and steers no terminal', async ({ acts, project }) => {
  assert.equal((await project.command('logs', 'act:0')).lines, ['Nothing is kept of what act:0 wrote: it wrote nothing, or "gc" removed it.']);
  assert.is((await project.run()).code, 0);
  const { code, lines } = await project.command('logs', 'act:0');
  assert.is(code, 0);
  assert.match(lines[0]!, /^run \d{4}-\S+, begun \d{4}-.* UTC, task act-\d+: act:0$/);
  assert.equal(lines.slice(1), ['  of act:0\\u001b[2J', '  and more']);
  assert.match((await project.command('logs', 'act:1')).lines[0]!, /^Nothing is kept of what act:1 wrote/);
  const [run] = readdirSync(project.path('.bitwidth/logs'));
  // Files that are none of ours, or were cut short, hide no other.
  mkdirSync(project.path('.bitwidth/logs', run!), { recursive: true });
  writeFileSync(project.path('.bitwidth/logs', run!, 'act-99.log'), '{"cells":["act:0"');
  acts[1] = 'crash';
  assert.is((await project.run()).code, 1);
  // What crashed is tried once more, alone.
  assert.equal((await project.command('logs', 'act:1')).lines.filter((line) => line.startsWith('  ')), ['  last words', '  last words']);
  const all = (await project.command('logs', 'act', '--all', '--json')).lines.map((line) => JSON.parse(line) as { run: string; cells: string[]; text: string });
  assert.equal(all.map(({ cells, text }) => [cells, text]), [[['act:1'], 'last words\n'], [['act:1'], 'last words\n'], [['act:0'], 'of act:0\u001b[2J\r\nand more\n']]);
  assert.is(all[2]!.run, run);
  assert.equal((await project.command('logs', 'act:0', '--run', run!)).lines.length, 3);
  assert.match((await project.command('logs', 'act:1', '--run', run!)).lines[0]!, /^Nothing is kept of what act:1 wrote in the run /);
  const unknown = await project.command('logs', 'nothing');
  assert.is(unknown.code, 2);
  assert.match(unknown.complaints.join('\n'), /"nothing" names no cell/);
});

test.run();
