/**
 * The product of LLM.int8() (docs/formats.md, kernels/int8-rows.ts): activations quantized row by row, an integer product, and
 * the outlier columns of each row in fp32.
 *
 * Packed codes are [panel of 4 outputs][eight columns][output in panel][8]; missing outputs and columns are 0.
 */
import { BLOCK } from './layout';

/** Largest magnitude but one that rounds to a finite fp16 is below 65520, which is this in fp32. */
const BEYOND_FP16: i32 = 0x477ff000;
/** Smallest normal fp16, 2^-14. */
const NORMAL_FP16: i32 = 0x38800000;
/** 1/127 and 1/127^2 as bitsandbytes spells them. */
const ONE_127TH: f32 = 7.874015718698502e-3;
const ONE_127TH_SQUARED: f32 = 6.200124e-5;

// @ts-ignore: decorator
@inline
function codeAt(packed: usize, o: i32, k: i32, blocks: i32): usize {
  return packed + (((<usize>(o >> 2) * (<usize>blocks << 3) + (k >> 3)) << 5) + ((o & 3) << 3) + (k & 7));
}

/** Packs rows [first, first + rows) of codes from natural rows without padding. The target must be 0. */
export function packCodes(codes: usize, first: i32, rows: i32, columns: i32, blocks: i32, packed: usize): void {
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < columns; k++) store<i8>(codeAt(packed, first + r, k, blocks), load<i8>(codes++));
  }
}

/** |x| rounded to fp16 (nearest, halves to even) for |x| < 65520. Adding 0.5 leaves units of 2^-24, those of fp16's denormals. */
// @ts-ignore: decorator
@inline
function toFp16(magnitude: v128): v128 {
  const last: v128 = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1));
  const normal: v128 = v128.and(i32x4.add(magnitude, i32x4.add(last, i32x4.splat(0xfff))), i32x4.splat(~0x1fff));
  const denormal: v128 = f32x4.sub(f32x4.add(magnitude, f32x4.splat(0.5)), f32x4.splat(0.5));
  return v128.bitselect(denormal, normal, i32x4.lt_s(magnitude, i32x4.splat(NORMAL_FP16)));
}

/**
 * For each natural row: codes (16-bit, 0 in outlier columns), scale (largest magnitude of the rest), number of outliers (fp16
 * magnitudes of `threshold` or more). Returns how many values of the first row that has any are beyond fp16, or 0.
 * scratch: one row.
 */
export function quantizeRows(x: usize, rows: i32, blocks: i32, threshold: f32, codes: usize, scales: usize, outliers: usize, scratch: usize): i32 {
  const bytes: usize = <usize>blocks << 8;
  const signBit: v128 = i32x4.splat(0x80000000);
  const limit: v128 = f32x4.splat(threshold);
  for (let r = 0; r < rows; r++, x += bytes, scales += 4, outliers += 4) {
    let largest: v128 = f32x4.splat(0);
    let beyond: v128 = i32x4.splat(0), outside: v128 = i32x4.splat(0);
    for (let i: usize = 0; i < bytes; i += 16) {
      const value: v128 = v128.load(x + i);
      const magnitude: v128 = v128.andnot(value, signBit);
      beyond = i32x4.sub(beyond, i32x4.ge_s(magnitude, i32x4.splat(BEYOND_FP16)));
      const rounded: v128 = toFp16(magnitude);
      const isOutlier: v128 = f32x4.ge(rounded, limit);
      outside = i32x4.sub(outside, isOutlier);
      const rest: v128 = v128.andnot(rounded, isOutlier);
      largest = f32x4.max(largest, rest);
      v128.store(scratch + i, v128.or(rest, v128.and(value, signBit)));
    }
    const tooLarge = sumOf(beyond);
    if (tooLarge) return tooLarge;
    const scale: f32 = Mathf.max(
      Mathf.max(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1)), Mathf.max(f32x4.extract_lane(largest, 2), f32x4.extract_lane(largest, 3)));
    store<f32>(scales, scale);
    store<i32>(outliers, sumOf(outside));
    const factor: v128 = f32x4.splat(scale == 0 ? 0 : <f32>127 * (<f32>1 / scale));
    for (let i: usize = 0; i < bytes; i += 32, codes += 16) {
      const low: v128 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(scratch + i), factor)));
      const high: v128 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(scratch + i, 16), factor)));
      v128.store(codes, i16x8.narrow_i32x4_s(low, high));
    }
  }
  return 0;
}

// @ts-ignore: decorator
@inline
function sumOf(v: v128): i32 { return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3); }

/** Sums of the lanes of four vectors. */
// @ts-ignore: decorator
@inline
function sumsOf(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab: v128 = i32x4.add(v128.shuffle<i32>(a, b, 0, 1, 4, 5), v128.shuffle<i32>(a, b, 2, 3, 6, 7));
  const cd: v128 = i32x4.add(v128.shuffle<i32>(c, d, 0, 1, 4, 5), v128.shuffle<i32>(c, d, 2, 3, 6, 7));
  return i32x4.add(v128.shuffle<i32>(ab, cd, 0, 2, 4, 6), v128.shuffle<i32>(ab, cd, 1, 3, 5, 7));
}

/** out[r, o] = fl(sum of codes) (rowScale weightScale) / 127^2 (+ bias); the outlier columns are still to come. */
export function int8Linear(
  w: usize, weightScales: usize, panels: i32, codes: usize, rowScales: usize, rows: i32, blocks: i32, bias: usize, out: usize, outStride: usize,
): void {
  const rowBytes: usize = <usize>blocks << 7;
  const panelBytes: usize = <usize>blocks << 8;
  for (let p = 0; p < panels; p++, w += panelBytes, weightScales += 16, out += 16) {
    const scales: v128 = v128.load(weightScales);
    for (let r = 0; r < rows; r++) {
      let a: v128 = i32x4.splat(0), b: v128 = a, c: v128 = a, d: v128 = a;
      const end: usize = w + panelBytes;
      let x: usize = codes + <usize>r * rowBytes;
      for (let at = w; at < end; at += 32, x += 16) {
        const v: v128 = v128.load(x);
        a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load8x8_s(at), v));
        b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load8x8_s(at, 8), v));
        c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load8x8_s(at, 16), v));
        d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load8x8_s(at, 24), v));
      }
      const scale: v128 = f32x4.mul(v128.load32_splat(rowScales + (<usize>r << 2)), scales);
      let y: v128 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(sumsOf(a, b, c, d)), scale), f32x4.splat(ONE_127TH_SQUARED));
      if (bias) y = f32x4.add(y, v128.load(bias + (<usize>p << 4)));
      v128.store(out + <usize>r * outStride, y);
    }
  }
}

/** Codes of column k of a panel's four outputs. */
// @ts-ignore: decorator
@inline
function codesOf(panel: usize, k: i32): v128 {
  const at: usize = panel + (<usize>(k >> 3) << 5) + (k & 7);
  let codes: v128 = i32x4.splat(load<i8>(at));
  codes = i32x4.replace_lane(codes, 1, load<i8>(at, 8));
  codes = i32x4.replace_lane(codes, 2, load<i8>(at, 16));
  return i32x4.replace_lane(codes, 3, load<i8>(at, 24));
}

/** t += w x over outliers [from, to) of at most one block: four outputs wide, lane by lane in ascending order. t: 16 vectors of +0. */
function outlierBlock(panel: usize, scales: v128, columns: usize, values: usize, from: i32, to: i32, t: usize): void {
  for (let j = from; j < to; j++) {
    const lane: usize = t + (<usize>((j & 31) >> 1) << 4);
    const codes: v128 = f32x4.convert_i32x4_s(codesOf(panel, load<i32>(columns + (<usize>j << 2))));
    const w: v128 = f32x4.mul(f32x4.mul(codes, scales), f32x4.splat(ONE_127TH));
    v128.store(lane, f32x4.add(v128.load(lane), f32x4.mul(w, v128.load32_splat(values + (<usize>j << 2)))));
  }
}

/**
 * out[r, o] += dot(x[r, columns], codes[o, columns] weightScale / 127) over the outlier columns of r, ascending, for rows that have
 * any. scratch: two rows and 512 bytes.
 */
export function addOutliers(
  w: usize, weightScales: usize, panels: i32, x: usize, rows: i32, blocks: i32, threshold: f32, outliers: usize, out: usize, outStride: usize, scratch: usize,
): void {
  const bytes: usize = <usize>blocks << 8;
  const t: usize = scratch, acc: usize = scratch + 256, values: usize = scratch + 512, columns: usize = values + bytes;
  for (let r = 0; r < rows; r++, x += bytes, out += outStride) {
    const count = load<i32>(outliers + (<usize>r << 2));
    if (count == 0) continue;
    let found = 0;
    for (let k = 0; found < count; k++) {
      const value: f32 = load<f32>(x + (<usize>k << 2));
      if (f32x4.extract_lane(toFp16(f32x4.splat(Mathf.abs(value))), 0) < threshold) continue;
      store<f32>(values + (<usize>found << 2), value);
      store<i32>(columns + (<usize>found << 2), k);
      found++;
    }
    for (let p = 0; p < panels; p++) {
      const panel: usize = w + <usize>p * bytes;
      const scales: v128 = v128.load(weightScales + (<usize>p << 4));
      memory.fill(scratch, 0, 512);
      for (let from = 0; from < count; from += BLOCK) {
        outlierBlock(panel, scales, columns, values, from, min(count, from + BLOCK), t);
        if (count <= BLOCK) break;
        for (let i: usize = 0; i < 256; i += 16) {
          v128.store(acc + i, f32x4.add(v128.load(acc + i), v128.load(t + i)));
          v128.store(t + i, f32x4.splat(0));
        }
      }
      const place: usize = out + (<usize>p << 4);
      v128.store(place, f32x4.add(v128.load(place), foldLanes(count <= BLOCK ? t : acc)));
    }
  }
}

/** Folds sixteen vectors of four outputs. */
function foldLanes(lanes: usize): v128 {
  for (let half: usize = 128; half >= 16; half >>= 1) {
    for (let i: usize = 0; i < half; i += 16) v128.store(lanes + i, f32x4.add(v128.load(lanes + i), v128.load(lanes + i + half)));
  }
  return v128.load(lanes);
}

/** Dequantized rows of codes that `tokens` names, padded, for an embedding table that is int8. */
export function embedCodes(w: usize, weightScales: usize, tokens: usize, rows: i32, blocks: i32, out: usize): void {
  for (let r = 0; r < rows; r++) {
    const o = load<i32>(tokens + (<usize>r << 2));
    const scale: f32 = load<f32>(weightScales + (<usize>o << 2));
    for (let k = 0; k < blocks << 6; k++, out += 4) store<f32>(out, <f32>load<i8>(codeAt(w, o, k, blocks)) * scale * ONE_127TH);
  }
}
