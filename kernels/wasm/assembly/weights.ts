/**
 * A weight is 16 words in memory, written by the host when it loads one; a program names it by their address. Panels of weights that are
 * narrower than fp32 are decoded where the thread that multiplies keeps its scratch, once for all rows; for one row, see one-row.ts.
 */
import { rowBytes } from './layout';

/** What the elements are. */
export const FP32: i32 = 1;
export const FP16: i32 = 2;
export const BF16: i32 = 3;
/** 4-bit codes of a table, and a scale for each block of 64 of each output. */
export const TABLE4: i32 = 4;
/** 8-bit codes and a scale for each output (int8.ts). */
export const INT8: i32 = 5;

// @ts-ignore: decorator
@inline
export function kindOf(weight: usize): i32 { return load<i32>(weight); }
// @ts-ignore: decorator
@inline
export function outFeaturesOf(weight: usize): i32 { return load<i32>(weight, 4); }
// @ts-ignore: decorator
@inline
export function blocksOf(weight: usize): i32 { return load<i32>(weight, 8); }
// @ts-ignore: decorator
@inline
export function panelsOf(weight: usize): i32 { return (outFeaturesOf(weight) + 3) >> 2; }
/** The packed elements. */
// @ts-ignore: decorator
@inline
export function elementsOf(weight: usize): usize { return load<usize>(weight, 12); }
/** TABLE4: [panel][block][output] fp32. INT8: [output] fp32. */
// @ts-ignore: decorator
@inline
export function scalesOf(weight: usize): usize { return load<usize>(weight, 16); }
/** TABLE4: the two values, fp32, of each of the 256 pairs of codes. */
// @ts-ignore: decorator
@inline
export function pairsOf(weight: usize): usize { return load<usize>(weight, 20); }

/**
 * Finite fp16 below 2^7 in magnitude, as bits, with their exponents moved by 10: then no number but 0 has exponent 0, and to shift one into place
 * and multiply by 2^102 is exact. (With fp16's own denormals it would be too, but processors are slow with them.) In place; `bytes` is a
 * multiple of 16.
 */
export function moveExponents(at: usize, bytes: usize): void {
  for (const end: usize = at + bytes; at < end; at += 2) {
    const half: u32 = load<u16>(at), sign: u32 = half & 0x8000;
    let magnitude: u32 = half & 0x7fff;
    if (magnitude >= 0x400) magnitude += 10 << 10;
    else if (magnitude) {
      // The leading one goes to bit 10; every place that it moves takes one off the exponent.
      const drop = clz<u32>(magnitude) - 21;
      magnitude = ((magnitude << drop) & 0x3ff) | ((11 - drop) << 10);
    }
    store<u16>(at, sign | magnitude);
  }
}

/** `count` of these (a multiple of 8) as fp32. */
export function widenFp16(from: usize, count: i32, to: usize): void {
  const places: v128 = v128.load32_splat(PLACES), factor: v128 = v128.load32_splat(PLACES, 4);
  for (const end: usize = to + (<usize>count << 2); to < end; from += 16, to += 32) {
    v128.store(to, f32x4.mul(v128.and(i32x4.shl(v128.load16x4_s(from), 13), places), factor));
    v128.store(to, f32x4.mul(v128.and(i32x4.shl(v128.load16x4_s(from, 8), 13), places), factor), 16);
  }
}
/** Sign, exponent and mantissa of a shifted half; 2^102. */
export const PLACES: usize = memory.data<u32>([0x8fffe000, 0x72800000]);

/** `count` bf16 (a multiple of 8) as fp32. */
export function widenBf16(from: usize, count: i32, to: usize): void {
  for (const end: usize = to + (<usize>count << 2); to < end; from += 16, to += 32) {
    v128.store(to, i32x4.shl(v128.load16x4_u(from), 16));
    v128.store(to, i32x4.shl(v128.load16x4_u(from, 8), 16), 16);
  }
}

/** The values of four codes, two a byte, times their scale. */
// @ts-ignore: decorator
@inline
export function fourOf(first: u32, second: u32, pairs: usize, scale: v128): v128 {
  return f32x4.mul(v128.load64_lane(pairs + (<usize>second << 3), v128.load64_zero(pairs + (<usize>first << 3)), 1), scale);
}

/** A panel of 4-bit codes as fp32. */
export function decodeTable4(codes: usize, scales: usize, pairs: usize, blocks: i32, to: usize): void {
  for (let g = 0; g < 4; g++) {
    let scale: usize = scales;
    for (let b = 0; b < blocks; b++, scale += 16) {
      const s0: v128 = v128.load32_splat(scale), s1: v128 = v128.load32_splat(scale, 4);
      const s2: v128 = v128.load32_splat(scale, 8), s3: v128 = v128.load32_splat(scale, 12);
      for (let s = 0; s < 4; s++, codes += 8, to += 64) {
        v128.store(to, fourOf(load<u8>(codes), load<u8>(codes, 1), pairs, s0));
        v128.store(to, fourOf(load<u8>(codes, 2), load<u8>(codes, 3), pairs, s1), 16);
        v128.store(to, fourOf(load<u8>(codes, 4), load<u8>(codes, 5), pairs, s2), 32);
        v128.store(to, fourOf(load<u8>(codes, 6), load<u8>(codes, 7), pairs, s3), 48);
      }
    }
  }
}

/** Panel p of a weight that is not INT8, as fp32: where it lies, or decoded into `scratch` (a panel's bytes). */
export function panelOf(weight: usize, p: i32, scratch: usize): usize {
  const kind = kindOf(weight), blocks = blocksOf(weight), elements = elementsOf(weight);
  const panelBytes = rowBytes(blocks) << 2;
  if (kind == FP32) return elements + <usize>p * panelBytes;
  if (kind == FP16) widenFp16(elements + <usize>p * (panelBytes >> 1), blocks << 8, scratch);
  else if (kind == BF16) widenBf16(elements + <usize>p * (panelBytes >> 1), blocks << 8, scratch);
  else decodeTable4(elements + <usize>p * (panelBytes >> 3), scalesOf(weight) + <usize>p * (<usize>blocks << 4), pairsOf(weight), blocks, scratch);
  return scratch;
}
