import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exp64, log64, pow64, sinCos64 } from '../../kernels/float64.ts';
import { threefry2x32 } from '../../kernels/threefry.ts';

const COUNT = 100_000;

/** |a - b| in units in the last place of b. Math's own functions are within 1 ulp in V8, which the limits below include. */
function ulps(a: number, b: number): number {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  const unit = Math.max(2 ** (Math.floor(Math.log2(Math.abs(b))) - 52), Number.MIN_VALUE);
  return Math.abs(a - b) / unit;
}

/** Uniform in [low, high], the same each time. */
function* points(low: number, high: number): Generator<number> {
  for (let i = 0; i < COUNT; i++) yield low + (high - low) * ((threefry2x32(1, 2, i, 0)[0] >>> 0) / 2 ** 32);
}

function largestUlps(low: number, high: number, ours: (x: number) => number, theirs: (x: number) => number): number {
  let largest = 0;
  for (const x of points(low, high)) largest = Math.max(largest, ulps(ours(x), theirs(x)));
  return largest;
}

test('exp64', () => {
  assert.ok(largestUlps(-708, 709, exp64, Math.exp) <= 2);
  assert.ok(largestUlps(-2, 2, exp64, Math.exp) <= 2);
  assert.ok(largestUlps(-745, -708, exp64, Math.exp) <= 2);
  assert.equal([0, -Infinity, -746, Infinity, 710, NaN].map(exp64), [1, 0, 0, Infinity, Infinity, NaN]);
});

test('log64', () => {
  assert.ok(largestUlps(0, 3, log64, Math.log) <= 2);
  assert.ok(largestUlps(-1020, 1020, (x) => log64(2 ** x), (x) => Math.log(2 ** x)) <= 2);
  assert.is(ulps(log64(Number.MIN_VALUE), Math.log(Number.MIN_VALUE)), 0);
  assert.equal([1, 0, -0, Infinity, -1, NaN].map(log64), [0, -Infinity, -Infinity, Infinity, NaN, NaN]);
});

test('sinCos64', () => {
  for (const limit of [0.8, 20, 131072, 2 ** 20]) {
    assert.ok(largestUlps(-limit, limit, (x) => sinCos64(x).sin, Math.sin) <= 3);
    assert.ok(largestUlps(-limit, limit, (x) => sinCos64(x).cos, Math.cos) <= 3);
  }
  assert.equal(sinCos64(0), { sin: 0, cos: 1 });
  for (const angle of [2 ** 20 + 1, NaN, -Infinity]) assert.throws(() => sinCos64(angle), /outside/);
});

test('pow64', () => {
  for (const base of [1e4, 5e5, 1e6]) {
    assert.ok(largestUlps(0, 1, (y) => pow64(base, y), (y) => base ** y) <= 2 * (1 + Math.log(base)));
  }
});

test.run();
