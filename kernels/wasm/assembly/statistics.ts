/**
 * Statistics of rows of logits (kernels/statistics.ts), in float64, two independent sums at a time: the terms of one sum are added in
 * token order. Lanes are two rows ("pairs", [token][2]) or two temperatures of one row. kernels/statistics/wasm.ts calls these.
 *
 * `fractions` is the table 2^(j/256) of kernels/statistics/softmax.ts, n the vocabulary. Numbers of a pair lie side by side at their
 * address: `max` two f64, the largest logit of each lane; results at `out` two f64 each, in the order named.
 */

// @ts-ignore: decorator
@inline
function all(x: f64): v128 { return f64x2.splat(x); }

// @ts-ignore: decorator
@inline
function pair(a: f64, b: f64): v128 { return f64x2.replace_lane(f64x2.splat(a), 1, b); }

/** The pair of fp32 logits at an address. */
// @ts-ignore: decorator
@inline
function logits(z: usize): v128 { return f64x2.promote_low_f32x4(v128.load64_zero(z)); }

// @ts-ignore: decorator
@inline
function fraction(fractions: usize, index: i32): usize { return fractions + ((<usize>(index & 255)) << 3); }

/**
 * Constant i of those that follow the table: softmax.ts's, each twice. Loading one is cheaper than what engines make of a constant in
 * the code, which is moved through a general register every time.
 */
// @ts-ignore: decorator
@inline
function constant(fractions: usize, i: usize): v128 { return v128.load(fractions + (i << 4), 2048); }

/** e^x for x <= 0, 0 below -708: softmax.ts says how. The rounded number's low bits are n; 2^(n >> 8) is added to the exponent. */
// @ts-ignore: decorator
@inline
function exponential(fractions: usize, x: v128): v128 {
  const sum: v128 = f64x2.add(f64x2.mul(x, constant(fractions, 0)), constant(fractions, 1));
  const nearest: v128 = f64x2.sub(sum, constant(fractions, 1));
  const r: v128 = f64x2.sub(f64x2.sub(x, f64x2.mul(nearest, constant(fractions, 2))), f64x2.mul(nearest, constant(fractions, 3)));
  let tail: v128 = f64x2.add(constant(fractions, 4), f64x2.mul(r, constant(fractions, 5)));
  tail = f64x2.add(constant(fractions, 6), f64x2.mul(r, tail));
  tail = f64x2.add(constant(fractions, 7), f64x2.mul(r, tail));
  tail = f64x2.mul(r, tail);
  let head: v128 = v128.load64_zero(fraction(fractions, i32x4.extract_lane(sum, 0)));
  head = v128.load_lane<u64>(fraction(fractions, i32x4.extract_lane(sum, 2)), head, 1);
  const e: v128 = i64x2.add(f64x2.add(head, f64x2.mul(head, tail)), i64x2.shl(i64x2.shr_u(sum, 8), 52));
  return v128.and(e, f64x2.ge(x, constant(fractions, 8)));
}

// @ts-ignore: decorator
@inline
function logTerm(z: v128, rest: v128, coefficient: f64): v128 { return f64x2.add(all(coefficient), f64x2.mul(z, rest)); }

/** log64 of kernels/float64.ts, for normal positive numbers. */
// @ts-ignore: decorator
@inline
function logarithm(x: v128): v128 {
  const exponent: v128 = i64x2.shr_s(i64x2.sub(x, i64x2.splat(0x3fe6a09e00000000)), 52);
  const k: v128 = f64x2.convert_low_i32x4_s(v128.shuffle<i32>(exponent, exponent, 0, 2, 0, 2));
  const f: v128 = f64x2.sub(i64x2.sub(x, i64x2.shl(exponent, 52)), all(1));
  const s: v128 = f64x2.div(f, f64x2.add(all(2), f));
  const z: v128 = f64x2.mul(s, s);
  let r: v128 = logTerm(z, all(1.0 / 21.0), 1.0 / 19.0);
  r = logTerm(z, r, 1.0 / 17.0);
  r = logTerm(z, r, 1.0 / 15.0);
  r = logTerm(z, r, 1.0 / 13.0);
  r = logTerm(z, r, 1.0 / 11.0);
  r = logTerm(z, r, 1.0 / 9.0);
  r = logTerm(z, r, 1.0 / 7.0);
  r = logTerm(z, r, 1.0 / 5.0);
  r = logTerm(z, r, 1.0 / 3.0);
  r = f64x2.mul(f64x2.mul(all(2), z), r);
  const half: v128 = f64x2.mul(f64x2.mul(all(0.5), f), f);
  const low: v128 = f64x2.add(f64x2.mul(s, f64x2.add(half, r)), f64x2.mul(k, all(1.90821492927058770002e-10)));
  return f64x2.sub(f64x2.mul(k, all(6.93147180369123816490e-1)), f64x2.sub(f64x2.sub(half, low), f));
}

/** The first place of the largest of a row. */
export function largestPlace(row: usize, n: i32): i32 {
  let top: i32 = 0;
  let v: i32 = 0;
  if (n >= 4) {
    let most: v128 = v128.load(row);
    let place: v128 = i32x4(0, 1, 2, 3);
    let here: v128 = place;
    for (v = 4; v + 4 <= n; v += 4) {
      here = i32x4.add(here, i32x4.splat(4));
      const z: v128 = v128.load(row + (<usize>v << 2));
      const more: v128 = f32x4.gt(z, most);
      most = v128.bitselect(z, most, more);
      place = v128.bitselect(here, place, more);
    }
    top = better(row, i32x4.extract_lane(place, 0), i32x4.extract_lane(place, 1));
    top = better(row, top, i32x4.extract_lane(place, 2));
    top = better(row, top, i32x4.extract_lane(place, 3));
  }
  for (; v < n; v++) top = better(row, top, v);
  return top;
}

// @ts-ignore: decorator
@inline
function at(row: usize, v: i32): f32 { return load<f32>(row + (<usize>v << 2)); }

/** Logit descending, then id ascending. */
// @ts-ignore: decorator
@inline
function before(row: usize, a: i32, b: i32): bool {
  const za: f32 = at(row, a);
  const zb: f32 = at(row, b);
  return za > zb || (za == zb && a < b);
}

// @ts-ignore: decorator
@inline
function better(row: usize, a: i32, b: i32): i32 { return before(row, b, a) ? b : a; }

/** Two rows as pairs. */
export function pairUp(a: usize, b: usize, n: i32, out: usize): void {
  for (let v: i32 = 0; v < n; v++, a += 4, b += 4, out += 8) {
    store<f32>(out, load<f32>(a));
    store<f32>(out, load<f32>(b), 4);
  }
}

/** Sum of e^(z - max) over a pair of rows; the terms go to `e` unless that is 0. */
// @ts-ignore: decorator
@inline
function pairSum(fractions: usize, z: usize, n: i32, max: v128, e: usize): v128 {
  let sum: v128 = all(0);
  for (const end: usize = z + (<usize>n << 3); z < end; z += 8) {
    const term: v128 = exponential(fractions, f64x2.sub(logits(z), max));
    if (e) {
      v128.store(e, term);
      e += 16;
    }
    sum = f64x2.add(sum, term);
  }
  return sum;
}

/** lse */
export function pairLogSumExp(fractions: usize, z: usize, n: i32, max: usize, out: usize): void {
  const most: v128 = v128.load(max);
  v128.store(out, f64x2.add(most, logarithm(pairSum(fractions, z, n, most, 0))));
}

/** Probabilities of the base into `p`; lse, entropy */
export function pairFidelityBase(fractions: usize, z: usize, n: i32, max: usize, p: usize, out: usize): void {
  const most: v128 = v128.load(max);
  const sum: v128 = pairSum(fractions, z, n, most, p);
  const inverse: v128 = f64x2.div(all(1), sum);
  let below: v128 = all(0);
  for (let v: i32 = 0; v < n; v++, z += 8, p += 16) {
    const probability: v128 = f64x2.mul(v128.load(p), inverse);
    v128.store(p, probability);
    below = f64x2.add(below, f64x2.mul(probability, f64x2.sub(most, logits(z))));
  }
  const log: v128 = logarithm(sum);
  v128.store(out, f64x2.add(most, log));
  v128.store(out, f64x2.add(log, below), 16);
}

/** `lse`: of the base; q: scratch. lse, entropy, kl */
export function pairFidelityFormat(fractions: usize, base: usize, p: usize, lse: usize, z: usize, n: i32, max: usize, q: usize, out: usize): void {
  const most: v128 = v128.load(max);
  const sum: v128 = pairSum(fractions, z, n, most, q);
  const log: v128 = logarithm(sum);
  const own: v128 = f64x2.add(most, log);
  const inverse: v128 = f64x2.div(all(1), sum);
  const shift: v128 = f64x2.sub(own, v128.load(lse));
  let below: v128 = all(0), kl: v128 = all(0);
  for (let v: i32 = 0; v < n; v++, z += 8, base += 8, p += 16, q += 16) {
    const logit: v128 = logits(z);
    below = f64x2.add(below, f64x2.mul(f64x2.mul(v128.load(q), inverse), f64x2.sub(most, logit)));
    kl = f64x2.add(kl, f64x2.mul(v128.load(p), f64x2.add(f64x2.sub(logits(base), logit), shift)));
  }
  v128.store(out, own);
  v128.store(out, f64x2.add(log, below), 16);
  v128.store(out, kl, 32);
}

/** Probabilities of the base, each divided by the sum, into `p`; lse */
export function pairDivide(fractions: usize, z: usize, n: i32, max: usize, p: usize, out: usize): void {
  const most: v128 = v128.load(max);
  const sum: v128 = pairSum(fractions, z, n, most, p);
  for (const end: usize = p + (<usize>n << 4); p < end; p += 16) v128.store(p, f64x2.div(v128.load(p), sum));
  v128.store(out, f64x2.add(most, logarithm(sum)));
}

/** kl of a pair against a divided base */
export function pairDivergence(fractions: usize, base: usize, p: usize, lse: usize, z: usize, n: i32, max: usize, out: usize): void {
  const most: v128 = v128.load(max);
  const own: v128 = f64x2.add(most, logarithm(pairSum(fractions, z, n, most, 0)));
  const shift: v128 = f64x2.sub(own, v128.load(lse));
  let kl: v128 = all(0);
  for (let v: i32 = 0; v < n; v++, z += 8, base += 8, p += 16) {
    kl = f64x2.add(kl, f64x2.mul(v128.load(p), f64x2.add(f64x2.sub(logits(base), logits(z)), shift)));
  }
  v128.store(out, kl);
}

// @ts-ignore: decorator
@inline
function rotated(b: v128, left: i32, a: v128): v128 { return v128.xor(v128.or(i32x4.shl(b, left), i32x4.shr_u(b, 32 - left)), a); }

/**
 * N(0, 1) values of two rows, [token][2]: Threefry-2x32 (kernels/threefry.ts) of key (key0, key1) and counters (counterA or counterB,
 * token / 2), two blocks of each row at a time. `out` has room for a whole number of four tokens.
 */
export function pairNoise(counterA: i32, counterB: i32, key0: i32, key1: i32, n: i32, out: usize): void {
  const counters: v128 = i32x4(counterA, counterB, counterA, counterB);
  const key2: i32 = 0x1bd11bda ^ key0 ^ key1;
  for (let v: i32 = 0; v < n; v += 4, out += 64) {
    const block: i32 = v >> 1;
    let a: v128 = i32x4.add(counters, i32x4.splat(key0));
    let b: v128 = i32x4.add(i32x4(block, block, block + 1, block + 1), i32x4.splat(key1));
    a = i32x4.add(a, b); b = rotated(b, 13, a);
    a = i32x4.add(a, b); b = rotated(b, 15, a);
    a = i32x4.add(a, b); b = rotated(b, 26, a);
    a = i32x4.add(a, b); b = rotated(b, 6, a);
    a = i32x4.add(a, i32x4.splat(key1)); b = i32x4.add(b, i32x4.splat(key2 + 1));
    a = i32x4.add(a, b); b = rotated(b, 17, a);
    a = i32x4.add(a, b); b = rotated(b, 29, a);
    a = i32x4.add(a, b); b = rotated(b, 16, a);
    a = i32x4.add(a, b); b = rotated(b, 24, a);
    a = i32x4.add(a, i32x4.splat(key2)); b = i32x4.add(b, i32x4.splat(key0 + 2));
    a = i32x4.add(a, b); b = rotated(b, 13, a);
    a = i32x4.add(a, b); b = rotated(b, 15, a);
    a = i32x4.add(a, b); b = rotated(b, 26, a);
    a = i32x4.add(a, b); b = rotated(b, 6, a);
    a = i32x4.add(a, i32x4.splat(key0)); b = i32x4.add(b, i32x4.splat(key1 + 3));
    a = i32x4.add(a, b); b = rotated(b, 17, a);
    a = i32x4.add(a, b); b = rotated(b, 29, a);
    a = i32x4.add(a, b); b = rotated(b, 16, a);
    a = i32x4.add(a, b); b = rotated(b, 24, a);
    a = i32x4.add(a, i32x4.splat(key1)); b = i32x4.add(b, i32x4.splat(key2 + 4));
    a = i32x4.add(a, b); b = rotated(b, 13, a);
    a = i32x4.add(a, b); b = rotated(b, 15, a);
    a = i32x4.add(a, b); b = rotated(b, 26, a);
    a = i32x4.add(a, b); b = rotated(b, 6, a);
    a = i32x4.add(a, i32x4.splat(key2)); b = i32x4.add(b, i32x4.splat(key0 + 5));
    v128.store(out, quantile(a));
    v128.store(out, quantile(b), 16);
    v128.store(out, quantile(v128.shuffle<i32>(a, a, 2, 3, 2, 3)), 32);
    v128.store(out, quantile(v128.shuffle<i32>(b, b, 2, 3, 2, 3)), 48);
  }
}

// @ts-ignore: decorator
@inline
function horner(p: v128, r: v128, coefficient: f64): v128 { return f64x2.add(f64x2.mul(p, r), all(coefficient)); }

/** normalQuantile of kernels/statistics/noise.ts (AS 241) at u = (word + 0.5) / 2^32, of the first two words. */
function quantile(words: v128): v128 {
  const u: v128 = f64x2.div(f64x2.add(f64x2.convert_low_i32x4_u(words), all(0.5)), all(4294967296));
  const q: v128 = f64x2.sub(u, all(0.5));
  const r: v128 = f64x2.sub(all(0.180625), f64x2.mul(q, q));
  let a: v128 = all(2.5090809287301226727e3), b: v128 = all(5.2264952788528545610e3);
  a = horner(a, r, 3.3430575583588128105e4); b = horner(b, r, 2.8729085735721942674e4);
  a = horner(a, r, 6.7265770927008700853e4); b = horner(b, r, 3.9307895800092710610e4);
  a = horner(a, r, 4.5921953931549871457e4); b = horner(b, r, 2.1213794301586595867e4);
  a = horner(a, r, 1.3731693765509461125e4); b = horner(b, r, 5.3941960214247511077e3);
  a = horner(a, r, 1.9715909503065514427e3); b = horner(b, r, 6.8718700749205790830e2);
  a = horner(a, r, 1.3314166789178437745e2); b = horner(b, r, 4.2313330701600911252e1);
  a = horner(a, r, 3.3871328727963666080); b = horner(b, r, 1);
  const middle: v128 = f64x2.div(f64x2.mul(q, a), b);
  const central: v128 = v128.and(f64x2.ge(q, all(-0.425)), f64x2.le(q, all(0.425)));
  if (i64x2.all_true(central)) return middle;
  return v128.bitselect(middle, tailQuantile(u), central);
}

/** u is at least 2^-33, so that the tail stays below 5 and AS 241's far tail is never reached. */
function tailQuantile(u: v128): v128 {
  const lower: v128 = f64x2.lt(f64x2.sub(u, all(0.5)), all(0));
  const r: v128 = f64x2.sub(f64x2.sqrt(f64x2.neg(logarithm(v128.bitselect(u, f64x2.sub(all(1), u), lower)))), all(1.6));
  let a: v128 = all(7.74545014278341407640e-4), b: v128 = all(1.05075007164441684324e-9);
  a = horner(a, r, 2.27238449892691845833e-2); b = horner(b, r, 5.47593808499534494600e-4);
  a = horner(a, r, 2.41780725177450611770e-1); b = horner(b, r, 1.51986665636164571966e-2);
  a = horner(a, r, 1.27045825245236838258); b = horner(b, r, 1.48103976427480074590e-1);
  a = horner(a, r, 3.64784832476320460504); b = horner(b, r, 6.89767334985100004550e-1);
  a = horner(a, r, 5.76949722146069140550); b = horner(b, r, 1.67638483018380384940);
  a = horner(a, r, 4.63033784615654529590); b = horner(b, r, 2.05319162663775882187);
  a = horner(a, r, 1.42343711074968357734); b = horner(b, r, 1);
  const x: v128 = f64x2.div(a, b);
  return v128.bitselect(f64x2.neg(x), x, lower);
}

/** z = fp32(base + sigma * noise); max */
export function pairAddNoise(base: usize, noise: usize, n: i32, sigma: f64, z: usize, out: usize): void {
  let most: v128 = all(-Infinity);
  for (let v: i32 = 0; v < n; v++, base += 8, noise += 16, z += 8) {
    const noisy: v128 = f32x4.demote_f64x2_zero(f64x2.add(logits(base), f64x2.mul(all(sigma), v128.load(noise))));
    v128.store_lane<u64>(z, noisy, 0);
    most = f64x2.pmax(most, f64x2.promote_low_f32x4(noisy));
  }
  v128.store(out, most);
}

/** Mean of the weights under softmax(beta * z) */
export function pairSoftmaxMean(fractions: usize, z: usize, weights: usize, n: i32, max: usize, beta: f64, out: usize): void {
  const most: v128 = v128.load(max);
  let sum: v128 = all(0), weighted: v128 = all(0);
  for (let v: i32 = 0; v < n; v++, z += 8, weights += 8) {
    const e: v128 = exponential(fractions, f64x2.mul(f64x2.sub(logits(z), most), all(beta)));
    sum = f64x2.add(sum, e);
    weighted = f64x2.add(weighted, f64x2.mul(e, logits(weights)));
  }
  v128.store(out, f64x2.div(weighted, sum));
}

/** out[v] = lse - row[v], f64 */
export function surprisals(row: usize, n: i32, lse: f64, out: usize): void {
  for (let v: i32 = 0; v < n; v++, row += 4, out += 8) store<f64>(out, lse - <f64>load<f32>(row));
}

// @ts-ignore: decorator
@inline
function idAt(ids: usize, i: i32): i32 { return load<i32>(ids + (<usize>i << 2)); }

/** Adds token v to the `held` best so far, of which at most k are kept; returns their number. */
function insert(row: usize, ids: usize, held: i32, k: i32, v: i32): i32 {
  let i: i32 = held;
  if (held == k) {
    if (!before(row, v, idAt(ids, k - 1))) return held;
    i = k - 1;
  }
  for (; i > 0 && before(row, v, idAt(ids, i - 1)); i--) store<i32>(ids + (<usize>i << 2), idAt(ids, i - 1));
  store<i32>(ids + (<usize>i << 2), v);
  return min(held + 1, k);
}

// @ts-ignore: decorator
@inline
function isOutside(ranks: usize, v: i32): bool { return ranks == 0 || idAt(ranks, v) == i32.MAX_VALUE; }

/**
 * The k largest of a row, best first, into `ids`; their places into `ranks`, which holds i32.MAX_VALUE everywhere and is to be cleared
 * by clearRanks. The candidates of the base, where baseIds is not 0, are tried first: they are mostly this row's, in nearly its order.
 */
export function rankTop(row: usize, n: i32, k: i32, baseIds: usize, baseRanks: usize, ids: usize, ranks: usize): void {
  let held: i32 = 0, v: i32 = 0;
  if (baseIds) for (let i: i32 = 0; i < k; i++) held = insert(row, ids, held, k, idAt(baseIds, i));
  else for (; v < k; v++) held = insert(row, ids, held, k, v);
  for (; v + 4 <= n; v += 4) {
    const z: v128 = v128.load(row + (<usize>v << 2));
    if (!v128.any_true(f32x4.ge(z, f32x4.splat(at(row, idAt(ids, k - 1)))))) continue;
    for (let i: i32 = v; i < v + 4; i++) if (isOutside(baseRanks, i)) held = insert(row, ids, held, k, i);
  }
  for (; v < n; v++) if (isOutside(baseRanks, v)) held = insert(row, ids, held, k, v);
  for (let i: i32 = 0; i < k; i++) store<i32>(ranks + (<usize>idAt(ids, i) << 2), i);
}

export function clearRanks(ids: usize, k: i32, ranks: usize): void {
  for (let i: i32 = 0; i < k; i++) store<i32>(ranks + (<usize>idAt(ids, i) << 2), i32.MAX_VALUE);
}

/** Terms of one row at two temperatures into `e`, [token][2]; their sums. */
// @ts-ignore: decorator
@inline
function fullTerms(fractions: usize, row: usize, n: i32, max: f64, beta: v128, e: usize): v128 {
  let sum: v128 = all(0);
  for (const end: usize = row + (<usize>n << 2); row < end; row += 4, e += 16) {
    const term: v128 = exponential(fractions, f64x2.mul(all(<f64>load<f32>(row) - max), beta));
    v128.store(e, term);
    sum = f64x2.add(sum, term);
  }
  return sum;
}

/** Probabilities of the base into `p`; entropy, quality */
export function fullBase(fractions: usize, row: usize, n: i32, max: f64, betaA: f64, betaB: f64, surprisal: usize, p: usize, out: usize): void {
  const beta: v128 = pair(betaA, betaB);
  const sum: v128 = fullTerms(fractions, row, n, max, beta, p);
  const inverse: v128 = f64x2.div(all(1), sum);
  let below: v128 = all(0), quality: v128 = all(0);
  for (let v: i32 = 0; v < n; v++, row += 4, p += 16, surprisal += 8) {
    const probability: v128 = f64x2.mul(v128.load(p), inverse);
    v128.store(p, probability);
    below = f64x2.add(below, f64x2.mul(probability, all(max - <f64>load<f32>(row))));
    quality = f64x2.add(quality, f64x2.mul(probability, v128.load64_splat(surprisal)));
  }
  v128.store(out, f64x2.add(logarithm(sum), f64x2.mul(beta, below)));
  v128.store(out, quality, 16);
}

/** q: scratch. Total variation, quality shift */
export function fullFormat(fractions: usize, row: usize, n: i32, max: f64, betaA: f64, betaB: f64, surprisal: usize, p: usize, q: usize, out: usize): void {
  const inverse: v128 = f64x2.div(all(1), fullTerms(fractions, row, n, max, pair(betaA, betaB), q));
  let difference: v128 = all(0), shift: v128 = all(0);
  for (let v: i32 = 0; v < n; v++, p += 16, q += 16, surprisal += 8) {
    const d: v128 = f64x2.sub(f64x2.mul(v128.load(q), inverse), v128.load(p));
    difference = f64x2.add(difference, f64x2.abs(d));
    shift = f64x2.add(shift, f64x2.mul(d, v128.load64_splat(surprisal)));
  }
  v128.store(out, f64x2.mul(all(0.5), difference));
  v128.store(out, shift, 16);
}

/** Probabilities of the first k candidates at two temperatures into `p`, best first. */
export function candidateProbabilities(fractions: usize, row: usize, ids: usize, k: i32, max: f64, betaA: f64, betaB: f64, p: usize): void {
  const beta: v128 = pair(betaA, betaB);
  let sum: v128 = all(0);
  for (let j: i32 = 0; j < k; j++) {
    const term: v128 = exponential(fractions, f64x2.mul(all(<f64>at(row, idAt(ids, j)) - max), beta));
    v128.store(p + (<usize>j << 4), term);
    sum = f64x2.add(sum, term);
  }
  const inverse: v128 = f64x2.div(all(1), sum);
  for (const end: usize = p + (<usize>k << 4); p < end; p += 16) v128.store(p, f64x2.mul(v128.load(p), inverse));
}

/** Total variation, outside mass: of the base's p and the format's q among k candidates of each */
export function amongCandidates(k: i32, baseIds: usize, baseRanks: usize, ids: usize, ranks: usize, p: usize, q: usize, out: usize): void {
  let difference: v128 = all(0), outside: v128 = all(0), lost: v128 = all(0);
  for (let j: i32 = 0; j < k; j++) {
    const own: v128 = v128.load(q + (<usize>j << 4));
    const rank: i32 = idAt(baseRanks, idAt(ids, j));
    if (rank < k) difference = f64x2.add(difference, f64x2.abs(f64x2.sub(own, v128.load(p + (<usize>rank << 4)))));
    else outside = f64x2.add(outside, own);
  }
  for (let j: i32 = 0; j < k; j++) if (idAt(ranks, idAt(baseIds, j)) >= k) lost = f64x2.add(lost, v128.load(p + (<usize>j << 4)));
  v128.store(out, f64x2.mul(all(0.5), f64x2.add(f64x2.add(difference, outside), lost)));
  v128.store(out, outside, 16);
}
