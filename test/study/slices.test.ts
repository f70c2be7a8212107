/** Slices of the scores, and the tokens that a format moves most. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CONTEXT_TOKENS } from '../../stages/quantization/score-output.ts';
import { profiles } from '../../stages/quantization/slices.ts';
import { worstTokens } from '../../stages/quantization/worst-tokens.ts';
import { madeFidelity } from './score-made.ts';

const place = { model: 'm', format: 'nf4', base: 'fp16', cell: 'slices:m/nf4' };
const scores = madeFidelity({ model: 'm', format: 'nf4', windows: 30 }, { rise: 0.1, kl: 0.02 }, 71);

test('KL by context: every scored position is in one slice, and the slices average to the mean', () => {
  // KL grows with the position in the window.
  const grown = { ...scores, kl: scores.kl.map((_, i) => ((i % 71) + 1) / 1000) };
  const rows = profiles([grown], place).filter((row) => row['profile'] === 'kl_by_context');
  assert.equal(rows.map((row) => [row['slice_from'], row['slice_until']]), [[1, 2], [2, 4], [4, 8], [8, 16], [16, 32], [32, 64], [64, 128]]);
  assert.is(rows.reduce((sum, row) => sum + Number(row['n']), 0), 30 * 71);
  assert.ok(Math.abs(Number(rows[0]!['value']) - 0.001) < 1e-12 && Math.abs(Number(rows[6]!['value']) - 0.0675) < 1e-12);
  // Every window has the same values: no spread, no interval.
  assert.ok(rows.every((row) => row['low'] === null && row['clusters'] === 30));
  const spread = profiles([scores], place).filter((row) => row['profile'] === 'kl_by_context');
  for (const row of spread) assert.ok(Number(row['low']) <= Number(row['value']) && Number(row['value']) <= Number(row['high']));
});

test('calibration by entropy: surprise less expected surprise of the base, and what a format changes of it; slices with few positions are left out', () => {
  const entropyBase = scores.entropyBase.map((_, i) => (i < 29 ? 5.5 : i % 2 === 0 ? 0.2 : 2.5));
  const base = { ...scores, entropyBase, nllBase: scores.nll };
  const rows = profiles([base], { ...place, format: 'fp16' });
  assert.equal(rows.map((row) => [row['profile'], row['slice_from']]), [['calibration_by_entropy', 0], ['calibration_by_entropy', 2]]);
  const even = scores.nll.reduce((sum, nll, i) => (i >= 29 && i % 2 === 0 ? sum + nll - entropyBase[i]! : sum), 0);
  assert.ok(Math.abs(Number(rows[0]!['value']) - even / Number(rows[0]!['n'])) < 1e-12);
  const shifts = profiles([{ ...base, entropy: entropyBase.map((x) => x + 0.25) }], place).filter((row) => row['profile'] === 'calibration_shift_by_entropy');
  assert.equal(shifts.map((row) => Math.round(Number(row['value']) * 1e9) / 1e9), [-0.25, -0.25], 'as surprised as the base, and less sure');
});

test('worst tokens: the largest KL first, among positions with enough context, with the text before them', () => {
  const kl = scores.kl.map(() => 0.001);
  kl[71 + 40] = 3; // window 1, the 41st scored position
  kl[CONTEXT_TOKENS - 2] = 9; // one token of context too few
  kl[2 * 71 + 70] = 2;
  const token = scores.token.map((_, i) => i % 71);
  const tokenizer = { decode: (ids: ArrayLike<number>) => Array.from(ids, (id) => `<${id}>`).join(''), pieces: (ids: ArrayLike<number>) => Array.from(ids, (id) => ` w${id}`) };
  const rows = worstTokens([{ ...scores, kl, token }], tokenizer, place);
  assert.is(rows.length, 10);
  assert.equal([rows[0]!['rank'], rows[0]!['window'], rows[0]!['position'], rows[0]!['kl'], rows[0]!['token']], [1, 1, 41, 3, ' w40']);
  assert.is(rows[0]!['context'], Array.from({ length: 24 }, (_, k) => ` w${16 + k}`).join(''));
  assert.equal([rows[1]!['kl'], rows[2]!['kl']], [2, 0.001]);
  assert.is(rows[0]!['choice_base'], `<${scores.top1Base[71 + 40]}>`);
});

test.run();
