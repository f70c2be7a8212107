/** A time limit counts the time in which the run went on. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { timeLimit } from '../../stages/dag/executors/time-limit.ts';

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('a limit ends after its time, and not when it is taken away', async () => {
  let over = 0;
  const startedMs = performance.now();
  await new Promise<void>((resolve) => { timeLimit(120, resolve); });
  assert.ok(performance.now() - startedMs >= 119);
  timeLimit(20, () => over++)();
  await after(60);
  assert.is(over, 0);
});

test('time during which the whole process stood still does not use the limit up', async () => {
  let over = false;
  timeLimit(2300, () => { over = true; });
  // As a suspended process does, this one stands still for longer than the limit.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2600);
  await after(50);
  assert.is(over, false);
  await after(400);
  assert.is(over, true);
});

test.run();
