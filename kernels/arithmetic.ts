/**
 * The arithmetic of every canonical engine, stated in code (docs/arithmetic.md states it in words).
 *
 * All values are fp32. Allowed are +, - and x, each rounded to nearest even (Math.fround after every operation), integer
 * operations, comparisons and bit casts. No division, square root, fused multiply-add, reassociation, flush of denormals,
 * and no platform function. An engine may repack memory as it likes: the order below is over logical indices.
 *
 * Math.fround(a * b) and Math.fround(a + b) of fp32 a, b are the fp32 operations: the float64 product is exact, and a
 * float64 sum rounded again to fp32 is the correctly rounded sum because 53 >= 2 * 24 + 2 (Figueroa, 1995).
 */

/** In every exact key. Changes only when a bit of some result may change. */
export const ARITHMETIC_VERSION = 1;

/** Positions of a dot product are taken in blocks of 64 ... */
export const DOT_BLOCK = 64;
/** ... by 16 lanes, four positions each. */
export const DOT_LANES = 16;

const { fround } = Math;
const lanes = new Float32Array(DOT_LANES);

/** Sums 16 lanes as a tree: a[i] += a[i + h] for h = 8, 4, 2, 1. Overwrites `a`. */
export function fold(a: Float32Array): number {
  for (let h = 8; h >= 1; h >>= 1) {
    for (let i = 0; i < h; i++) a[i] = fround(a[i]! + a[i + h]!);
  }
  return a[0]!;
}

/**
 * sum over k < length of w[wAt + k] * x[xAt + k], in the one order.
 *
 * Within a block lane i takes k = 2i, 2i + 1, 32 + 2i, 33 + 2i: t = w x, then t = t + w x three times, then acc[i] += t.
 * Positions past the end count as +0 * +0; leaving them out gives the same bits, because acc starts at +0 and so is never -0.
 */
export function dot(w: Float32Array, wAt: number, x: Float32Array, xAt: number, length: number): number {
  lanes.fill(0);
  const whole = length - (length % DOT_BLOCK);
  for (let block = 0; block < whole; block += DOT_BLOCK) {
    let a = wAt + block;
    let b = xAt + block;
    for (let i = 0; i < DOT_LANES; i++, a += 2, b += 2) {
      let t = fround(w[a]! * x[b]!);
      t = fround(t + fround(w[a + 1]! * x[b + 1]!));
      t = fround(t + fround(w[a + 32]! * x[b + 32]!));
      t = fround(t + fround(w[a + 33]! * x[b + 33]!));
      lanes[i] = fround(lanes[i]! + t);
    }
  }
  if (whole < length) lastBlock(w, wAt + whole, x, xAt + whole, length - whole);
  return fold(lanes);
}

function lastBlock(w: Float32Array, wAt: number, x: Float32Array, xAt: number, length: number): void {
  for (let i = 0; i < DOT_LANES; i++) {
    let t = 0;
    for (const k of [2 * i, 2 * i + 1, 32 + 2 * i, 33 + 2 * i]) {
      if (k < length) t = fround(t + fround(w[wAt + k]! * x[xAt + k]!));
    }
    lanes[i] = fround(lanes[i]! + t);
  }
}

const bits = new Int32Array(1);
const real = new Float32Array(bits.buffer);

/** The fp32 with these bits. */
export function fromBits(pattern: number): number {
  bits[0] = pattern;
  return real[0]!;
}

/** The bits of an fp32, as a signed 32-bit integer. */
export function toBits(value: number): number {
  real[0] = value;
  return bits[0]!;
}

/**
 * 1 / x for x in [2^-125, 2^125]: seed 0x7EF311C7 - bits, then r = r (2 - x r) four times. At most 1.5 ulp.
 * Newton's iteration doubles the correct bits of the seed (at least 3) each time.
 */
export function rcp(x: number): number {
  let r = fromBits(0x7ef311c7 - toBits(x));
  for (let i = 0; i < 4; i++) r = fround(r * fround(2 - fround(x * r)));
  return r;
}

/**
 * 1 / sqrt(x) for x in [2^-124, 2^125]: seed 0x5F375A86 - (bits >> 1), then r = r (1.5 - ((0.5 x) r) r) four times.
 * At most 1.7 ulp.
 */
export function rsqrt(x: number): number {
  const half = fround(0.5 * x);
  let r = fromBits(0x5f375a86 - (toBits(x) >> 1));
  for (let i = 0; i < 4; i++) r = fround(r * fround(1.5 - fround(fround(half * r) * r)));
  return r;
}
