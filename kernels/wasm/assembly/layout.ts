/**
 * How rows and weights lie in memory.
 *
 * The dot product of docs/arithmetic.md runs over blocks of 64, in which lane i (0..15) takes k = 2i, 2i+1, 32+2i, 33+2i.
 * Four lanes make one v128, so there are four lane groups g (lanes 4g..4g+3) and four steps s:
 *   step 0: k = 8g + 0 2 4 6    step 1: k = 8g + 1 3 5 7    step 2: 32 + step 0    step 3: 32 + step 1
 *
 * Activation rows lie in natural order, padded with +0 to `stride` = 64 * blocks elements.
 * A packed row is the same numbers as [g][block][s][4], so that a lane group is one stream of v128 loads.
 * A packed weight is [panel of 4 outputs][g][block][s][output in panel][4]; missing outputs and columns are +0.
 */

/** Elements of a block. */
export const BLOCK: i32 = 64;

/** Bytes of a row of `blocks` blocks. */
// @ts-ignore: decorator
@inline
export function rowBytes(blocks: i32): usize { return <usize>blocks << 8; }

/** Numbers 0 2 4 6 of the eight that lie in a and b. */
// @ts-ignore: decorator
@inline
export function even(a: v128, b: v128): v128 { return v128.shuffle<f32>(a, b, 0, 2, 4, 6); }

/** Numbers 1 3 5 7 of the eight that lie in a and b. */
// @ts-ignore: decorator
@inline
export function odd(a: v128, b: v128): v128 { return v128.shuffle<f32>(a, b, 1, 3, 5, 7); }

/** Packs `rows` natural rows of `blocks` blocks. */
export function packRows(x: usize, rows: i32, blocks: i32, packed: usize): void {
  const group: usize = <usize>blocks << 6;
  for (let r = 0; r < rows; r++) {
    let to: usize = packed + <usize>r * rowBytes(blocks);
    for (let b = 0; b < blocks; b++) {
      for (let g = 0; g < 4; g++) {
        const from: usize = x + (<usize>g << 5);
        const a: v128 = v128.load(from), c: v128 = v128.load(from, 16);
        const d: v128 = v128.load(from, 128), e: v128 = v128.load(from, 144);
        const at: usize = to + <usize>g * group;
        v128.store(at, even(a, c));
        v128.store(at, odd(a, c), 16);
        v128.store(at, even(d, e), 32);
        v128.store(at, odd(d, e), 48);
      }
      x += 256;
      to += 64;
    }
  }
}

/** Byte offset, within the packed weight, of the four numbers that start at output `o`, lane group g, block, step. */
// @ts-ignore: decorator
@inline
function packedAt(o: i32, g: i32, block: i32, step: i32, blocks: i32): usize {
  return ((((<usize>(o >> 2) * 4 + g) * blocks + block) * 4 + step) * 4 + (o & 3)) << 4;
}

/** Packs rows [first, first + rows) of a weight from natural rows of `columns` elements without padding. The target must be +0. */
export function packWeight(values: usize, first: i32, rows: i32, columns: i32, blocks: i32, packed: usize): void {
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < columns; k++) {
      const half = k & 31;
      const lane = half >> 1;
      const step = ((k >> 5) & 1) << 1 | (half & 1);
      const at = packedAt(first + r, lane >> 2, k >> 6, step, blocks) + ((lane & 3) << 2);
      store<f32>(packed + at, load<f32>(values));
      values += 4;
    }
  }
}

/** Writes the rows of a packed weight that `tokens` names, in natural order, padded. */
export function embed(packed: usize, tokens: usize, rows: i32, blocks: i32, out: usize): void {
  for (let r = 0; r < rows; r++) {
    const o = load<i32>(tokens + (<usize>r << 2));
    for (let b = 0; b < blocks; b++) {
      for (let g = 0; g < 4; g++) {
        const from: usize = packed + packedAt(o, g, b, 0, blocks);
        const a: v128 = v128.load(from), c: v128 = v128.load(from, 64);
        const d: v128 = v128.load(from, 128), e: v128 = v128.load(from, 192);
        const at: usize = out + (<usize>g << 5);
        v128.store(at, v128.shuffle<f32>(a, c, 0, 4, 1, 5));
        v128.store(at, v128.shuffle<f32>(a, c, 2, 6, 3, 7), 16);
        v128.store(at, v128.shuffle<f32>(d, e, 0, 4, 1, 5), 128);
        v128.store(at, v128.shuffle<f32>(d, e, 2, 6, 3, 7), 144);
      }
      out += 256;
    }
  }
}
