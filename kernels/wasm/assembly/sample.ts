/**
 * The sampler of kernels/sampler.ts, four tokens at a time: the argmax of z + T g over the candidates, g Gumbel noise of (prompt, seed,
 * position, token). Ties go to the lower id.
 */
import { countNotFinite } from './elementwise';
import { log } from './functions';

const PARITY: i32 = 0x1bd11bda;

// @ts-ignore: decorator
@inline
function rotl(x: v128, n: i32): v128 { return v128.or(i32x4.shl(x, n), i32x4.shr_u(x, 32 - n)); }

/** The first random word of Threefry-2x32 with 20 rounds (threefry.ts) of each counter (position, token). */
function threefry(key0: i32, key1: i32, position: i32, tokens: v128): v128 {
  const key2 = PARITY ^ key0 ^ key1;
  let a: v128 = i32x4.splat(position + key0);
  let b: v128 = i32x4.add(tokens, i32x4.splat(key1));
  let first = key1, second = key2, third = key0;
  for (let round = 1; round <= 5; round++) {
    if (round & 1) {
      a = i32x4.add(a, b); b = v128.xor(rotl(b, 13), a);
      a = i32x4.add(a, b); b = v128.xor(rotl(b, 15), a);
      a = i32x4.add(a, b); b = v128.xor(rotl(b, 26), a);
      a = i32x4.add(a, b); b = v128.xor(rotl(b, 6), a);
    } else {
      a = i32x4.add(a, b); b = v128.xor(rotl(b, 17), a);
      a = i32x4.add(a, b); b = v128.xor(rotl(b, 29), a);
      a = i32x4.add(a, b); b = v128.xor(rotl(b, 16), a);
      a = i32x4.add(a, b); b = v128.xor(rotl(b, 24), a);
    }
    a = i32x4.add(a, i32x4.splat(first));
    b = i32x4.add(b, i32x4.splat(second + round));
    const spent = first;
    first = second;
    second = third;
    third = spent;
  }
  return a;
}

/** z + T g with g = -log(-log u), u = ((r >>> 9) + 0.5) 2^-23. */
// @ts-ignore: decorator
@inline
function scoreOf(z: v128, temperature: v128, r: v128): v128 {
  const u: v128 = f32x4.mul(f32x4.add(f32x4.convert_i32x4_s(i32x4.shr_u(r, 9)), f32x4.splat(0.5)), f32x4.splat(1.1920928955078125e-7));
  return f32x4.add(z, f32x4.mul(temperature, f32x4.neg(log(f32x4.neg(log(u))))));
}

function argmax(z: usize, count: i32): i32 {
  let best = 0;
  let most: f32 = load<f32>(z);
  for (let i = 1; i < count; i++) {
    const value: f32 = load<f32>(z + (<usize>i << 2));
    if (value > most) {
      most = value;
      best = i;
    }
  }
  return best;
}

/** Sinks `value` from place `at` of a heap of k, the least on top. */
function sink(heap: usize, k: i32, at: i32, value: f32): void {
  for (let child = 2 * at + 1; child < k; child = 2 * at + 1) {
    if (child + 1 < k && load<f32>(heap + (<usize>child << 2), 4) < load<f32>(heap + (<usize>child << 2))) child++;
    const least: f32 = load<f32>(heap + (<usize>child << 2));
    if (value <= least) break;
    store<f32>(heap + (<usize>at << 2), least);
    at = child;
  }
  store<f32>(heap + (<usize>at << 2), value);
}

/** The k-th largest of `count` values. heap: k values. */
function kthLargest(z: usize, count: i32, k: i32, heap: usize): f32 {
  memory.copy(heap, z, <usize>k << 2);
  for (let at = (k >> 1) - 1; at >= 0; at--) sink(heap, k, at, load<f32>(heap + (<usize>at << 2)));
  for (let i = k; i < count; i++) {
    const value: f32 = load<f32>(z + (<usize>i << 2));
    if (value > load<f32>(heap)) sink(heap, k, 0, value);
  }
  return load<f32>(heap);
}

/** The k tokens of the largest logits by ascending id, and their logits; of those equal to the least, the lowest ids. `tokens` first serves as heap. */
function choose(z: usize, count: i32, k: i32, tokens: usize, values: usize): void {
  const threshold: f32 = kthLargest(z, count, k, tokens);
  let equal = k;
  for (let i = 0; i < count; i++) if (load<f32>(z + (<usize>i << 2)) > threshold) equal--;
  let chosen: usize = 0;
  for (let i = 0; i < count; i++) {
    const value: f32 = load<f32>(z + (<usize>i << 2));
    if (!(value > threshold) && (value != threshold || equal-- <= 0)) continue;
    store<i32>(tokens + chosen, i);
    store<f32>(values + chosen, value);
    chosen += 4;
  }
}

/** Bytes of scratch that sample() needs for rows of so many columns. */
export function sampleScratchBytes(columns: i32): usize { return 2 * ((<usize>columns + 4) << 2); }

/**
 * The token of one row of logits, padded to whole blocks, drawn as five words say: temperature (fp32 bits), top_k, prompt key, seed, position.
 * -1 - (how many) when some are not finite.
 */
export function sample(z: usize, columns: i32, draw: usize, scratch: usize): i32 {
  const bad = countNotFinite(z, 1, columns, 0);
  if (bad) return -1 - bad;
  const temperature: f32 = load<f32>(draw);
  const k = load<i32>(draw, 4);
  if (temperature == 0 || k == 1) return argmax(z, columns);
  const key = load<i32>(draw, 8), seed = load<i32>(draw, 12), position = load<i32>(draw, 16);
  const some = k > 0 && k < columns;
  const count = some ? k : columns;
  const tokens: usize = scratch, values: usize = some ? scratch + ((<usize>columns + 4) << 2) : z;
  if (some) choose(z, columns, k, tokens, values);

  // Each lane remembers the first of its largest; what lies behind the last candidate is never larger than -Infinity.
  let best: v128 = i32x4.splat(-1);
  let most: v128 = f32x4.splat(-Infinity);
  let next: v128 = i32x4(0, 1, 2, 3);
  for (let i = 0; i < count; i += 4, next = i32x4.add(next, i32x4.splat(4))) {
    const four: v128 = some ? v128.load(tokens + (<usize>i << 2)) : next;
    const score = scoreOf(v128.load(values + (<usize>i << 2)), f32x4.splat(temperature), threefry(key, seed, position, four));
    const better: v128 = v128.and(f32x4.gt(score, most), i32x4.lt_s(next, i32x4.splat(count)));
    most = v128.bitselect(score, most, better);
    best = v128.bitselect(four, best, better);
  }
  v128.store(scratch, most);
  v128.store(scratch, best, 16);
  let token = -1;
  let largest: f32 = -Infinity;
  for (let lane: usize = 0; lane < 16; lane += 4) {
    const score: f32 = load<f32>(scratch + lane);
    const candidate = load<i32>(scratch + lane, 16);
    if (score > largest || (score == largest && candidate >= 0 && candidate < token)) {
      largest = score;
      token = candidate;
    }
  }
  return token;
}
