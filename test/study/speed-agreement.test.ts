/** Whether two timings agree: the medians' move against the widest A/A pair. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { agreementOf } from '../../stages/quantization/speed-agreement.ts';

/** Three blocks of each phase; `decode` and `again`: ms of a block's hundred tokens, of fp16, of fp16 once more, of nf4. */
const timing = (fp16: readonly number[], again: readonly number[], nf4: readonly number[], prefillMs = 10) => ({
  samples: [0, 1, 2].flatMap((block) => [
    ...([['fp16', 'A', fp16], ['fp16', 'A2', again], ['nf4', 'A', nf4]] as const).flatMap(([format, pair, ms]) => [
      { format, pair, phase: 'decode', block, tokens: 100, durationMs: ms[block]!, stepsMs: [] },
      { format, pair, phase: 'prefill', block, tokens: 100, durationMs: prefillMs, stepsMs: [] },
    ]),
  ]),
});

const then = timing([100, 101, 99], [100, 103.02, 99], [50, 51, 52]);

test('within what the base differs from itself, in either timing', () => {
  // nf4's median went from 51 to 52 ms, 2.0 %; the second block of the base was 2 % off.
  const { within, what } = agreementOf(then, timing([100, 100, 100], [100, 100, 100], [52, 51.5, 52.01]));
  assert.ok(within, what);
  assert.match(what, /^decode of nf4: 1960\.8 tokens\/s then, 1923\.1 now, 2\.0 % apart; two timings of the same lay up to 2\.0 % apart$/);
  assert.ok(agreementOf(timing([100, 100, 100], [100, 100, 100], [52, 51.5, 52.01]), then).within, 'whichever comes first');
});

test('beyond: the worst of all is told, and how many there are', () => {
  const one = agreementOf(then, timing([100, 100, 100], [100, 100, 100], [54, 54, 54]));
  assert.not(one.within);
  assert.match(one.what, /^decode of nf4: .*, 5\.9 % apart; two timings of the same lay up to 2\.0 % apart$/);
  // A phase has a noise of its own: here none at all.
  const phases = agreementOf(then, timing([100, 100, 100], [100, 100, 100], [51, 51, 51], 10.1));
  assert.not(phases.within);
  assert.match(phases.what, /^prefill of fp16: .* 1\.0 % apart; two timings of the same lay up to 0\.0 % apart; 2 of 4 medians are beyond that$/);
});

test('the same timing agrees with itself', () => assert.ok(agreementOf(then, then).within));

test.run();
