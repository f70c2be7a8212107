/** The fp32 functions against float64, over many more points than any model asks for. The limits are those stated in the code. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { rcp, rsqrt } from '../../kernels/arithmetic.ts';
import { exp, geluErf, geluTanh, log, sigmoid, silu } from '../../kernels/functions.ts';

const COUNT = 200_000;

/** Largest error over fp32 points spread evenly over [low, high]. */
function largest(low: number, high: number, error: (x: number) => number): number {
  let worst = 0;
  for (let i = 0; i <= COUNT; i++) worst = Math.max(worst, error(Math.fround(low + ((high - low) * i) / COUNT)));
  return worst;
}
const relative = (ours: number, exact: number) => (exact === 0 ? Math.abs(ours) : Math.abs(ours / exact - 1));
const ulps = (ours: number, exact: number) => Math.abs(ours - exact) / 2 ** (Math.floor(Math.log2(Math.abs(exact))) - 23);

/** Upper tail of the normal distribution in float64: a series below 3.5, a continued fraction above. */
function tail(a: number): number {
  const x = a / Math.SQRT2;
  if (a < 3.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-19; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return 0.5 - sum / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let k = 120; k >= 1; k--) fraction = k / 2 / (x + fraction);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction) / 2;
}

test('rcp and rsqrt', () => {
  // One octave (two for the root) holds every mantissa; the exponent only shifts.
  assert.ok(largest(1, 2, (x) => ulps(rcp(x), 1 / x)) <= 1.5);
  assert.ok(largest(1, 4, (x) => ulps(rsqrt(x), 1 / Math.sqrt(x))) <= 1.7);
  for (let e = -124; e <= 125; e++) {
    const x = Math.fround(1.37 * 2 ** e);
    assert.ok(ulps(rcp(x), 1 / x) <= 1.5 && ulps(rsqrt(x), 1 / Math.sqrt(x)) <= 1.7, `2^${e}`);
  }
});

test('exp', () => {
  assert.ok(largest(-87, 88, (x) => relative(exp(x), Math.exp(x))) <= 1e-7);
  assert.equal([0, -0, -87.01, -1e30, -Infinity, NaN].map(exp), [1, 1, 0, 0, 0, NaN]);
});

test('log', () => {
  assert.ok(largest(-25, 10, (x) => { const v = Math.fround(2 ** x); return relative(log(v), Math.log(v)); }) <= 9e-8);
  assert.ok(largest(0.9, 1.1, (x) => relative(log(x), Math.log(x))) <= 9e-8);
  assert.is(log(1), 0);
});

test('sigmoid and silu', () => {
  assert.ok(largest(-80, 80, (x) => relative(sigmoid(x), 1 / (1 + Math.exp(-x)))) <= 2.5e-7);
  assert.ok(largest(-80, 80, (x) => relative(silu(x), x / (1 + Math.exp(-x)))) <= 3e-7);
  assert.ok(silu(0) === 0 && silu(-200) === 0 && relative(silu(200), 200) <= 1e-7);
});

test('gelu, both forms', () => {
  const tanhForm = (x: number) => x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  const scaled = (ours: number, exact: number, x: number) => Math.abs(ours - exact) / Math.max(1, Math.abs(x));
  assert.ok(largest(-14, 14, (x) => scaled(geluTanh(x), tanhForm(x), x)) <= 2e-7);
  assert.ok(largest(-14, 14, (x) => scaled(geluErf(x), x * (x < 0 ? tail(-x) : 1 - tail(x)), x)) <= 1.5e-7);
  // The small values of the negative side keep their digits too.
  assert.ok(largest(-5, -0.01, (x) => relative(geluErf(x), x * tail(-x))) <= 1e-6);
  for (const gelu of [geluErf, geluTanh]) assert.ok(gelu(0) === 0 && gelu(-50) === 0 && relative(gelu(50), 50) <= 1e-7);
});

test.run();
