/**
 * The ops of kernels/ops.ts on one row, in the order that every engine keeps (docs/arithmetic.md). A row is one token;
 * it sees only itself and, in attention, the earlier positions of its own sequence.
 *
 * Rows lie at offsets of larger arrays: (values, at).
 */
import { dot, DOT_BLOCK, DOT_LANES, fold, rcp, rsqrt } from './arithmetic.ts';
import { exp } from './functions.ts';
import type { AttentionShape } from './ops.ts';

const { fround } = Math;

/** out = (x rsqrt(sum x^2 fl(1/K) + eps)) weight; the sum in dot order. */
export function rmsNormRow(out: Float32Array, x: Float32Array, at: number, weight: Float32Array, eps: number): void {
  const length = weight.length;
  const meanSquare = fround(dot(x, at, x, at, length) * fround(1 / length));
  const r = rsqrt(fround(meanSquare + fround(eps)));
  for (let k = 0; k < length; k++) out[at + k] = fround(fround(x[at + k]! * r) * weight[k]!);
}

/** rmsNormRow() of each run of weight.length of the `cols` columns. */
export function headNormRow(out: Float32Array, x: Float32Array, at: number, cols: number, weight: Float32Array, eps: number): void {
  for (let head = 0; head < cols; head += weight.length) rmsNormRow(out, x, at + head, weight, eps);
}

/** out = ((x - mean) rsqrt(sum (x - mean)^2 fl(1/K) + eps)) weight + bias; both sums in dot order (the first: x . ones). */
export function layerNormRow(out: Float32Array, x: Float32Array, at: number, weight: Float32Array, bias: Float32Array, eps: number): void {
  const length = weight.length;
  const perElement = fround(1 / length);
  const mean = fround(dot(new Float32Array(length).fill(1), 0, x, at, length) * perElement);
  for (let k = 0; k < length; k++) out[at + k] = fround(x[at + k]! - mean);
  const r = rsqrt(fround(fround(dot(out, at, out, at, length) * perElement) + fround(eps)));
  for (let k = 0; k < length; k++) out[at + k] = fround(fround(fround(out[at + k]! * r) * weight[k]!) + bias[k]!);
}

/**
 * Rotary embedding of one head in the "half" layout: (a, b) = (x[i], x[i + half]) turns to (a cos - b sin, b cos + a sin).
 * cos and sin begin at `tableAt`. Elements past 2 half stay.
 */
export function rotateHead(out: Float32Array, x: Float32Array, at: number, headDim: number, cos: Float32Array, sin: Float32Array, tableAt: number, half: number): void {
  for (let i = 0; i < half; i++) {
    const a = x[at + i]!;
    const b = x[at + half + i]!;
    const c = cos[tableAt + i]!;
    const s = sin[tableAt + i]!;
    out[at + i] = fround(fround(a * c) - fround(b * s));
    out[at + half + i] = fround(fround(b * c) + fround(a * s));
  }
  for (let i = 2 * half; i < headDim; i++) out[at + i] = x[at + i]!;
}

/** First position that a query at `position` sees. A window of w sees itself and w - 1 before. 0: no window. */
function firstVisible(position: number, window: number): number {
  return window > 0 ? Math.max(0, position - window + 1) : 0;
}

/**
 * Attention of one row over the keys and values of its own sequence, positions first..position, [positions][kvHeads][headDim]
 * from `cacheAt`. Two passes, no rescaling:
 *   s_j = (q . k_j) fl(1 / sqrt(headDim));  e_j = exp(s_j - max s);
 *   sum of e_j by 16 lanes, lane = j mod 16 (absolute position), then folded;
 *   out = (sum e_j v_j) rcp(sum), keys ascending in blocks of 64 absolute positions: t from +0, t += e v; out += t per block.
 */
export function attendRow(
  out: Float32Array, q: Float32Array, at: number, keys: Float32Array, values: Float32Array, cacheAt: number, position: number, shape: AttentionShape,
): void {
  const { heads, kvHeads, headDim } = shape;
  const group = heads / kvHeads;
  const stride = kvHeads * headDim;
  const scale = fround(1 / Math.sqrt(headDim));
  const first = firstVisible(position, shape.window);
  const e = new Float32Array(position + 1);
  const lanes = new Float32Array(DOT_LANES);
  const block = new Float32Array(headDim);
  const total = new Float32Array(headDim);

  for (let head = 0; head < heads; head++) {
    const queryAt = at + head * headDim;
    const headAt = cacheAt + Math.floor(head / group) * headDim;
    let max = -Infinity;
    for (let j = first; j <= position; j++) {
      const s = fround(dot(q, queryAt, keys, headAt + j * stride, headDim) * scale);
      e[j] = s;
      // A NaN must not be lost in a comparison: it reaches the output through e.
      if (s > max) max = s;
    }
    lanes.fill(0);
    for (let j = first; j <= position; j++) {
      e[j] = exp(fround(e[j]! - max));
      lanes[j % DOT_LANES] = fround(lanes[j % DOT_LANES]! + e[j]!);
    }
    const r = rcp(fold(lanes));

    total.fill(0);
    for (let from = first - (first % DOT_BLOCK); from <= position; from += DOT_BLOCK) {
      block.fill(0);
      for (let j = Math.max(from, first); j < from + DOT_BLOCK && j <= position; j++) {
        const valueAt = headAt + j * stride;
        const weight = e[j]!;
        for (let d = 0; d < headDim; d++) block[d] = fround(block[d]! + fround(weight * values[valueAt + d]!));
      }
      for (let d = 0; d < headDim; d++) total[d] = fround(total[d]! + block[d]!);
    }
    for (let d = 0; d < headDim; d++) out[queryAt + d] = fround(total[d]! * r);
  }
}
