/**
 * The product with weights: the hot loop of the engine.
 *
 * Replaces, for each row and output:
 *   acc[0..15] = 0; for each block, lane i: t = w*x; t += w*x (three times more, k as in layout.ts); acc[i] += t
 *   fold h = 8, 4, 2, 1: acc[i] += acc[i + h];  out = acc[0] (+ bias) (+ residual)
 *
 * One row meets one panel of four outputs: four accumulators, five loads for four multiplications. Wider tiles were
 * not faster (x64: 15 to 17 G multiply-adds/s for all shapes from 1 x 4 to 4 x 4), and one row at a time makes
 * "a row never depends on its neighbours" plain to see.
 */
import { rowBytes } from './layout';
import { blocksOf, FP32, kindOf, panelOf } from './weights';

/** Rows that meet a panel before the next panel is taken, in bytes of packed rows: few enough that the lines they write stay in the first-level cache. */
const ROWS_AT_ONCE: usize = 64 << 10;
/** The same where each panel is decoded first: as many as the second-level cache of any processor holds. */
const ROWS_PER_DECODING: usize = 256 << 10;

/**
 * The accumulators of one row against a panel, [lane group][output][4], into `acc`. Exported only so that the optimizer keeps
 * it a function: inlined into linear(), V8 runs out of registers for addresses, and 16 G multiply-adds/s become 11.
 */
export function accumulate(w: usize, x: usize, blocks: i32, acc: usize): void {
  for (let g = 0; g < 4; g++, acc += 64) {
    let a0: v128 = f32x4.splat(0), a1: v128 = f32x4.splat(0), a2: v128 = f32x4.splat(0), a3: v128 = f32x4.splat(0);
    for (let b = 0; b < blocks; b++, w += 256, x += 64) {
      const v0: v128 = v128.load(x);
      let t0: v128 = f32x4.mul(v128.load(w), v0);
      let t1: v128 = f32x4.mul(v128.load(w, 16), v0);
      let t2: v128 = f32x4.mul(v128.load(w, 32), v0);
      let t3: v128 = f32x4.mul(v128.load(w, 48), v0);
      const v1: v128 = v128.load(x, 16);
      t0 = f32x4.add(t0, f32x4.mul(v128.load(w, 64), v1));
      t1 = f32x4.add(t1, f32x4.mul(v128.load(w, 80), v1));
      t2 = f32x4.add(t2, f32x4.mul(v128.load(w, 96), v1));
      t3 = f32x4.add(t3, f32x4.mul(v128.load(w, 112), v1));
      const v2: v128 = v128.load(x, 32);
      t0 = f32x4.add(t0, f32x4.mul(v128.load(w, 128), v2));
      t1 = f32x4.add(t1, f32x4.mul(v128.load(w, 144), v2));
      t2 = f32x4.add(t2, f32x4.mul(v128.load(w, 160), v2));
      t3 = f32x4.add(t3, f32x4.mul(v128.load(w, 176), v2));
      const v3: v128 = v128.load(x, 48);
      t0 = f32x4.add(t0, f32x4.mul(v128.load(w, 192), v3));
      t1 = f32x4.add(t1, f32x4.mul(v128.load(w, 208), v3));
      t2 = f32x4.add(t2, f32x4.mul(v128.load(w, 224), v3));
      t3 = f32x4.add(t3, f32x4.mul(v128.load(w, 240), v3));
      a0 = f32x4.add(a0, t0);
      a1 = f32x4.add(a1, t1);
      a2 = f32x4.add(a2, t2);
      a3 = f32x4.add(a3, t3);
    }
    v128.store(acc, a0);
    v128.store(acc, a1, 16);
    v128.store(acc, a2, 32);
    v128.store(acc, a3, 48);
  }
}

/** Lane groups g and g + 2, then both halves: the folds 8 and 4 of output c. */
// @ts-ignore: decorator
@inline
function foldGroups(acc: usize, c: usize): v128 {
  return f32x4.add(
    f32x4.add(v128.load(acc + (c << 4)), v128.load(acc + (c << 4), 128)),
    f32x4.add(v128.load(acc + (c << 4), 64), v128.load(acc + (c << 4), 192)));
}

/** Folds the accumulators of a panel to its four sums: folds 8 and 4 over the lane groups, 2 and 1 within them, all outputs at once. */
// @ts-ignore: decorator
@inline
export function foldPanel(acc: usize): v128 {
  const a: v128 = foldGroups(acc, 0), b: v128 = foldGroups(acc, 1), c: v128 = foldGroups(acc, 2), d: v128 = foldGroups(acc, 3);
  const ab: v128 = f32x4.add(v128.shuffle<f32>(a, b, 0, 1, 4, 5), v128.shuffle<f32>(a, b, 2, 3, 6, 7));
  const cd: v128 = f32x4.add(v128.shuffle<f32>(c, d, 0, 1, 4, 5), v128.shuffle<f32>(c, d, 2, 3, 6, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 2, 4, 6), v128.shuffle<f32>(ab, cd, 1, 3, 5, 7));
}

/**
 * Panels [from, to) of out[r, o] = dot(x[r], w[o]) (+ bias[o]) (+ residual[r, o]).
 * x: packed rows; out and residual are natural rows of outStride bytes; bias and residual 0: none; scratch: 256 bytes and a panel.
 */
export function linear(
  weight: usize, from: i32, to: i32, x: usize, rows: i32, bias: usize, residual: usize, out: usize, outStride: usize, scratch: usize,
): void {
  const blocks = blocksOf(weight);
  const xBytes = rowBytes(blocks);
  const rowsAtOnce: i32 = max(1, <i32>((kindOf(weight) == FP32 ? ROWS_AT_ONCE : ROWS_PER_DECODING) / xBytes));
  for (let first = 0; first < rows; first += rowsAtOnce) {
    const end = min(rows, first + rowsAtOnce);
    for (let p = from; p < to; p++) {
      const panel = panelOf(weight, p, scratch + 256);
      for (let r = first; r < end; r++) {
        accumulate(panel, x + <usize>r * xBytes, blocks, scratch);
        let y: v128 = foldPanel(scratch);
        const place: usize = <usize>r * outStride + (<usize>p << 4);
        if (bias) y = f32x4.add(y, v128.load(bias + (<usize>p << 4)));
        if (residual) y = f32x4.add(y, v128.load(residual + place));
        v128.store(out + place, y);
      }
    }
  }
}
