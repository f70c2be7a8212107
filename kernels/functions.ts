/**
 * exp, log, SiLU and GELU in fp32 out of +, - and x only (docs/arithmetic.md). Every engine computes these very steps.
 * Stated errors are maxima against float64, held by test/kernels/functions.test.ts.
 */
import { fromBits, rcp, toBits } from './arithmetic.ts';

const { fround } = Math;

const LOG2_E = fround(1.4426950408889634);
/** ln 2 in two parts. The first has 10 significant bits, so that its product with an exponent is exact. */
export const LN2_HIGH = fromBits(0x3f318000); // 0.693359375
export const LN2_LOW = fromBits(0xb95e8083 | 0); // -2.12194440e-4

/**
 * exp(r) = 1 + r + r^2 (c2 + c3 r + ... + c6 r^4) on |r| <= ln 2 / 2. Minimax of the relative error with the first two terms
 * held at 1 (Lawson's iteration on 2001 Chebyshev points, float64; 3.1e-9 before rounding), rounded to fp32.
 */
const EXP = [0x3ab511e8, 0x3c091d10, 0x3d2aac79, 0x3e2aaa49, 0x3efffffe].map(fromBits) as [number, number, number, number, number];

/** e^x for x <= 88; 0 below -87 (where the result would be denormal). Relative error at most 1e-7. */
export function exp(x: number): number {
  if (x < -87) return 0;
  const n = Math.floor(fround(fround(x * LOG2_E) + 0.5));
  let r = fround(x - fround(n * LN2_HIGH));
  r = fround(r - fround(n * LN2_LOW));
  let p = EXP[0];
  p = fround(fround(p * r) + EXP[1]);
  p = fround(fround(p * r) + EXP[2]);
  p = fround(fround(p * r) + EXP[3]);
  p = fround(fround(p * r) + EXP[4]);
  p = fround(fround(p * r) + 1);
  p = fround(fround(p * r) + 1);
  return fround(p * fromBits((n + 127) << 23));
}

/** log(1 + f) = f - f^2 / 2 + f^3 P(f) on sqrt(1/2) <= 1 + f < sqrt(2): the coefficients of Cephes' logf (S. Moshier, 1992). */
const LOG = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1,
  -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
].map(fround);

/** ln x for normal positive x. Relative error at most 9e-8. The bits of sqrt(1/2) centre the mantissa. */
export function log(x: number): number {
  const exponent = (toBits(x) - 0x3f3504f3) >> 23;
  const f = fround(fromBits(toBits(x) - (exponent << 23)) - 1); // exact
  const z = fround(f * f);
  let p = LOG[0]!;
  for (let i = 1; i < LOG.length; i++) p = fround(fround(p * f) + LOG[i]!);
  let y = fround(fround(p * f) * z);
  y = fround(y + fround(exponent * LN2_LOW));
  y = fround(y - fround(0.5 * z));
  return fround(fround(f + y) + fround(exponent * LN2_HIGH));
}

/** 1 / (1 + e^-x), from exp(-|x|) so that nothing overflows: s = rcp(1 + e); x >= 0 gives s, x < 0 gives e s. Relative error at most 2.5e-7. */
export function sigmoid(x: number): number {
  const e = exp(x < 0 ? x : -x);
  const s = rcp(fround(1 + e));
  return x < 0 ? fround(e * s) : s;
}

/** x sigmoid(x). Relative error at most 3e-7. */
export function silu(x: number): number {
  return fround(x * sigmoid(x));
}

const GELU_TANH_CUBIC = fround(0.044715);
const GELU_TANH_SCALE = fround(1.5957691216057308); // 2 sqrt(2 / pi)

/**
 * The tanh form of GELU, x (1 + tanh u) / 2 = x sigmoid(2u) with 2u = ((x^2 0.044715 + 1) x) 2 sqrt(2/pi)
 * (Hendrycks and Gimpel, arXiv 1606.08415). Error at most 2e-7 of max(1, |x|).
 */
export function geluTanh(x: number): number {
  let u = fround(fround(fround(x * x) * GELU_TANH_CUBIC) + 1);
  u = fround(fround(u * x) * GELU_TANH_SCALE);
  return fround(x * sigmoid(u));
}

/**
 * The upper tail of the normal distribution is Q(a) = exp(-a^2 / 2) R(a), a >= 0; R(a) = t (c1 + c2 t + ... + c8 t^7) with
 * t = 1 / (1 + 0.3 a): the form of Abramowitz and Stegun 7.1.26 with our own coefficients, minimax of the relative error on
 * [0, 13.3] (Lawson's iteration on 4000 points; 1.3e-7 after rounding to fp32). Highest power first.
 */
const TAIL = [0x3d139aaf, 0xbe2285b3, 0x3e55fa9b, 0xbd65c413, 0x3e04f595, 0x3dcbd2cd, 0x3df76ed7, 0x3df4fe0b].map((b) => fromBits(b | 0));
const TAIL_SLOPE = fround(0.3);

/** x Phi(x), Phi the normal distribution function: 1 - Q(x) for x >= 0, Q(-x) below. Error at most 1.5e-7 of max(1, |x|). */
export function geluErf(x: number): number {
  const a = x < 0 ? -x : x;
  const t = rcp(fround(1 + fround(TAIL_SLOPE * a)));
  let p = TAIL[0]!;
  for (let i = 1; i < TAIL.length; i++) p = fround(fround(p * t) + TAIL[i]!);
  p = fround(p * t);
  const q = fround(exp(fround(fround(-0.5 * a) * a)) * p);
  return fround(x * (x < 0 ? q : fround(1 - q)));
}
