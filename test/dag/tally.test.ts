/** The time left of a run, from what it has computed. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, stage } from '../../stages/dag/index.ts';
import { Tally } from '../../stages/dag/tally.ts';
import type { Cell, CellRecord } from '../../stages/dag/index.ts';

const test = suite('dag: the time left');

const work = stage({ name: 'work', title: 'Work', determinism: 'exact', module: 'work.ts', outputs: ['out'] });
/** Ten cells for each of four tasks. */
const cells: readonly Cell[] = ['a', 'b', 'c', 'd'].flatMap((batch) => Array.from({ length: 10 }, (_, i) => cell(work, `${batch}/${i}`, { batch })));
const begun = (): Tally => {
  const tally = new Tally();
  tally.start(cells, 2);
  return tally;
};
const land = (tally: Tally, id: string, durationMs: number, second: number): void => {
  const record = { durationMs, finishedAt: `2026-01-01T00:00:${String(second).padStart(2, '0')}.000+00:00` } as CellRecord;
  tally.cell(cells.find((one) => one.id === `work:${id}`)!, { kind: 'done', records: [record] }, 'ran');
};

test('the first step of a task has its opening in its time, however many cells it ends: nothing is told of it', () => {
  const tally = begun();
  for (const batch of ['a', 'b']) for (const i of [0, 1, 2]) land(tally, `${batch}/${i}`, 2000, 6);
  assert.is(tally.timeLeft(), undefined);
  for (const batch of ['a', 'b']) for (const i of [3, 4]) land(tally, `${batch}/${i}`, 100 + i, 7);
  // 30 cells at 103.5 ms, two at a time.
  assert.is(tally.timeLeft(), 'about 1.6 s left');
});

test('in whatever order they are told: which step was first their time stamps say', () => {
  const tally = begun();
  for (const batch of ['a', 'b']) for (const i of [3, 4]) land(tally, `${batch}/${i}`, 100 + i, 7);
  for (const batch of ['a', 'b']) for (const i of [0, 1, 2]) land(tally, `${batch}/${i}`, 2000, 6);
  assert.is(tally.timeLeft(), 'about 1.6 s left');
});

test('of a task that is over all of its time counts, since those to come have openings too', () => {
  const tally = begun();
  for (let i = 0; i < 10; i++) land(tally, `a/${i}`, i === 0 ? 2000 : 100 + i, i);
  // 30 cells at (2000 + 9 x 105) / 10 ms, two at a time.
  assert.is(tally.timeLeft(), 'about 4.4 s left');
});

test.run();
