import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { continued, readChoices } from '../../stages/quantization/choices-file.ts';
import { wilson } from '../../stages/quantization/statistics/wilson.ts';
import { mostLikely, mostLikelyPerByte } from '../../stages/quantization/statistics/chosen.ts';

const good = { context: 'The sky is', options: ['blue', 'loud'], answer: 0 };
const read = (...lines: readonly (object | string)[]) => readChoices(Buffer.from(lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')), 'mine.jsonl');

test('items are read, blank lines passed over, ids given or counted', () => {
  assert.equal(read(good, '', { ...good, id: 'sky' }, ''), [{ id: '1', ...good }, { id: 'sky', ...good }]);
  assert.equal(read(`${JSON.stringify(good)}\r`, good).map(({ id }) => id), ['1', '2']);
});

test('an option goes on after one space, unless there is white space', () => {
  assert.equal(continued({ id: '1', ...good }), [' blue', ' loud']);
  assert.equal(continued({ id: '1', ...good, context: 'The sky is ' }), ['blue', 'loud']);
  assert.equal(continued({ id: '1', ...good, options: ['\nblue', 'loud'] }), ['\nblue', ' loud']);
});

const wrong: readonly (readonly [object | string, RegExp])[] = [
  ['{', /mine\.jsonl:2 is not JSON/],
  ['[]', /mine\.jsonl:2 is not a JSON object; write \{ "context"/],
  [{ ...good, anwser: 1 }, /mine\.jsonl:2 has the key "anwser"; keys are context, options, answer, id/],
  [{ ...good, context: 5 }, /context must be text of at most 20000 characters/],
  [{ ...good, context: 'x'.repeat(20_001) }, /context must be text/],
  [{ ...good, options: ['one'] }, /options must be a list of 2 to 26 texts/],
  [{ ...good, options: ['one', ' '] }, /none of them empty/],
  [{ ...good, options: ['one', 2] }, /options must be a list/],
  [{ ...good, options: ['one', 'one'] }, /has an option twice/],
  [{ ...good, answer: 2 }, /answer is 2; it is the place of the right option, 0 to 1/],
  [{ ...good, answer: '0' }, /answer is "0"/],
  [{ ...good, answer: 0.5 }, /answer is 0\.5/],
  [{ ...good, id: 'a b' }, /id must be text of 1 to 64 letters/],
  [{ ...good, id: '1' }, /the id "1" was given before/],
];
for (const [line, message] of wrong) {
  test(`refused: ${message.source}`, () => assert.throws(() => read(good, line), (error: Error) => message.test(error.message) && error.message.startsWith('mine.jsonl:2 ')));
}

test('a file without items or of other bytes is refused', () => {
  assert.throws(() => read(''), /mine\.jsonl has no items/);
  assert.throws(() => readChoices(Uint8Array.of(0x7b, 0xff), 'mine.jsonl'), /is not valid UTF-8/);
});

test('the likeliest option is chosen, of equals the first; by byte another may be', () => {
  assert.is(mostLikely([{ nll: 3, bytes: 1 }, { nll: 2, bytes: 1 }, { nll: 2, bytes: 1 }]), 1);
  assert.is(mostLikely([{ nll: 2, bytes: 2 }, { nll: 3, bytes: 6 }]), 0);
  assert.is(mostLikelyPerByte([{ nll: 2, bytes: 2 }, { nll: 3, bytes: 6 }]), 1);
});

test('intervals of shares are those of the score test, also where nothing was seen', () => {
  const none = wilson(0, 360);
  assert.is(none.low, 0);
  // z² / (n + z²)
  assert.ok(Math.abs(none.high - 0.010558056888693509) < 1e-15);
  const all = wilson(360, 360);
  assert.is(all.high, 1);
  assert.ok(Math.abs(all.low - (1 - none.high)) < 1e-15);
  const { low, high } = wilson(18, 360);
  // The bounds are where the score test just rejects: |p - bound| = z sqrt(bound (1 - bound) / n).
  for (const bound of [low, high]) assert.ok(Math.abs(Math.abs(18 / 360 - bound) - 1.959963984540054 * Math.sqrt((bound * (1 - bound)) / 360)) < 1e-12);
});

test.run();
