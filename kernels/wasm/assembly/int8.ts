/**
 * The product of LLM.int8() (docs/formats.md, kernels/int8-rows.ts): activations quantized row by row, an integer product, and
 * the outlier columns of each row in fp32.
 *
 * Packed codes are [panel of 4 outputs][eight columns][output in panel][8]; missing outputs and columns are 0.
 */
import { BLOCK } from './layout';
import { blocksOf, elementsOf, scalesOf } from './weights';

/** Largest magnitude but one that rounds to a finite fp16 is below 65520, which is this in fp32. */
const BEYOND_FP16: i32 = 0x477ff000;
/** Activations of this magnitude or more are outliers. */
const THRESHOLD: f32 = 6;
/** 1/127 and 1/127^2 as bitsandbytes spells them. */
const ONE_127TH: f32 = 7.874015718698502e-3;
const ONE_127TH_SQUARED: f32 = 6.200124e-5;

/** Packs padded natural rows of codes as outputs [first, first + rows). */
export function packCodes(codes: usize, first: i32, rows: i32, blocks: i32, packed: usize): void {
  for (let o = first; o < first + rows; o++) {
    let to: usize = packed + ((<usize>(o >> 2) * blocks) << 8) + ((o & 3) << 3);
    for (const end: usize = codes + (<usize>blocks << 6); codes < end; codes += 8, to += 32) store<u64>(to, load<u64>(codes));
  }
}

/** Constants of loops, for the reason told at functions.ts: 2^-14, 0xfff, ~0x1fff, 1/2, 1.5 2^23 (as number, and as the integer it is for 0). */
const CONSTANTS: usize = memory.data<u32>([0x38800000, 0xfff, 0xffffe000, 0x3f000000, 0x4b400000]);

// @ts-ignore: decorator
@inline
function constant(place: usize): v128 { return v128.load32_splat(CONSTANTS + (place << 2)); }

/** |x| rounded to fp16 (nearest, halves to even) for |x| < 65520. Adding 0.5 leaves units of 2^-24, those of fp16's denormals. */
// @ts-ignore: decorator
@inline
function toFp16(magnitude: v128): v128 {
  const last: v128 = i32x4.shr_u(i32x4.shl(magnitude, 18), 31);
  const normal: v128 = v128.and(i32x4.add(magnitude, i32x4.add(last, constant(1))), constant(2));
  const denormal: v128 = f32x4.sub(f32x4.add(magnitude, constant(3)), constant(3));
  return v128.bitselect(denormal, normal, i32x4.lt_s(magnitude, constant(0)));
}

/** x rounded to an integer, halves to even, |x| < 2^22: adding 1.5 2^23 leaves whole numbers in the low bits. */
// @ts-ignore: decorator
@inline
function rounded(x: v128): v128 { return i32x4.sub(f32x4.add(x, constant(4)), constant(4)); }

/** Bytes of one quantized row: 64 of scale and counts, codes (16-bit), outlier columns (32-bit), their activations (fp32). */
// @ts-ignore: decorator
@inline
export function quantizedBytes(blocks: i32): usize { return 64 + (<usize>blocks << 6) * 10; }
// @ts-ignore: decorator
@inline
function scaleOf(row: usize): f32 { return load<f32>(row); }
// @ts-ignore: decorator
@inline
function outliersOf(row: usize): i32 { return load<i32>(row, 4); }
/** How many values of the row are beyond fp16; then it is not quantized. */
// @ts-ignore: decorator
@inline
export function beyondOf(row: usize): i32 { return load<i32>(row, 8); }
// @ts-ignore: decorator
@inline
function codesOfRow(row: usize): usize { return row + 64; }
// @ts-ignore: decorator
@inline
function columnsOf(row: usize, blocks: i32): usize { return row + 64 + (<usize>blocks << 7); }
// @ts-ignore: decorator
@inline
function valuesOf(row: usize, blocks: i32): usize { return row + 64 + (<usize>blocks << 7) + (<usize>blocks << 8); }

/**
 * Quantizes one natural row: codes, 0 in outlier columns (fp16 magnitudes of THRESHOLD or more); scale, the largest magnitude of the
 * rest. The place of the values serves as scratch.
 */
export function quantizeRow(x: usize, blocks: i32, row: usize): void {
  const bytes: usize = <usize>blocks << 8;
  const limit: v128 = f32x4.splat(THRESHOLD);
  const scratch = valuesOf(row, blocks);
  let largest: v128 = f32x4.splat(0);
  let beyond: v128 = i32x4.splat(0), outside: v128 = i32x4.splat(0);
  for (let i: usize = 0; i < bytes; i += 16) {
    const value: v128 = v128.load(x + i);
    const magnitude: v128 = f32x4.abs(value);
    beyond = i32x4.sub(beyond, i32x4.ge_s(magnitude, i32x4.splat(BEYOND_FP16)));
    const half: v128 = toFp16(magnitude);
    const isOutlier: v128 = f32x4.ge(half, limit);
    outside = i32x4.sub(outside, isOutlier);
    const rest: v128 = v128.andnot(half, isOutlier);
    largest = f32x4.pmax(largest, rest);
    v128.store(scratch + i, v128.or(rest, v128.xor(value, magnitude)));
  }
  const tooLarge = sumOf(beyond), count = sumOf(outside);
  store<i32>(row, count, 4);
  store<i32>(row, tooLarge, 8);
  if (tooLarge) return;
  const scale: f32 = Mathf.max(
    Mathf.max(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1)), Mathf.max(f32x4.extract_lane(largest, 2), f32x4.extract_lane(largest, 3)));
  store<f32>(row, scale);
  const factor: v128 = f32x4.splat(scale == 0 ? 0 : <f32>127 * (<f32>1 / scale));
  let codes = codesOfRow(row);
  for (let i: usize = 0; i < bytes; i += 32, codes += 16) {
    const low: v128 = rounded(f32x4.mul(v128.load(scratch + i), factor));
    const high: v128 = rounded(f32x4.mul(v128.load(scratch + i, 16), factor));
    v128.store(codes, i16x8.narrow_i32x4_s(low, high));
  }
  if (count) gather(x, count, columnsOf(row, blocks), scratch);
}

/** The outlier columns, ascending, and their activations. */
function gather(x: usize, count: i32, columns: usize, values: usize): void {
  for (let k = 0; count > 0; k++) {
    const value: f32 = load<f32>(x + (<usize>k << 2));
    if (f32x4.extract_lane(toFp16(f32x4.splat(Mathf.abs(value))), 0) < THRESHOLD) continue;
    store<f32>(values, value);
    store<i32>(columns, k);
    values += 4;
    columns += 4;
    count--;
  }
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

/** Sums of products of a row's codes with those of a panel, 8 bits wide. */
export function codeSums(panel: usize, x: usize, blocks: i32): v128 {
  let a: v128 = i32x4.splat(0), b: v128 = a, c: v128 = a, d: v128 = a;
  for (const end: usize = panel + (<usize>blocks << 8); panel < end; panel += 32, x += 16) {
    const v: v128 = v128.load(x);
    a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load8x8_s(panel), v));
    b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load8x8_s(panel, 8), v));
    c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load8x8_s(panel, 16), v));
    d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load8x8_s(panel, 24), v));
  }
  return sumsOf(a, b, c, d);
}

/** The same of a panel that was widened to 16 bits. */
export function wideSums(panel: usize, x: usize, blocks: i32): v128 {
  let a: v128 = i32x4.splat(0), b: v128 = a, c: v128 = a, d: v128 = a;
  for (const end: usize = panel + (<usize>blocks << 9); panel < end; panel += 128, x += 32) {
    const v: v128 = v128.load(x);
    a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(panel), v));
    b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(panel, 16), v));
    c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load(panel, 32), v));
    d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load(panel, 48), v));
    const w: v128 = v128.load(x, 16);
    a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(panel, 64), w));
    b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(panel, 80), w));
    c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load(panel, 96), w));
    d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load(panel, 112), w));
  }
  return sumsOf(a, b, c, d);
}

function widenCodes(panel: usize, blocks: i32, to: usize): void {
  for (const end: usize = panel + (<usize>blocks << 8); panel < end; panel += 16, to += 32) {
    v128.store(to, v128.load8x8_s(panel));
    v128.store(to, v128.load8x8_s(panel, 8), 16);
  }
}

/** Rows from which on a panel is widened first. */
const ROWS_TO_WIDEN: i32 = 3;

/** Bytes of scratch that int8Linear() needs. */
export function int8ScratchBytes(blocks: i32): usize { return 512 + (<usize>blocks << 9); }

/**
 * Panels [from, to) of out[r, o] = fl(sum of codes) (rowScale weightScale) / 127^2 (+ bias[o]) (+ the outlier columns) (+ residual[r, o]).
 * x: quantized rows, none beyond fp16; out and residual are natural rows of outStride bytes; bias and residual 0: none.
 */
export function int8Linear(
  weight: usize, from: i32, to: i32, x: usize, rows: i32, bias: usize, residual: usize, out: usize, outStride: usize, scratch: usize,
): void {
  const blocks = blocksOf(weight);
  const xBytes = quantizedBytes(blocks);
  const widens = rows >= ROWS_TO_WIDEN;
  const wide: usize = scratch + 512;
  for (let p = from; p < to; p++) {
    const panel: usize = elementsOf(weight) + <usize>p * (<usize>blocks << 8);
    const weightScales: v128 = v128.load(scalesOf(weight) + (<usize>p << 4));
    if (widens) widenCodes(panel, blocks, wide);
    let row = x, place: usize = <usize>p << 4;
    for (let r = 0; r < rows; r++, row += xBytes, place += outStride) {
      const sums: v128 = widens ? wideSums(wide, codesOfRow(row), blocks) : codeSums(panel, codesOfRow(row), blocks);
      const scale: v128 = f32x4.mul(f32x4.splat(scaleOf(row)), weightScales);
      let y: v128 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(sums), scale), f32x4.splat(ONE_127TH_SQUARED));
      if (bias) y = f32x4.add(y, v128.load(bias + (<usize>p << 4)));
      const outliers = outliersOf(row);
      if (outliers) y = f32x4.add(y, outlierSums(panel, weightScales, columnsOf(row, blocks), valuesOf(row, blocks), outliers, scratch));
      if (residual) y = f32x4.add(y, v128.load(residual + place));
      v128.store(out + place, y);
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

/** dot(x[columns], codes[o, columns] weightScale / 127) over a row's outlier columns, for the four outputs of a panel. scratch: 512 bytes. */
function outlierSums(panel: usize, scales: v128, columns: usize, values: usize, count: i32, scratch: usize): v128 {
  const t: usize = scratch, acc: usize = scratch + 256;
  memory.fill(scratch, 0, 512);
  if (count <= BLOCK) {
    outlierBlock(panel, scales, columns, values, 0, count, t);
    return foldLanes(t);
  }
  for (let from = 0; from < count; from += BLOCK) {
    outlierBlock(panel, scales, columns, values, from, min(count, from + BLOCK), t);
    for (let i: usize = 0; i < 256; i += 16) {
      v128.store(acc + i, f32x4.add(v128.load(acc + i), v128.load(t + i)));
      v128.store(t + i, f32x4.splat(0));
    }
  }
  return foldLanes(acc);
}

/** Folds sixteen vectors of four outputs. */
function foldLanes(lanes: usize): v128 {
  for (let half: usize = 128; half >= 16; half >>= 1) {
    for (let i: usize = 0; i < half; i += 16) v128.store(lanes + i, f32x4.add(v128.load(lanes + i), v128.load(lanes + i + half)));
  }
  return v128.load(lanes);
}
