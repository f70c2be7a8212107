/**
 * Attention over a cache of keys and values, one row at a time, two passes, no rescaling (docs/arithmetic.md).
 *
 * One sequence's cache of one layer is [kvHead] of keys, then values. headDim is padded with +0 to `dim`: 32, or a multiple of 64.
 *   keys:   a packed weight (layout.ts) whose outputs are the positions; of dim 32 only steps 0 and 1 are there
 *   values: [position][dim]
 */
import { fold } from './dot';
import { exp, rcp } from './functions';
import { packRows, rowBytes } from './layout';
import { accumulate, foldPanel } from './linear';

/** Keys that are scored, and values that are summed, for all heads of a group before the next: docs/arithmetic.md sums values in such blocks. */
const POSITIONS_AT_ONCE: i32 = 64;

/** Bytes of the keys of one head. */
// @ts-ignore: decorator
@inline
function keyBytes(positions: i32, dim: i32): usize { return (<usize>((positions + 3) & ~3) * dim) << 2; }

/** Bytes of keys and values of one head. */
// @ts-ignore: decorator
@inline
function headBytes(positions: i32, dim: i32): usize { return keyBytes(positions, dim) + ((<usize>positions * dim) << 2); }

/** Bytes of one sequence in one layer. */
export function sequenceBytes(positions: i32, kvHeads: i32, dim: i32): usize { return headBytes(positions, dim) * kvHeads; }

// @ts-ignore: decorator
@inline
function integer(at: usize, index: i32): i32 { return load<i32>(at + (<usize>index << 2)); }

/** Bytes from the beginning of a panel of four keys to dimension d of the first. */
// @ts-ignore: decorator
@inline
function dimensionAt(d: i32, dim: i32): usize {
  const steps = dim == 32 ? 2 : 4;
  const blocks = (dim + 63) >> 6;
  const lane = (d & 31) >> 1;
  const step = ((d >> 5) & 1) << 1 | (d & 1);
  return ((<usize>((lane >> 2) * blocks + (d >> 6)) * steps + step) << 6) + ((lane & 3) << 2);
}

/** Stores k and v [rows, kvHeads * headDim] (rows of strideBytes) at (slots[r], positions[r]). */
export function remember(
  layer: usize, capacity: i32, kvHeads: i32, headDim: i32, dim: i32, k: usize, v: usize, rows: i32, strideBytes: usize, slots: usize, positions: usize,
): void {
  const perSequence = sequenceBytes(capacity, kvHeads, dim);
  const perHead = headBytes(capacity, dim);
  const values = keyBytes(capacity, dim);
  const dimBytes: usize = <usize>dim << 2;
  const rowLength: usize = <usize>headDim << 2;
  for (let r = 0; r < rows; r++) {
    const position = integer(positions, r);
    let head: usize = layer + <usize>integer(slots, r) * perSequence;
    let from: usize = <usize>r * strideBytes;
    for (let h = 0; h < kvHeads; h++, head += perHead, from += rowLength) {
      const key: usize = head + <usize>(position & ~3) * dimBytes + (<usize>(position & 3) << 4);
      for (let d = 0; d < headDim; d++) store<f32>(key + dimensionAt(d, dim), load<f32>(k + from + (<usize>d << 2)));
      memory.copy(head + values + <usize>position * dimBytes, v + from, rowLength);
    }
  }
}

/**
 * Lane sums of one query against a panel of four keys of one block, [lane group][key][4], into `acc`. (The sum that begins at +0 is
 * left out: it could only turn a -0 into +0, which no later step can tell apart.)
 */
// @ts-ignore: decorator
@inline
function oneBlock(q: usize, k: usize, steps: i32, acc: usize): void {
  for (let end: usize = acc + 256; acc < end; acc += 64) {
    let v: v128 = v128.load(q);
    let t0: v128 = f32x4.mul(v128.load(k), v);
    let t1: v128 = f32x4.mul(v128.load(k, 16), v);
    let t2: v128 = f32x4.mul(v128.load(k, 32), v);
    let t3: v128 = f32x4.mul(v128.load(k, 48), v);
    v = v128.load(q, 16);
    t0 = f32x4.add(t0, f32x4.mul(v128.load(k, 64), v));
    t1 = f32x4.add(t1, f32x4.mul(v128.load(k, 80), v));
    t2 = f32x4.add(t2, f32x4.mul(v128.load(k, 96), v));
    t3 = f32x4.add(t3, f32x4.mul(v128.load(k, 112), v));
    if (steps == 4) {
      v = v128.load(q, 32);
      t0 = f32x4.add(t0, f32x4.mul(v128.load(k, 128), v));
      t1 = f32x4.add(t1, f32x4.mul(v128.load(k, 144), v));
      t2 = f32x4.add(t2, f32x4.mul(v128.load(k, 160), v));
      t3 = f32x4.add(t3, f32x4.mul(v128.load(k, 176), v));
      v = v128.load(q, 48);
      t0 = f32x4.add(t0, f32x4.mul(v128.load(k, 192), v));
      t1 = f32x4.add(t1, f32x4.mul(v128.load(k, 208), v));
      t2 = f32x4.add(t2, f32x4.mul(v128.load(k, 224), v));
      t3 = f32x4.add(t3, f32x4.mul(v128.load(k, 240), v));
    }
    v128.store(acc, t0);
    v128.store(acc, t1, 16);
    v128.store(acc, t2, 32);
    v128.store(acc, t3, 48);
    q += 64;
    k += <usize>steps << 6;
  }
}

// The three kinds of dim are functions of their own, and exported, for the reason told at linear.ts accumulate().

/** Scores of one query against `panels` panels of keys, dim 32. */
export function scores32(q: usize, k: usize, panels: i32, scale: f32, scores: usize, acc: usize): void {
  for (let p = 0; p < panels; p++, k += 512, scores += 16) {
    oneBlock(q, k, 2, acc);
    v128.store(scores, f32x4.mul(foldPanel(acc), f32x4.splat(scale)));
  }
}

/** The same, dim 64. */
export function scores64(q: usize, k: usize, panels: i32, scale: f32, scores: usize, acc: usize): void {
  for (let p = 0; p < panels; p++, k += 1024, scores += 16) {
    oneBlock(q, k, 4, acc);
    v128.store(scores, f32x4.mul(foldPanel(acc), f32x4.splat(scale)));
  }
}

/** The same, any multiple of 64. */
export function scoresAny(q: usize, k: usize, panels: i32, blocks: i32, scale: f32, scores: usize, acc: usize): void {
  for (let p = 0; p < panels; p++, k += rowBytes(blocks) << 2, scores += 16) {
    accumulate(k, q, blocks, acc);
    v128.store(scores, f32x4.mul(foldPanel(acc), f32x4.splat(scale)));
  }
}

/** Turns `count` scores (a multiple of 16; masked ones are -Infinity) into e = exp(s - max); returns rcp of their sum by 16 lanes. */
function softmax(scores: usize, count: i32): v128 {
  const end: usize = scores + (<usize>count << 2);
  // pmax is one instruction, max is eight; a NaN reaches the result through e.
  let a: v128 = v128.load(scores), b: v128 = v128.load(scores, 16), c: v128 = v128.load(scores, 32), d: v128 = v128.load(scores, 48);
  for (let at: usize = scores + 64; at < end; at += 64) {
    a = f32x4.pmax(a, v128.load(at));
    b = f32x4.pmax(b, v128.load(at, 16));
    c = f32x4.pmax(c, v128.load(at, 32));
    d = f32x4.pmax(d, v128.load(at, 48));
  }
  const most: v128 = f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d));
  const two: v128 = f32x4.pmax(most, v128.shuffle<f32>(most, most, 2, 3, 0, 1));
  const max: v128 = f32x4.pmax(two, v128.shuffle<f32>(two, two, 1, 0, 3, 2));
  a = f32x4.splat(0), b = a, c = a, d = a;
  for (let at = scores; at < end; at += 64) {
    let e: v128 = exp(f32x4.sub(v128.load(at), max));
    v128.store(at, e);
    a = f32x4.add(a, e);
    e = exp(f32x4.sub(v128.load(at, 16), max));
    v128.store(at, e, 16);
    b = f32x4.add(b, e);
    e = exp(f32x4.sub(v128.load(at, 32), max));
    v128.store(at, e, 32);
    c = f32x4.add(c, e);
    e = exp(f32x4.sub(v128.load(at, 48), max));
    v128.store(at, e, 48);
    d = f32x4.add(d, e);
  }
  return rcp(f32x4.splat(fold(a, b, c, d)));
}

// @ts-ignore: decorator
@inline
function addTo(total: usize, t: v128): void { v128.store(total, f32x4.add(v128.load(total), t)); }

/** total[0..16) += sum over `count` positions of e v, t from +0. v: 16 dimensions of rows of `stride` bytes. */
export function values1(e: usize, v: usize, stride: usize, count: i32, total: usize): void {
  let t0: v128 = f32x4.splat(0), t1: v128 = t0, t2: v128 = t0, t3: v128 = t0;
  for (let j = 0; j < count; j++, e += 4, v += stride) {
    const w: v128 = v128.load32_splat(e);
    t0 = f32x4.add(t0, f32x4.mul(w, v128.load(v)));
    t1 = f32x4.add(t1, f32x4.mul(w, v128.load(v, 16)));
    t2 = f32x4.add(t2, f32x4.mul(w, v128.load(v, 32)));
    t3 = f32x4.add(t3, f32x4.mul(w, v128.load(v, 48)));
  }
  addTo(total, t0);
  addTo(total + 16, t1);
  addTo(total + 32, t2);
  addTo(total + 48, t3);
}

/** The same for two heads that share the values: the second's e is eBytes further, its total totalBytes. */
export function values2(e: usize, eBytes: usize, v: usize, stride: usize, count: i32, total: usize, totalBytes: usize): void {
  let t0: v128 = f32x4.splat(0), t1: v128 = t0, t2: v128 = t0, t3: v128 = t0;
  let u0: v128 = t0, u1: v128 = t0, u2: v128 = t0, u3: v128 = t0;
  let f: usize = e + eBytes;
  for (let j = 0; j < count; j++, e += 4, f += 4, v += stride) {
    const w: v128 = v128.load32_splat(e);
    const x: v128 = v128.load32_splat(f);
    const v0: v128 = v128.load(v);
    t0 = f32x4.add(t0, f32x4.mul(w, v0));
    u0 = f32x4.add(u0, f32x4.mul(x, v0));
    const v1: v128 = v128.load(v, 16);
    t1 = f32x4.add(t1, f32x4.mul(w, v1));
    u1 = f32x4.add(u1, f32x4.mul(x, v1));
    const v2: v128 = v128.load(v, 32);
    t2 = f32x4.add(t2, f32x4.mul(w, v2));
    u2 = f32x4.add(u2, f32x4.mul(x, v2));
    const v3: v128 = v128.load(v, 48);
    t3 = f32x4.add(t3, f32x4.mul(w, v3));
    u3 = f32x4.add(u3, f32x4.mul(x, v3));
  }
  addTo(total, t0);
  addTo(total + 16, t1);
  addTo(total + 32, t2);
  addTo(total + 48, t3);
  total += totalBytes;
  addTo(total, u0);
  addTo(total + 16, u1);
  addTo(total + 32, u2);
  addTo(total + 48, u3);
}

/** Bytes of scratch that attend() needs for this many heads to a key head. */
export function attendScratchBytes(group: i32, dim: i32, capacity: i32): usize {
  return 256 + <usize>group * (rowBytes((dim + 63) >> 6) + (<usize>dim << 2) + (<usize>(capacity + 16) << 2));
}

/**
 * Units [from, to) of rows x kvHeads: each row attends to its sequence's positions max(0, own - window + 1) .. own (window 0: all), with the
 * heads that share a key head.
 */
export function attend(
  layer: usize, capacity: i32, kvHeads: i32, headDim: i32, dim: i32, heads: i32, window: i32, scale: f32,
  q: usize, from: i32, to: i32, strideBytes: usize, slots: usize, positions: usize, out: usize, scratch: usize,
): void {
  const perSequence = sequenceBytes(capacity, kvHeads, dim);
  const perHead = headBytes(capacity, dim);
  const group = heads / kvHeads;
  for (let unit = from; unit < to; unit++) {
    const r = unit / kvHeads, kvHead = unit % kvHeads;
    const keys: usize = layer + <usize>integer(slots, r) * perSequence + <usize>kvHead * perHead;
    const columns: usize = <usize>r * strideBytes + (<usize>(kvHead * group * headDim) << 2);
    attendGroup(keys, keys + keyBytes(capacity, dim), headDim, dim, group, window, scale, q + columns, integer(positions, r), out + columns, scratch);
  }
}

function attendGroup(
  keys: usize, values: usize, headDim: i32, dim: i32, group: i32, window: i32, scale: f32, q: usize, position: i32, out: usize, scratch: usize,
): void {
  const blocks = (dim + 63) >> 6;
  const queryBytes: usize = <usize>headDim << 2;
  const dimBytes: usize = <usize>dim << 2;
  const packedBytes = rowBytes(blocks);
  const queries: usize = scratch + 256;
  const totals: usize = queries + <usize>group * packedBytes;
  const scores: usize = totals + <usize>group * dimBytes;

  const firstSeen = window > 0 ? max(0, position - window + 1) : 0;
  const base = firstSeen & ~15;
  const count = ((position - base) | 15) + 1;
  const scoresBytes: usize = <usize>count << 2;

  // packRows reads whole blocks, so the query is padded first, where totals and scores will lie.
  for (let h = 0; h < group; h++) {
    memory.fill(totals, 0, packedBytes);
    memory.copy(totals, q + <usize>h * queryBytes, queryBytes);
    packRows(totals, 1, blocks, queries + <usize>h * packedBytes);
  }
  for (let from = base; from <= position; from += POSITIONS_AT_ONCE) {
    const panels = (min(POSITIONS_AT_ONCE, position - from + 1) + 3) >> 2;
    for (let h = 0; h < group; h++) {
      const query: usize = queries + <usize>h * packedBytes;
      const key: usize = keys + <usize>from * dimBytes;
      const to: usize = scores + <usize>h * scoresBytes + (<usize>(from - base) << 2);
      if (dim == 32) scores32(query, key, panels, scale, to, scratch);
      else if (dim == 64) scores64(query, key, panels, scale, to, scratch);
      else scoresAny(query, key, panels, blocks, scale, to, scratch);
    }
  }
  memory.fill(totals, 0, <usize>group * dimBytes);
  for (let h = 0; h < group; h++) {
    const e: usize = scores + <usize>h * scoresBytes;
    for (let j = base; j < firstSeen; j++) store<f32>(e + (<usize>(j - base) << 2), -Infinity);
    for (let j = position + 1; j < base + count; j++) store<f32>(e + (<usize>(j - base) << 2), -Infinity);
    // The packed query is spent: its place keeps the reciprocal.
    v128.store(queries + <usize>h * packedBytes, softmax(e, count));
  }
  for (let from = firstSeen; from <= position; from = (from | (POSITIONS_AT_ONCE - 1)) + 1) {
    const here = min(position, from | (POSITIONS_AT_ONCE - 1)) - from + 1;
    const e: usize = scores + (<usize>(from - base) << 2);
    const v: usize = values + <usize>from * dimBytes;
    for (let d: usize = 0; d < dimBytes; d += 64) {
      let h = 0;
      for (; h + 2 <= group; h += 2) values2(e + <usize>h * scoresBytes, scoresBytes, v + d, dimBytes, here, totals + <usize>h * dimBytes + d, dimBytes);
      if (h < group) values1(e + <usize>h * scoresBytes, v + d, dimBytes, here, totals + <usize>h * dimBytes + d);
    }
  }
  for (let h = 0; h < group; h++) {
    const reciprocal: v128 = v128.load(queries + <usize>h * packedBytes);
    const total: usize = totals + <usize>h * dimBytes;
    for (let d: usize = 0; d < dimBytes; d += 16) v128.store(total + d, f32x4.mul(v128.load(total + d), reciprocal));
    memory.copy(out + <usize>h * queryBytes, total, queryBytes);
  }
}
