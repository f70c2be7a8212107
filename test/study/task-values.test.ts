/** Cells that are computed together and fail: the guilty one alone, by its own reason. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Failure, TaskCell, TaskIo } from '../../stages/dag/index.ts';
import { BadInput, guardedTogether } from '../../stages/quantization/task-values.ts';

const cells = ['a', 'b', 'c'].map((id): TaskCell => ({ id, params: {}, inputs: {} }));

function recording(): { readonly io: TaskIo; readonly failed: Map<string, Failure> } {
  const failed = new Map<string, Failure>();
  return { failed, io: { fail: async (id: string, failure: Failure) => { failed.set(id, failure); } } as unknown as TaskIo };
}

/** Work that cannot do cell b. */
const worker = (done: string[], error: () => Error) => async (tasks: readonly TaskCell[]): Promise<void> => {
  if (tasks.some(({ id }) => id === 'b')) throw error();
  done.push(tasks.map(({ id }) => id).join(' '));
};

test('what can be done together is done together', async () => {
  const { io, failed } = recording();
  const done: string[] = [];
  await guardedTogether(io, cells.filter(({ id }) => id !== 'b'), worker(done, () => new BadInput('no')));
  assert.equal([done, failed.size], [['a c'], 0]);
});

test('an expected failure is that of its cell, and the others are done', async () => {
  const { io, failed } = recording();
  const done: string[] = [];
  await guardedTogether(io, cells, worker(done, () => new BadInput('b is bad')));
  assert.equal(done, ['a', 'c']);
  assert.equal([...failed].map(([id, { sentence }]) => `${id}: ${sentence}`), ['b: b is bad']);
});

test('a fault of the program is thrown on', async () => {
  const { io, failed } = recording();
  try {
    await guardedTogether(io, cells, worker([], () => new TypeError('a bug')));
    assert.unreachable('it must throw');
  } catch (error) {
    assert.is((error as Error).message, 'a bug');
  }
  assert.is(failed.size, 0);
});

test.run();
