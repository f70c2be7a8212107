/**
 * How rows and weights lie in memory.
 *
 * The dot product of docs/arithmetic.md runs over blocks of 64, in which lane i (0..15) takes k = 2i, 2i+1, 32+2i, 33+2i.
 * Four lanes make one v128, so there are four lane groups g (lanes 4g..4g+3) and four steps s:
 *   step 0: k = 8g + 0 2 4 6    step 1: k = 8g + 1 3 5 7    step 2: 32 + step 0    step 3: 32 + step 1
 *
 * Activation rows lie in natural order, padded with +0 to `stride` = 64 * blocks elements.
 * A packed row is the same numbers as [g][block][s][4], so that a lane group is one stream of v128 loads.
 * A packed weight is [panel of 4 outputs][g][block][s][output in panel][4]; missing outputs and columns are +0. Its elements are
 * 32, 16 or 4 bits wide (decode.ts).
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

/** Number, within a packed weight, of the first of the four elements at output `o`, lane group, block, step 0; a step further is 16 more. */
// @ts-ignore: decorator
@inline
function packedAt(o: i32, group: i32, block: i32, blocks: i32): usize {
  return (((<usize>(o >> 2) * 4 + group) * blocks + block) << 6) + ((o & 3) << 2);
}

/** Stores one lane group of a natural block: four vectors, `apart` bytes from one step to the next. */
// @ts-ignore: decorator
@inline
function packGroup(from: usize, to: usize, apart: usize): void {
  const a: v128 = v128.load(from), b: v128 = v128.load(from, 16);
  const c: v128 = v128.load(from, 128), d: v128 = v128.load(from, 144);
  v128.store(to, even(a, b));
  v128.store(to + apart, odd(a, b));
  v128.store(to + 2 * apart, even(c, d));
  v128.store(to + 3 * apart, odd(c, d));
}

/** Packs `rows` natural rows of `blocks` blocks. */
export function packRows(x: usize, rows: i32, blocks: i32, packed: usize): void {
  const groupBytes: usize = <usize>blocks << 6;
  for (let r = 0; r < rows; r++, packed += rowBytes(blocks)) {
    for (let b = 0; b < blocks; b++, x += 256) {
      for (let g = 0; g < 4; g++) packGroup(x + (<usize>g << 5), packed + <usize>g * groupBytes + (<usize>b << 6), 16);
    }
  }
}

/** Packs natural rows as outputs [first, first + rows) of a weight. */
export function packWeight(x: usize, first: i32, rows: i32, blocks: i32, packed: usize): void {
  for (let o = first; o < first + rows; o++) {
    for (let b = 0; b < blocks; b++, x += 256) {
      for (let g = 0; g < 4; g++) packGroup(x + (<usize>g << 5), packed + (packedAt(o, g, b, blocks) << 2), 64);
    }
  }
}

/** The same for elements of 16 bits. */
export function packHalves(x: usize, first: i32, rows: i32, blocks: i32, packed: usize): void {
  for (let o = first; o < first + rows; o++) {
    for (let b = 0; b < blocks; b++, x += 128) {
      for (let g = 0; g < 4; g++) {
        const to: usize = packed + (packedAt(o, g, b, blocks) << 1);
        for (let half: usize = 0; half < 2; half++) {
          const eight: v128 = v128.load(x + (half << 6) + (<usize>g << 4));
          v128.store64_lane(to + (half << 6), v128.shuffle<i16>(eight, eight, 0, 2, 4, 6, 0, 2, 4, 6), 0);
          v128.store64_lane(to + (half << 6), v128.shuffle<i16>(eight, eight, 1, 3, 5, 7, 1, 3, 5, 7), 0, 32);
        }
      }
    }
  }
}

/** The same for codes of 4 bits: natural rows of whole blocks, two codes a byte, the even column in the high half. Packed, lanes 0 and 2 lie in the high half. */
export function packCodes4(x: usize, first: i32, rows: i32, blocks: i32, packed: usize): void {
  for (let o = first; o < first + rows; o++) {
    for (let b = 0; b < blocks; b++, x += 32) {
      for (let g = 0; g < 4; g++) {
        // A byte holds steps 0 and 1 (or 2 and 3) of one lane.
        const to: usize = packed + (packedAt(o, g, b, blocks) >> 1);
        for (let half: usize = 0; half < 2; half++) {
          const from: usize = x + (half << 4) + (<usize>g << 2);
          for (let pair: usize = 0; pair < 2; pair++) {
            const a: u32 = load<u8>(from + 2 * pair), c: u32 = load<u8>(from + 2 * pair, 1);
            store<u8>(to + (half << 4) + pair, (a & 0xf0) | (c >> 4));
            store<u8>(to + (half << 4) + pair, (a << 4) | (c & 0x0f), 8);
          }
        }
      }
    }
  }
}

/** Writes output `o` (0..3) of a panel of fp32 in natural order. */
export function unpackOutput(panel: usize, o: i32, blocks: i32, out: usize): void {
  for (let b = 0; b < blocks; b++, out += 256) {
    for (let g = 0; g < 4; g++) {
      const from: usize = panel + (packedAt(o, g, b, blocks) << 2);
      const a: v128 = v128.load(from), c: v128 = v128.load(from, 64);
      const d: v128 = v128.load(from, 128), e: v128 = v128.load(from, 192);
      const at: usize = out + (<usize>g << 5);
      v128.store(at, v128.shuffle<f32>(a, c, 0, 4, 1, 5));
      v128.store(at, v128.shuffle<f32>(a, c, 2, 6, 3, 7), 16);
      v128.store(at, v128.shuffle<f32>(d, e, 0, 4, 1, 5), 128);
      v128.store(at, v128.shuffle<f32>(d, e, 2, 6, 3, 7), 144);
    }
  }
}
