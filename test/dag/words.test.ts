/** Amounts as people read them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { byteSize, count, duration } from '../../stages/dag/words.ts';

test('sizes: three digits at most, no unit skipped or repeated', () => {
  assert.equal([0, 1, 999, 1000, 1234, 9949, 9951, 999_499, 999_500, 1e6, 31.4e9, 2.5e12, 7e15, 5e18].map(byteSize),
    ['0 B', '1 B', '999 B', '1.0 kB', '1.2 kB', '9.9 kB', '10 kB', '999 kB', '1.0 MB', '1.0 MB', '31 GB', '2.5 TB', '7.0 PB', '5000 PB']);
});

test('counts and durations', () => {
  assert.equal([count(1, 'cell'), count(0, 'cell'), count(12_345, 'box', 'boxes')], ['1 cell', '0 cells', '12,345 boxes']);
  assert.equal([0, 9940, 9960, 59_400, 59_600, 3_599_600, 7_860_000].map(duration), ['0.0 s', '9.9 s', '10 s', '59 s', '1 min 00 s', '1 h 00 min', '2 h 11 min']);
});

test.run();
