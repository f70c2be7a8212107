/**
 * Attention over a cache of keys and values, one row at a time, two passes, no rescaling (docs/arithmetic.md).
 *
 * One sequence's cache of one layer is [kvHead] of keys, then values. headDim is padded with +0 to `dim`, a multiple of 32.
 *   keys:   [tile of 8 positions][dim][8]: a vector holds one dimension of four positions, so that the sixteen lanes of
 *           the dot product are sixteen vectors and folding needs no shuffle
 *   values: [position][dim]
 */
import { fold } from './dot';
import { exp, rcp } from './functions';

/** Bytes of the keys of one head. */
// @ts-ignore: decorator
@inline
function keyBytes(positions: i32, dim: i32): usize { return (<usize>((positions + 7) & ~7) * dim) << 2; }

/** Bytes of keys and values of one head. */
// @ts-ignore: decorator
@inline
function headBytes(positions: i32, dim: i32): usize { return keyBytes(positions, dim) + ((<usize>positions * dim) << 2); }

/** Bytes of one sequence in one layer. */
export function sequenceBytes(positions: i32, kvHeads: i32, dim: i32): usize { return headBytes(positions, dim) * kvHeads; }

/** Where row r's sequence lies in the layer. */
// @ts-ignore: decorator
@inline
function sequenceAt(layer: usize, slots: usize, r: i32, bytes: usize): usize { return layer + <usize>load<i32>(slots + (<usize>r << 2)) * bytes; }

/** Stores k and v [rows, kvHeads * headDim] (rows of strideBytes) at (slots[r], positions[r]). */
export function remember(
  layer: usize, capacity: i32, kvHeads: i32, headDim: i32, dim: i32, k: usize, v: usize, rows: i32, strideBytes: usize, slots: usize, positions: usize,
): void {
  const perSequence = sequenceBytes(capacity, kvHeads, dim);
  const perHead = headBytes(capacity, dim);
  const rowBytes: usize = <usize>headDim << 2;
  for (let r = 0; r < rows; r++) {
    const position: usize = load<i32>(positions + (<usize>r << 2));
    let head: usize = sequenceAt(layer, slots, r, perSequence);
    let from: usize = <usize>r * strideBytes;
    for (let h = 0; h < kvHeads; h++, head += perHead, from += rowBytes) {
      let to: usize = head + (position >> 3) * (<usize>dim << 5) + ((position & 7) << 2);
      for (let d: usize = 0; d < rowBytes; d += 4, to += 32) store<f32>(to, load<f32>(k + from + d));
      memory.copy(head + keyBytes(capacity, dim) + position * (<usize>dim << 2), v + from, rowBytes);
    }
  }
}

// @ts-ignore: decorator
@inline
function first(q: usize, k: usize): v128 { return f32x4.mul(v128.load32_splat(q), v128.load(k)); }

// @ts-ignore: decorator
@inline
function next(t: v128, q: usize, k: usize): v128 { return f32x4.add(t, f32x4.mul(v128.load32_splat(q), v128.load(k))); }

/** Steps of one lane in a half block (32 dimensions) ... */
// @ts-ignore: decorator
@inline
function half(q: usize, k: usize): v128 { return next(first(q, k), q + 4, k + 32); }

/** ... and in a whole one (64). */
// @ts-ignore: decorator
@inline
function whole(q: usize, k: usize): v128 { return next(next(half(q, k), q + 128, k + 1024), q + 132, k + 1056); }

/** One lane of q . k for four positions. `dim` is a constant where 32 or 64, so that the other branches fall away. */
// @ts-ignore: decorator
@inline
function lane(q: usize, k: usize, dim: i32): v128 {
  if (dim == 32) return f32x4.add(f32x4.splat(0), half(q, k));
  if (dim == 64) return f32x4.add(f32x4.splat(0), whole(q, k));
  let acc: v128 = f32x4.splat(0);
  for (let left = dim; left > 0; left -= 64, q += 256, k += 2048) acc = f32x4.add(acc, left == 32 ? half(q, k) : whole(q, k));
  return acc;
}

/** Folds 8 and 4 of lanes i, i + 8, i + 4, i + 12. */
// @ts-ignore: decorator
@inline
function quarter(q: usize, k: usize, dim: i32): v128 {
  return f32x4.add(
    f32x4.add(lane(q, k, dim), lane(q + 64, k + 512, dim)),
    f32x4.add(lane(q + 32, k + 256, dim), lane(q + 96, k + 768, dim)));
}

/** (q . k) scale of four positions. */
// @ts-ignore: decorator
@inline
function fourScores(q: usize, k: usize, dim: i32, scale: v128): v128 {
  return f32x4.mul(scale, f32x4.add(
    f32x4.add(quarter(q, k, dim), quarter(q + 16, k + 128, dim)),
    f32x4.add(quarter(q + 8, k + 64, dim), quarter(q + 24, k + 192, dim))));
}

// @ts-ignore: decorator
@inline
function tiles(q: usize, heads: i32, k: usize, count: i32, dim: i32, scale: v128, scores: usize, scoresBytes: usize): void {
  for (let tile = 0; tile < count; tile++, k += <usize>dim << 5, scores += 32) {
    for (let h = 0; h < heads; h++) {
      const query: usize = q + (<usize>(h * dim) << 2);
      const to: usize = scores + <usize>h * scoresBytes;
      v128.store(to, fourScores(query, k, dim, scale));
      v128.store(to, fourScores(query, k + 16, dim, scale), 16);
    }
  }
}

function tiles32(q: usize, heads: i32, k: usize, count: i32, scale: v128, scores: usize, bytes: usize): void { tiles(q, heads, k, count, 32, scale, scores, bytes); }
function tiles64(q: usize, heads: i32, k: usize, count: i32, scale: v128, scores: usize, bytes: usize): void { tiles(q, heads, k, count, 64, scale, scores, bytes); }
function tilesAny(q: usize, heads: i32, k: usize, count: i32, dim: i32, scale: v128, scores: usize, bytes: usize): void { tiles(q, heads, k, count, dim, scale, scores, bytes); }

/** Turns `count` scores (a multiple of 16; masked ones are -Infinity) into e = exp(s - max) and returns rcp of their sum by 16 lanes. */
function softmax(scores: usize, count: i32): v128 {
  let most: v128 = f32x4.splat(-Infinity);
  const end: usize = scores + (<usize>count << 2);
  for (let at = scores; at < end; at += 16) most = f32x4.max(most, v128.load(at));
  const max: v128 = f32x4.splat(Mathf.max(
    Mathf.max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)), Mathf.max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3))));
  let a: v128 = f32x4.splat(0), b: v128 = f32x4.splat(0), c: v128 = f32x4.splat(0), d: v128 = f32x4.splat(0);
  for (let at = scores; at < end; at += 64) {
    const e: v128 = exp(f32x4.sub(v128.load(at), max));
    v128.store(at, e);
    a = f32x4.add(a, e);
    const f: v128 = exp(f32x4.sub(v128.load(at, 16), max));
    v128.store(at, f, 16);
    b = f32x4.add(b, f);
    const g: v128 = exp(f32x4.sub(v128.load(at, 32), max));
    v128.store(at, g, 32);
    c = f32x4.add(c, g);
    const h: v128 = exp(f32x4.sub(v128.load(at, 48), max));
    v128.store(at, h, 48);
    d = f32x4.add(d, h);
  }
  return rcp(f32x4.splat(fold(a, b, c, d)));
}

/** total[0..32) += sum over `count` positions of e v, t from +0. v: 32 dimensions of rows of strideBytes. */
function blockOfValues(e: usize, v: usize, strideBytes: usize, count: i32, total: usize): void {
  let t0: v128 = f32x4.splat(0), t1: v128 = t0, t2: v128 = t0, t3: v128 = t0, t4: v128 = t0, t5: v128 = t0, t6: v128 = t0, t7: v128 = t0;
  for (let j = 0; j < count; j++, e += 4, v += strideBytes) {
    const w: v128 = v128.load32_splat(e);
    t0 = f32x4.add(t0, f32x4.mul(w, v128.load(v)));
    t1 = f32x4.add(t1, f32x4.mul(w, v128.load(v, 16)));
    t2 = f32x4.add(t2, f32x4.mul(w, v128.load(v, 32)));
    t3 = f32x4.add(t3, f32x4.mul(w, v128.load(v, 48)));
    t4 = f32x4.add(t4, f32x4.mul(w, v128.load(v, 64)));
    t5 = f32x4.add(t5, f32x4.mul(w, v128.load(v, 80)));
    t6 = f32x4.add(t6, f32x4.mul(w, v128.load(v, 96)));
    t7 = f32x4.add(t7, f32x4.mul(w, v128.load(v, 112)));
  }
  v128.store(total, f32x4.add(v128.load(total), t0));
  v128.store(total, f32x4.add(v128.load(total, 16), t1), 16);
  v128.store(total, f32x4.add(v128.load(total, 32), t2), 32);
  v128.store(total, f32x4.add(v128.load(total, 48), t3), 48);
  v128.store(total, f32x4.add(v128.load(total, 64), t4), 64);
  v128.store(total, f32x4.add(v128.load(total, 80), t5), 80);
  v128.store(total, f32x4.add(v128.load(total, 96), t6), 96);
  v128.store(total, f32x4.add(v128.load(total, 112), t7), 112);
}

/**
 * Each row attends to its sequence's positions max(0, own - window + 1) .. own (window 0: all).
 * scratch: ((group + 1) * dim + group * (capacity + 16)) * 4 bytes, group = heads / kvHeads.
 */
export function attend(
  layer: usize, capacity: i32, kvHeads: i32, headDim: i32, dim: i32, heads: i32, window: i32, scaleBy: f32,
  q: usize, rows: i32, strideBytes: usize, slots: usize, positions: usize, out: usize, scratch: usize,
): void {
  const perSequence = sequenceBytes(capacity, kvHeads, dim);
  const perHead = headBytes(capacity, dim);
  const group = heads / kvHeads;
  const queryBytes: usize = <usize>headDim << 2;
  const dimBytes: usize = <usize>dim << 2;
  const scale: v128 = f32x4.splat(scaleBy);
  const queries: usize = scratch;
  const totals: usize = queries + <usize>group * dimBytes;
  const scores: usize = totals + dimBytes;

  for (let r = 0; r < rows; r++, q += strideBytes, out += strideBytes) {
    const position = load<i32>(positions + (<usize>r << 2));
    const firstSeen = window > 0 ? max(0, position - window + 1) : 0;
    const base = firstSeen & ~15;
    const count = ((position - base) | 15) + 1;
    const scoresBytes: usize = <usize>count << 2;
    const tileCount = ((position - base) >> 3) + 1;

    for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
      const headAt: usize = sequenceAt(layer, slots, r, perSequence) + <usize>kvHead * perHead;
      const keys: usize = headAt + (<usize>base * dimBytes);
      const values: usize = headAt + keyBytes(capacity, dim);
      const columnBytes: usize = <usize>(kvHead * group) * queryBytes;
      memory.fill(queries, 0, <usize>group * dimBytes);
      for (let h = 0; h < group; h++) memory.copy(queries + <usize>h * dimBytes, q + columnBytes + <usize>h * queryBytes, queryBytes);

      if (dim == 32) tiles32(queries, group, keys, tileCount, scale, scores, scoresBytes);
      else if (dim == 64) tiles64(queries, group, keys, tileCount, scale, scores, scoresBytes);
      else tilesAny(queries, group, keys, tileCount, dim, scale, scores, scoresBytes);

      for (let h = 0; h < group; h++) {
        const e: usize = scores + <usize>h * scoresBytes;
        for (let j = base; j < firstSeen; j++) store<f32>(e + (<usize>(j - base) << 2), -Infinity);
        for (let j = position + 1; j < base + count; j++) store<f32>(e + (<usize>(j - base) << 2), -Infinity);
        const reciprocal = softmax(e, count);
        memory.fill(totals, 0, dimBytes);
        for (let from = firstSeen; from <= position; from = (from | 63) + 1) {
          const inBlock = min(position, from | 63) - from + 1;
          for (let d: usize = 0; d < dimBytes; d += 128) {
            blockOfValues(e + (<usize>(from - base) << 2), values + <usize>from * dimBytes + d, dimBytes, inBlock, totals + d);
          }
        }
        for (let d: usize = 0; d < dimBytes; d += 16) v128.store(totals + d, f32x4.mul(v128.load(totals + d), reciprocal));
        memory.copy(out + columnBytes + <usize>h * queryBytes, totals, queryBytes);
      }
    }
  }
}
