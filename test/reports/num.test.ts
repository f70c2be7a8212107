import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pageState } from '../../reports/html.ts';
import { bind, cellPath, decimalsFor, derived, formatNumber, formattedText, num, numberId } from '../../reports/num.ts';
import type { NumberOptions } from '../../reports/num.ts';

const row = { quantity: 'kl_mean', model: 'm', format: 'nf4', text: null, temperature: 0.7, top_k: 40, max_new_tokens: null, value: 0.25714, low: 0.2529, high: 0.2613, unit: 'nats', n: 15330, clusters: 30, cell: 'summarize:m/nf4/T0.7/k40' };
const shown = (value: number, low?: number, high?: number, options?: NumberOptions, unit?: string): string =>
  formattedText(formatNumber({ value, ...(low === undefined || high === undefined ? {} : { low, high }), ...(unit === undefined ? {} : { unit }) }, options));

test('a number links to its cell, at an anchor made of what it is', () => {
  const page = pageState('../');
  const id = 'kl_mean.m.nf4.T0.7.k40', tip = '0.25714 nats [0.2529, 0.2613], n\u00a0=\u00a015,330 in 30 clusters';
  assert.is(num(row).render(page), `<a class="num" id="${id}" href="../cells/summarize~m~nf4~T0.7~k40.html#${id}" data-tip="${tip}">0.257 ± 0.004</a>`);
  assert.is(num(row).render(page), `<a class="num" href="../cells/summarize~m~nf4~T0.7~k40.html#${id}" data-tip="${tip}">0.257 ± 0.004</a>`, 'an id is given once');
});

test('its tip says what the page leaves out: digits, interval, how much it rests on; nothing where nothing is left out', () => {
  const tip = (over: object, what?: string): string | undefined => / data-tip="([^"]*)"/.exec(num({ ...row, ...over }, what).render(pageState('')))?.[1];
  assert.is(tip({ value: 0.932145678, low: 0.92, high: 0.94, unit: 'share' }), '93.2146 % [92, 94], n\u00a0=\u00a015,330 in 30 clusters');
  assert.is(tip({ value: -0.25, low: null, high: null, clusters: null }), '−0.25 nats, n\u00a0=\u00a015,330');
  assert.is(tip({}, 'metrics.n'), undefined);
});

test('ids name quantity and parameters, never a run', () => {
  assert.is(numberId({ ...row, text: 'garden', max_new_tokens: 64 }, 'metrics', 'value'), 'kl_mean.m.nf4.garden.T0.7.k40.n64');
  assert.is(numberId(row, 'metrics', 'n'), 'n.kl_mean.m.nf4.T0.7.k40');
  const timed = { ...row, quantity: 'decode_tokens_per_second', temperature: null, top_k: null };
  assert.is(numberId({ ...timed, engine: 'fast' }, 'metrics', 'value'), 'decode_tokens_per_second.m.nf4.fast');
  assert.is(numberId({ ...timed, engine: null }, 'metrics', 'value'), 'decode_tokens_per_second.m.nf4');
  assert.throws(() => numberId(timed, 'metrics', 'value'), /came without "engine"/);
  assert.is(numberId({ model: 'm', format: 'nf4' }, 'artifacts', 'linear_bytes'), 'artifacts.linear_bytes.m.nf4');
  assert.is(numberId({ path: 'data/a b"<.txt' }, 'sources', 'bytes'), 'sources.bytes.data-a-b--.txt');
});

test('cells have different pages', () => {
  const cells = ['a:b/c', 'a:b-c', 'a:b.c', 'a-b:c', 'a:b/c/d', 'a:b=c', 'a:b+c'];
  assert.is(new Set(cells.map(cellPath)).size, cells.length);
});

test('a row that cannot be traced is refused', () => {
  assert.throws(() => num({ ...row, cell: undefined }), /came without "cell"/);
  const { text: _, ...without } = row;
  assert.throws(() => num(without).render(pageState('')), /came without "text"/);
  assert.throws(() => num({ ...row, value: null }), /not a number/);
  assert.throws(() => bind(row, 'nonsense.value'), /unknown table "nonsense"/);
});

test('digits are as many as the interval allows', () => {
  assert.is(decimalsFor(0.0042), 3);
  assert.is(decimalsFor(0.0012), 4);
  assert.is(decimalsFor(12), 0);
  assert.is(decimalsFor(441), -2);
  assert.is(shown(7562, 6311, 7871), '7,600 [6,300, 7,900]');
  assert.is(shown(0.0024, 0.0012, 0.0036), '0.0024 ± 0.0012');
  assert.is(shown(1234.4, 1174, 1294), '1,230 ± 60');
  assert.is(shown(-0.0312, -0.0352, -0.0272), '−0.031 ± 0.004');
  assert.is(shown(0.002, 0.001, 0.003, { signed: true }), '+0.0020 ± 0.0010');
  assert.is(shown(0.00001, -0.004, 0.00402, { signed: true }), '0.000 ± 0.004', 'no sign on what rounds to zero');
});

test('a lopsided interval is given by its ends', () => {
  assert.is(shown(0.12, 0.11, 0.2), '0.12 [0.11, 0.20]');
});

test('units, shares, bytes, counts and small values', () => {
  assert.is(shown(0.9312, 0.927, 0.9354, undefined, 'share'), '93.1 ± 0.4 %');
  assert.is(shown(12_345_678), '12,345,678');
  assert.is(shown(12_345_678, undefined, undefined, { as: 'bytes' }), '12.3 MB');
  assert.is(shown(999, undefined, undefined, { as: 'bytes' }), '999 B');
  assert.is(shown(3.14e-6, 2.9e-6, 3.38e-6), '(3.1 ± 0.2) × 10⁻⁶');
  assert.is(shown(0.00123456), '0.00123');
  assert.is(shown(4.127, undefined, undefined, { decimals: 2 }), '4.13');
});

test('what is not finite is not printed', () => {
  for (const value of [NaN, Infinity, -Infinity]) assert.throws(() => shown(value), /only finite numbers/);
});

test('a derived number leads to how it was derived, on its own page', () => {
  const page = pageState('');
  assert.is(derived('ratio', 1.8765, 'one over the other').render(page), '<a class="num" href="#derived.ratio">1.88</a>');
  assert.is([...page.derived.keys()].join(), 'derived.ratio');
});

test.run();
