/** Which ready work goes first. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cell, gather, output, stage } from '../../stages/dag/index.ts';
import { workBehind } from '../../stages/dag/critical-path.ts';
import { ReadyQueue } from '../../stages/dag/queue.ts';
import type { Pending, ReadyTask } from '../../stages/dag/queue.ts';
import type { KeyFields, Sha256, Stage } from '../../stages/dag/index.ts';

const test = suite('dag: queue');
const shared = stage({ name: 'shared', title: 'Beside others', determinism: 'exact', module: 'x.ts', outputs: ['out'] });
const alone = stage({ name: 'alone', title: 'Alone', determinism: 'measured', module: 'x.ts', outputs: ['out'], exclusive: true });
const pending = (of: typeof shared, name: string, work: number): Pending =>
  ({ cell: cell(of, name, { work }), key: '' as Sha256, fields: {} as KeyFields, reasons: [] });

function order(seed: number, works: readonly number[]): readonly string[] {
  const queue = new ReadyQueue(seed);
  works.forEach((work, i) => queue.push({ stage: shared, pending: [pending(shared, String(i), work)] }));
  return Array.from(works, () => queue.take(1)!.pending[0]!.cell.id);
}

test('the most work first', () => {
  assert.equal(order(1, [3, 9, 1, 5]), ['shared:1', 'shared:3', 'shared:0', 'shared:2']);
});

test('equal work in an order that depends on the seed alone', () => {
  const works = Array<number>(12).fill(1);
  assert.equal(order(1, works), order(1, works));
  assert.not.equal(order(1, works), order(2, works));
  assert.equal([...order(3, works)].sort(), [...order(4, works)].sort());
});

test('what most work waits for goes before what is much work itself', () => {
  const tool = { ...shared, name: 'tool', optional: true };
  const leads = cell(shared, 'leads', { work: 1 });
  const helps = cell(tool, 'helps', { work: 2 });
  const long = { ...cell(alone, 'long', { inputs: { in: output(leads) }, work: 6, batch: 'long' }), tools: { help: output(helps) } };
  const beside = cell(alone, 'beside', { work: 4, batch: 'long' });
  const last = cell(shared, 'last', { inputs: { all: gather([output(long), output(beside)]) }, work: 3 });
  const large = cell(shared, 'large', { work: 12 });
  const behind = workBehind([leads, helps, long, beside, last, large]);
  assert.equal([...behind], [['shared:leads', 13], ['tool:helps', 13], ['alone:long', 3], ['alone:beside', 3], ['shared:last', 0], ['shared:large', 0]]);

  const queue = new ReadyQueue(1, ({ id }) => behind.get(id)!);
  for (const of of [large, leads, helps]) queue.push({ stage: of.stage, pending: [{ ...pending(shared, 'any', 1), cell: of }] });
  assert.equal([1, 2, 3].map(() => queue.take(1)!.pending[0]!.cell.id), ['tool:helps', 'shared:leads', 'shared:large']);
});

test('what must be alone comes when nothing else is ready or runs', () => {
  const queue = new ReadyQueue(1);
  queue.push({ stage: alone, pending: [pending(alone, 'a', 99)] });
  queue.push({ stage: shared, pending: [pending(shared, 's', 1)] });
  assert.is(queue.take(0)?.stage, shared);
  assert.is(queue.take(1), undefined);
  assert.is(queue.size, 1);
  assert.is(queue.take(0)?.stage, alone);
});

test('a stage that does not fit is passed over, and comes once it fits', () => {
  const small = stage({ name: 'small', title: 'Small', determinism: 'exact', module: 'x.ts', outputs: ['out'] });
  const large = stage({ name: 'large', title: 'Large', determinism: 'exact', module: 'x.ts', outputs: ['out'] });
  const queue = new ReadyQueue(1);
  const task = (of: Stage, name: string, work: number): ReadyTask => ({ stage: of, pending: [pending(of, name, work)] });
  for (const one of [task(large, 'a', 9), task(large, 'b', 8), task(small, 'c', 1), task(small, 'd', 2), task(alone, 'e', 5)]) queue.push(one);
  const taken = (active: number, fits: (of: Stage) => boolean) => queue.take(active, ({ stage: of }) => fits(of))?.pending[0]!.cell.id;
  assert.is(taken(1, (of) => of !== large), 'small:d');
  assert.is(taken(1, (of) => of !== large), 'small:c');
  assert.is(taken(0, (of) => of !== large), undefined, 'an exclusive one waits for what does not fit yet');
  assert.is(taken(1, () => true), 'large:a');
  assert.is(taken(0, () => true), 'large:b');
  assert.is(taken(0, () => true), 'alone:e');
  assert.is(queue.size, 0);
});

test.run();
