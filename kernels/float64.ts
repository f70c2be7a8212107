/**
 * exp, log, sin, cos and pow in float64 out of + - x / and bit casts, so that they give the same bits on every machine.
 * Math.exp and its kin do not. For host tables (rotary) and score statistics; engines compute in fp32 (functions.ts).
 *
 * Series are Taylor's, cut where the next term is below half a unit in the last place; the arrangement that keeps the last
 * bits, and the split constants, are fdlibm's (Sun Microsystems, 1993). Stated errors are against correctly rounded values,
 * held by test/kernels/float64.test.ts. (Math.sqrt needs no twin: every engine's is correctly rounded.)
 */

const LN2_HIGH = 6.93147180369123816490e-1; // 33 bits, so that its product with an exponent is exact
const LN2_LOW = 1.90821492927058770002e-10;
const LOG2_E = 1.4426950408889634;
const SMALLEST_EXPONENT = -1074;

/** 2^n for n = -1074 .. 1023, by doubling: exact. */
const powersOfTwo = new Float64Array(1023 - SMALLEST_EXPONENT + 1);
powersOfTwo[0] = Number.MIN_VALUE;
for (let i = 1; i < powersOfTwo.length; i++) powersOfTwo[i] = powersOfTwo[i - 1]! * 2;

/** 1 / k! for k = 0 .. 18; each k! is exact in float64. */
const inverseFactorials: number[] = [1];
for (let k = 1, factorial = 1; k <= 18; k++) inverseFactorials.push(1 / (factorial *= k));
const [, , C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C13, C14, C15, C16, C17] = inverseFactorials as [
  number, number, number, number, number, number, number, number, number, number, number, number, number, number, number, number, number, number,
];

/** e^x, within 1 ulp; 0 below -745.2, Infinity above 709.8. */
export function exp64(x: number): number {
  if (!(x > -745.2)) return x === x ? 0 : NaN;
  if (x > 709.79) return Infinity;
  const n = Math.floor(x * LOG2_E + 0.5);
  const high = x - n * LN2_HIGH;
  const low = n * LN2_LOW;
  const r = high - low;
  // The part of the remainder that `r` lost re-enters at the end, times the derivative, which is close enough to 1 + r.
  const lost = high - r - low;
  const q = C2 + r * (C3 + r * (C4 + r * (C5 + r * (C6 + r * (C7 + r * (C8 + r * (C9 + r * (C10 + r * (C11 + r * (C12 + r * C13))))))))));
  const y = 1 + (r + (r * r * q + lost * (1 + r)));
  if (n >= -1021 && n <= 1023) return y * powersOfTwo[n - SMALLEST_EXPONENT]!;
  const half = n >> 1; // 2^1024 and denormal results: two exact steps, rounded once
  return y * powersOfTwo[half - SMALLEST_EXPONENT]! * powersOfTwo[n - half - SMALLEST_EXPONENT]!;
}

const real = new Float64Array(1);
const words = new Uint32Array(real.buffer);
const HIGH_WORD = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;

/** ln x, within 1 ulp; -Infinity at 0, NaN below. */
export function log64(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN;
  if (x === Infinity) return x;
  let k = 0;
  if (x < 2.2250738585072014e-308) {
    x *= 18014398509481984; // 2^54: out of the denormals
    k = -54;
  }
  // x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); 0x3fe6a09e is the high word of sqrt(1/2).
  real[0] = x;
  const high = words[HIGH_WORD]!;
  const exponent = (high - 0x3fe6a09e) >> 20;
  k += exponent;
  words[HIGH_WORD] = high - (exponent << 20);
  const f = real[0]! - 1;
  // ln(1 + f) = f - f^2/2 + s (f^2/2 + R), s = f / (2 + f), R = 2 (s^2/3 + s^4/5 + ...), |s| <= 0.172
  const s = f / (2 + f);
  const z = s * s;
  const r = 2 * z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + z * (1 / 13 + z * (1 / 15 + z * (1 / 17 + z * (1 / 19 + z * (1 / 21)))))))))); 
  const halfSquare = 0.5 * f * f;
  return k * LN2_HIGH - (halfSquare - (s * (halfSquare + r) + k * LN2_LOW) - f);
}

const TWO_OVER_PI = 0.6366197723675814;
const HALF_PI_1 = 1.57079632673412561417; // 33 bits
const HALF_PI_2 = 6.07710050630396597660e-11; // the next 33
const HALF_PI_3 = 2.02226624879595063154e-21;

/** sin on |r| <= pi/4. */
function sinKernel(r: number): number {
  const z = r * r;
  return r - r * z * (C3 - z * (C5 - z * (C7 - z * (C9 - z * (C11 - z * (C13 - z * (C15 - z * C17)))))));
}

/** cos on |r| <= pi/4; what 1 - z/2 rounds away is added back. */
function cosKernel(r: number): number {
  const z = r * r;
  const half = 0.5 * z;
  const w = 1 - half;
  return w + (1 - w - half + z * z * (C4 - z * (C6 - z * (C8 - z * (C10 - z * (C12 - z * (C14 - z * C16)))))));
}

/** The quarter turn that x lies in, and what is left: x = quarter * pi/2 + rest. Throws beyond |x| = 2^20. */
function reduce(x: number): { readonly quarter: number; readonly rest: number } {
  if (!(Math.abs(x) <= 1048576)) throw new RangeError(`angle ${x} is outside -2^20 .. 2^20`);
  const n = Math.floor(x * TWO_OVER_PI + 0.5);
  return { quarter: ((n % 4) + 4) % 4, rest: x - n * HALF_PI_1 - n * HALF_PI_2 - n * HALF_PI_3 };
}

/** sin and cos of x radians, |x| <= 2^20, each within 2 ulp. */
export function sinCos64(x: number): { readonly sin: number; readonly cos: number } {
  const { quarter, rest } = reduce(x);
  const s = sinKernel(rest);
  const c = cosKernel(rest);
  if (quarter === 0) return { sin: s, cos: c };
  if (quarter === 1) return { sin: c, cos: -s };
  if (quarter === 2) return { sin: -s, cos: -c };
  return { sin: -c, cos: s };
}

/** x^y for x > 0 as exp(y ln x): within 2 (1 + |y ln x|) ulp, which is ample for a value rounded to fp32. */
export function pow64(x: number, y: number): number {
  return exp64(y * log64(x));
}
