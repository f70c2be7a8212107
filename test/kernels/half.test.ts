import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fromBf16, fromFp16, LARGEST_FP16, roundToFp16, toBf16, toFp16 } from '../../kernels/half.ts';

const KINDS = {
  fp16: { to: toFp16, from: fromFp16, mantissaBits: 10, bias: 15, infinity: 0x7c00 },
  bf16: { to: toBf16, from: fromBf16, mantissaBits: 7, bias: 127, infinity: 0x7f80 },
};

const ALL = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);

/** What the bits mean, by the definition of the type, in float64. */
function meaning(bits: number, mantissaBits: number, bias: number, infinity: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const magnitude = bits & 0x7fff;
  if (magnitude > infinity) return NaN;
  if (magnitude === infinity) return sign * Infinity;
  const exponent = magnitude >> mantissaBits;
  const mantissa = magnitude & ((1 << mantissaBits) - 1);
  const unit = 2 ** (Math.max(exponent, 1) - bias - mantissaBits);
  return sign * (exponent === 0 ? mantissa : mantissa + (1 << mantissaBits)) * unit;
}

/** The fp32 next to `value` (which is one, and above 0). */
function neighbour(value: number, step: 1 | -1): number {
  const words = new Uint32Array(Float32Array.of(value).buffer);
  words[0]! += step;
  return new Float32Array(words.buffer)[0]!;
}

for (const [name, { to, from, mantissaBits, bias, infinity }] of Object.entries(KINDS)) {
  test(`${name}: every pattern means what the definition says, and comes back`, () => {
    const values = from(ALL);
    const back = to(values);
    for (const bits of ALL) {
      const expected = meaning(bits, mantissaBits, bias, infinity);
      assert.ok(Object.is(values[bits], expected), `${bits}: ${values[bits]} is not ${expected}`);
      if (Number.isNaN(expected)) assert.ok((back[bits]! & 0x7fff) > infinity, `${bits}: a NaN stays one`);
      else assert.is(back[bits], bits);
    }
  });

  test(`${name}: between every two neighbours the nearer is taken, and the even one at the middle`, () => {
    const values = from(ALL);
    const largest = infinity - 1;
    const middles = Float32Array.from({ length: largest }, (_, bits) => (values[bits]! + values[bits + 1]!) / 2);
    const nearest = to(middles);
    const below = to(middles.map((middle) => (middle > 0 ? neighbour(middle, -1) : 0)));
    const above = to(middles.map((middle) => neighbour(middle, 1)));
    const negative = to(middles.map((middle) => -middle));
    for (let bits = 0; bits < largest; bits++) {
      const middle = middles[bits]!;
      const even = bits % 2 === 0 ? bits : bits + 1;
      assert.is(nearest[bits], even, `${middle}`);
      assert.is(negative[bits], even | 0x8000, `${-middle}`);
      assert.is(below[bits], bits, `below ${middle}`);
      assert.is(above[bits], bits + 1, `above ${middle}`);
    }
  });

  test(`${name}: from half a unit beyond the largest number on, infinity`, () => {
    const largest = from(Uint16Array.of(infinity - 1))[0]!;
    const limit = largest + 2 ** (Math.floor(Math.log2(largest)) - mantissaBits - 1);
    assert.equal([...to(Float32Array.of(neighbour(limit, -1), limit, -limit, 3.4028234663852886e38))], [infinity - 1, infinity, infinity | 0x8000, infinity]);
  });
}

test('the largest fp16 is the largest', () => {
  assert.is(fromFp16(Uint16Array.of(0x7bff))[0], LARGEST_FP16);
});

test('below half of the smallest fp16, signed zero', () => {
  const half = 2 ** -25;
  assert.equal([...toFp16(Float32Array.of(half, neighbour(half, 1), neighbour(half, -1), -half, 1e-45, -1e-45, -0))], [0, 1, 0, 0x8000, 0, 0x8000, 0x8000]);
});

test('a view into a larger buffer is read where it lies', () => {
  assert.equal([...toFp16(Float32Array.of(9, 9, 9, 1, 2).subarray(3))], [0x3c00, 0x4000]);
  assert.equal([...fromBf16(Uint16Array.of(0, 0x3f80, 0x4000).subarray(1))], [1, 2]);
});

test('one value is rounded as many are', () => {
  for (const value of [0, -0, 1, 1 / 3, -1e-7, 5.999, 6, 65504, 65519, 65520, 2 ** -24, Infinity]) {
    assert.ok(Object.is(roundToFp16(value), fromFp16(toFp16(Float32Array.of(value)))[0]), String(value));
  }
});

test.run();
