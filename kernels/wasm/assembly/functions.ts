/**
 * rcp, rsqrt, exp, log, the logistic function and GELU of docs/arithmetic.md, four numbers at a time. Same steps as kernels/arithmetic.ts and
 * functions.ts.
 *
 * Constants of loops lie in memory: a load is one instruction, while V8 makes a constant vector anew by several, each time.
 */

/** By place: what exp(), sigmoid() and log() need, as bits. */
const CONSTANTS: usize = memory.data<u32>([
  0x3fb8aa3b, 0x3f000000, 0x3f318000, 0xb95e8083, // log2 e, 1/2, ln 2 in two parts
  0x3ab511e8, 0x3c091d10, 0x3d2aac79, 0x3e2aaa49, 0x3efffffe, // exp, highest power first
  0x3f800000, 0x4b40007f, 0xc2ae0000, 0x80000000, // 1, 1.5 2^23 + 127, -87, the sign
  0x7ef311c7, 0x40000000, // seed of rcp, 2
]);
const LOG2_E: usize = 0, HALF: usize = 4, LN2_HIGH: usize = 8, LN2_LOW: usize = 12, EXP: usize = 16, ONE: usize = 36, SHIFTER: usize = 40, LEAST: usize = 44, SIGN: usize = 48,
  RCP_SEED: usize = 52, TWO: usize = 56;

// @ts-ignore: decorator
@inline
function constant(place: usize): v128 { return v128.load32_splat(CONSTANTS + place); }

// @ts-ignore: decorator
@inline
function bits(pattern: u32): v128 { return i32x4.splat(pattern); }

// @ts-ignore: decorator
@inline
function horner(p: v128, x: v128, coefficient: u32): v128 { return f32x4.add(f32x4.mul(p, x), bits(coefficient)); }

// @ts-ignore: decorator
@inline
function newton(r: v128, x: v128): v128 { return f32x4.mul(r, f32x4.sub(constant(TWO), f32x4.mul(x, r))); }

/** 1 / x: seed 0x7EF311C7 - bits, four times r = r (2 - x r). */
// @ts-ignore: decorator
@inline
export function rcp(x: v128): v128 {
  const seed: v128 = i32x4.sub(constant(RCP_SEED), x);
  return newton(newton(newton(newton(seed, x), x), x), x);
}

/** 1 / sqrt(x): seed 0x5F375A86 - (bits >> 1), four times r = r (1.5 - ((0.5 x) r) r). */
export function rsqrt(x: f32): f32 {
  const half: f32 = <f32>0.5 * x;
  let r: f32 = reinterpret<f32>(0x5f375a86 - (reinterpret<i32>(x) >> 1));
  for (let i = 0; i < 4; i++) r = r * (<f32>1.5 - half * r * r);
  return r;
}

// @ts-ignore: decorator
@inline
function step(p: v128, x: v128, place: usize): v128 { return f32x4.add(f32x4.mul(p, x), constant(place)); }

/** e^x for x <= 88; 0 where x < -87. */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  const n: v128 = f32x4.floor(f32x4.add(f32x4.mul(x, constant(LOG2_E)), constant(HALF)));
  let r: v128 = f32x4.sub(x, f32x4.mul(n, constant(LN2_HIGH)));
  r = f32x4.sub(r, f32x4.mul(n, constant(LN2_LOW)));
  let p: v128 = step(constant(EXP), r, EXP + 4);
  p = step(p, r, EXP + 8);
  p = step(p, r, EXP + 12);
  p = step(p, r, EXP + 16);
  p = step(p, r, ONE);
  p = step(p, r, ONE);
  // n + 127 as an integer is the low bits of n + (1.5 2^23 + 127); the shift drops the others.
  const scale: v128 = i32x4.shl(f32x4.add(n, constant(SHIFTER)), 23);
  return v128.andnot(f32x4.mul(p, scale), f32x4.lt(x, constant(LEAST)));
}

/** 1 / (1 + e^-x): s = rcp(1 + e) with e = exp(-|x|); s for x >= 0, e s below. */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  const e: v128 = exp(v128.or(x, constant(SIGN)));
  const s: v128 = rcp(f32x4.add(constant(ONE), e));
  return v128.bitselect(f32x4.mul(e, s), s, f32x4.lt(x, f32x4.splat(0)));
}

/** x sigmoid(((x^2 0.044715 + 1) x) 2 sqrt(2/pi)). */
// @ts-ignore: decorator
@inline
export function geluTanh(x: v128): v128 {
  const u: v128 = f32x4.add(f32x4.mul(f32x4.mul(x, x), f32x4.splat(0.044715)), f32x4.splat(1));
  return f32x4.mul(x, sigmoid(f32x4.mul(f32x4.mul(u, x), f32x4.splat(1.5957691216057308))));
}

/** x Phi(x): Q(a) = exp(-a^2 / 2) t (c1 + ... + c8 t^7), t = 1 / (1 + 0.3 a), a = |x|. */
// @ts-ignore: decorator
@inline
export function geluErf(x: v128): v128 {
  const a: v128 = f32x4.abs(x);
  const t: v128 = rcp(f32x4.add(f32x4.splat(1), f32x4.mul(f32x4.splat(0.3), a)));
  let p: v128 = horner(bits(0x3d139aaf), t, 0xbe2285b3);
  p = horner(p, t, 0x3e55fa9b);
  p = horner(p, t, 0xbd65c413);
  p = horner(p, t, 0x3e04f595);
  p = horner(p, t, 0x3dcbd2cd);
  p = horner(p, t, 0x3df76ed7);
  p = horner(p, t, 0x3df4fe0b);
  p = f32x4.mul(p, t);
  const q: v128 = f32x4.mul(exp(f32x4.mul(f32x4.mul(f32x4.splat(-0.5), a), a)), p);
  return f32x4.mul(x, v128.bitselect(q, f32x4.sub(f32x4.splat(1), q), f32x4.lt(x, f32x4.splat(0))));
}

/** Coefficients of log(), highest power first. */
const LOG: usize = memory.data<f32>([
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
]);

/** ln x for normal positive x. */
// @ts-ignore: decorator
@inline
export function log(x: v128): v128 {
  // The bits of sqrt(1/2) centre the mantissa.
  const exponent: v128 = i32x4.shr_s(i32x4.sub(x, bits(0x3f3504f3)), 23);
  const f: v128 = f32x4.sub(i32x4.sub(x, i32x4.shl(exponent, 23)), constant(ONE));
  const z: v128 = f32x4.mul(f, f);
  let p: v128 = v128.load32_splat(LOG);
  for (let i: usize = 4; i < 36; i += 4) p = f32x4.add(f32x4.mul(p, f), v128.load32_splat(LOG + i));
  const n: v128 = f32x4.convert_i32x4_s(exponent);
  let y: v128 = f32x4.mul(f32x4.mul(p, f), z);
  y = f32x4.add(y, f32x4.mul(n, constant(LN2_LOW)));
  y = f32x4.sub(y, f32x4.mul(constant(HALF), z));
  return f32x4.add(f32x4.add(f, y), f32x4.mul(n, constant(LN2_HIGH)));
}
