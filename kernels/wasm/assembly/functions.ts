/** rcp, rsqrt, exp, the logistic function and GELU of docs/arithmetic.md, four numbers at a time. Same steps as kernels/arithmetic.ts and functions.ts. */

// @ts-ignore: decorator
@inline
function bits(pattern: u32): v128 { return i32x4.splat(pattern); }

// @ts-ignore: decorator
@inline
function horner(p: v128, x: v128, coefficient: u32): v128 { return f32x4.add(f32x4.mul(p, x), bits(coefficient)); }

// @ts-ignore: decorator
@inline
function newton(r: v128, x: v128): v128 { return f32x4.mul(r, f32x4.sub(f32x4.splat(2), f32x4.mul(x, r))); }

/** 1 / x: seed 0x7EF311C7 - bits, four times r = r (2 - x r). */
// @ts-ignore: decorator
@inline
export function rcp(x: v128): v128 {
  const seed: v128 = i32x4.sub(bits(0x7ef311c7), x);
  return newton(newton(newton(newton(seed, x), x), x), x);
}

/** 1 / sqrt(x): seed 0x5F375A86 - (bits >> 1), four times r = r (1.5 - ((0.5 x) r) r). */
export function rsqrt(x: f32): f32 {
  const half: f32 = <f32>0.5 * x;
  let r: f32 = reinterpret<f32>(0x5f375a86 - (reinterpret<i32>(x) >> 1));
  for (let i = 0; i < 4; i++) r = r * (<f32>1.5 - half * r * r);
  return r;
}

/** e^x for x <= 88; 0 where x < -87. */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  const n: v128 = f32x4.floor(f32x4.add(f32x4.mul(x, f32x4.splat(1.4426950408889634)), f32x4.splat(0.5)));
  let r: v128 = f32x4.sub(x, f32x4.mul(n, bits(0x3f318000)));
  r = f32x4.sub(r, f32x4.mul(n, bits(0xb95e8083)));
  let p: v128 = horner(bits(0x3ab511e8), r, 0x3c091d10);
  p = horner(p, r, 0x3d2aac79);
  p = horner(p, r, 0x3e2aaa49);
  p = horner(p, r, 0x3efffffe);
  p = horner(p, r, 0x3f800000);
  p = horner(p, r, 0x3f800000);
  const scale: v128 = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return v128.andnot(f32x4.mul(p, scale), f32x4.lt(x, f32x4.splat(-87)));
}

/** 1 / (1 + e^-x): s = rcp(1 + e) with e = exp(-|x|); s for x >= 0, e s below. */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  const e: v128 = exp(v128.or(x, bits(0x80000000)));
  const s: v128 = rcp(f32x4.add(f32x4.splat(1), e));
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

/** ln x for normal positive x; the bits of sqrt(1/2) centre the mantissa. */
// @ts-ignore: decorator
@inline
export function log(x: v128): v128 {
  const exponent: v128 = i32x4.shr_s(i32x4.sub(x, bits(0x3f3504f3)), 23);
  const f: v128 = f32x4.sub(i32x4.sub(x, i32x4.shl(exponent, 23)), f32x4.splat(1));
  const z: v128 = f32x4.mul(f, f);
  let p: v128 = f32x4.splat(7.0376836292e-2);
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(-1.151461031e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(1.167699874e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(-1.2420140846e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(1.4249322787e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(-1.6668057665e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(2.0000714765e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(-2.4999993993e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(3.3333331174e-1));
  const n: v128 = f32x4.convert_i32x4_s(exponent);
  let y: v128 = f32x4.mul(f32x4.mul(p, f), z);
  y = f32x4.add(y, f32x4.mul(n, bits(0xb95e8083)));
  y = f32x4.sub(y, f32x4.mul(f32x4.splat(0.5), z));
  return f32x4.add(f32x4.add(f, y), f32x4.mul(n, bits(0x3f318000)));
}
