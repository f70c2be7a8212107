/** Whose time is whose in a task: shares by what its stage says it is at, else by when its cells end. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WorkTimes } from '../../stages/dag/work-times.ts';
import { cell, stage } from '../../stages/dag/index.ts';
import { Project } from './project.ts';

test('time is shared by the cells that are named and have not ended; what is opened first serves all', () => {
  let now = 0;
  const times = new WorkTimes(['a', 'b', 'c', 'd'], () => now);
  const at = (cells: readonly string[], ms: number): void => { times.workOn(cells); now += ms; };
  now += 4;
  at(['a', 'b'], 10);
  at(['c', 'nothing of this task'], 100);
  at(['a', 'b'], 20);
  assert.is(times.end('a'), 1 + 5 + 10);
  now += 7;
  assert.is(times.end('b'), 1 + 5 + 10 + 7);
  // All that were named have ended.
  now += 6;
  at([], 8);
  assert.equal([times.end('c'), times.end('d'), times.end('d')], [1 + 100 + 3 + 4, 1 + 3 + 4, 0]);
  assert.is(new WorkTimes(['a']).end('a'), undefined);
});

for (const where of ['worker', 'in-process'] as const) test(`cells that take turns and end together are booked what they took, in ${where}; without a word those that end first are booked all`, async () => {
  const turns = stage({ name: 'turns', title: 'Take turns', determinism: 'exact', module: 'turns.ts', outputs: ['out'], where });
  const project = new Project('faults', () => ({ name: 'turns', cells: ['told', 'untold'].flatMap((how) => ['a', 'b', 'c'].map((name) => cell(turns, `${how}/${name}`, { params: { name, ms: name === 'b' ? 300 : 20, told: how === 'told' }, batch: how }))) }));
  // c fails: it takes no share of what follows.
  project.write('turns.ts', `const spend = (ms) => { const until = performance.now() + ms; while (performance.now() < until); };
export const run = async (cells, io) => {
  for (let turn = 0; turn < 2; turn++) for (const one of cells) { if (one.params.told) io.workOn([one.id]); spend(one.params.ms); }
  await io.fail(cells[2].id, { code: 'bad-input', sentence: 'no good' });
  for (const one of cells.slice(0, 2)) { await io.commit(one.id, { out: one.id }); spend(50); }
};\n`);
  try {
    const { events } = await project.run('--jobs', '1');
    const ms = Object.fromEntries(events.filter(({ event }) => event === 'ran').map((one) => [one['cell'], Number(one['durationMs'])]));
    assert.ok(ms['turns:told/b']! >= 600 && ms['turns:told/a']! < ms['turns:told/b']! / 2, JSON.stringify(ms));
    assert.ok(ms['turns:untold/a']! >= ms['turns:untold/b']!, JSON.stringify(ms));
  } finally {
    project.remove();
  }
});

test.run();
