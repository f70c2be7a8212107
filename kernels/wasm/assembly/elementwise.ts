/** Ops on single elements. `bytes` is a multiple of 16; the padding of a row is computed too and cleared by clearTails. */
import { geluErf, geluTanh, sigmoid } from './functions';

export function add(a: usize, b: usize, bytes: usize, out: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, f32x4.add(v128.load(a + i), v128.load(b + i)));
}

export function mul(a: usize, b: usize, bytes: usize, out: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, f32x4.mul(v128.load(a + i), v128.load(b + i)));
}

export function scale(x: usize, factor: f32, bytes: usize, out: usize): void {
  const each: v128 = f32x4.splat(factor);
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, f32x4.mul(v128.load(x + i), each));
}

/** Of each run of `every` of a row's columns those from `first`, `width` of them. The strides are of padded rows; `runs`: in a row. */
export function pickColumns(x: usize, rows: i32, strideBytes: usize, runs: i32, every: i32, first: i32, width: i32, outStrideBytes: usize, out: usize): void {
  const bytes: usize = <usize>width << 2;
  const used: usize = <usize>runs * bytes;
  for (let r = 0; r < rows; r++, x += strideBytes, out += outStrideBytes) {
    let from: usize = x + (<usize>first << 2);
    for (let at: usize = 0; at < used; at += bytes, from += <usize>every << 2) memory.copy(out + at, from, bytes);
    memory.fill(out + used, 0, outStrideBytes - used);
  }
}

/** (gate sigmoid(gate)) up */
export function siluMul(gate: usize, up: usize, bytes: usize, out: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const x: v128 = v128.load(gate + i);
    v128.store(out + i, f32x4.mul(f32x4.mul(x, sigmoid(x)), v128.load(up + i)));
  }
}

export function gelu(x: usize, erf: i32, bytes: usize, out: usize): void {
  if (erf) for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, geluErf(v128.load(x + i)));
  else for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, geluTanh(v128.load(x + i)));
}

/** Sets elements columns..stride of each row to +0. */
export function clearTails(x: usize, rows: i32, columns: usize, strideBytes: usize): void {
  const from: usize = columns << 2;
  if (from == strideBytes) return;
  for (let r = 0; r < rows; r++, x += strideBytes) memory.fill(x + from, 0, strideBytes - from);
}

/**
 * Rotary embedding: of each head the first 2 * half elements turn, (x1 cos - x2 sin, x2 cos + x1 sin) with x2 = x[i + half].
 * `positions`: the row of the tables that each row of x takes. Elements that do not turn are copied.
 */
export function rotate(
  x: usize, rows: i32, strideBytes: usize, heads: i32, headDim: i32, half: i32, positions: usize, cosines: usize, sines: usize, out: usize,
): void {
  memory.copy(out, x, <usize>rows * strideBytes);
  for (let r = 0; r < rows; r++, x += strideBytes, out += strideBytes) {
    const table: usize = <usize>load<i32>(positions + (<usize>r << 2)) * (<usize>half << 2);
    for (let h = 0; h < heads; h++) {
      let at: usize = <usize>(h * headDim) << 2;
      let angle: usize = table;
      let i = half;
      for (; i >= 4; i -= 4, at += 16, angle += 16) {
        const second: usize = at + (<usize>half << 2);
        const x1: v128 = v128.load(x + at), x2: v128 = v128.load(x + second);
        const c: v128 = v128.load(cosines + angle), s: v128 = v128.load(sines + angle);
        v128.store(out + at, f32x4.sub(f32x4.mul(x1, c), f32x4.mul(x2, s)));
        v128.store(out + second, f32x4.add(f32x4.mul(x2, c), f32x4.mul(x1, s)));
      }
      for (; i > 0; i--, at += 4, angle += 4) {
        const second: usize = at + (<usize>half << 2);
        const x1: f32 = load<f32>(x + at), x2: f32 = load<f32>(x + second);
        const c: f32 = load<f32>(cosines + angle), s: f32 = load<f32>(sines + angle);
        store<f32>(out + at, x1 * c - x2 * s);
        store<f32>(out + second, x2 * c + x1 * s);
      }
    }
  }
}

/** How many of the first `columns` elements of the rows are infinite or not a number: their exponent bits are all ones. */
export function countNotFinite(x: usize, rows: i32, columns: i32, strideBytes: usize): i32 {
  const exponent: v128 = i32x4.splat(0x7f800000);
  let count = 0;
  for (let r = 0; r < rows; r++, x += strideBytes) {
    let found: v128 = i32x4.splat(0);
    let k = 0;
    for (; k + 4 <= columns; k += 4) {
      found = i32x4.sub(found, i32x4.eq(v128.and(v128.load(x + (<usize>k << 2)), exponent), exponent));
    }
    count += i32x4.extract_lane(found, 0) + i32x4.extract_lane(found, 1) + i32x4.extract_lane(found, 2) + i32x4.extract_lane(found, 3);
    for (; k < columns; k++) if ((load<u32>(x + (<usize>k << 2)) & 0x7f800000) == 0x7f800000) count++;
  }
  return count;
}
