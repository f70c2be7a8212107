/**
 * One row against a panel of a narrow weight: linear.ts accumulate() with each vector of weights decoded where it is multiplied, because
 * a decoded panel would be read once only.
 */
import { fourOf, PLACES } from './weights';

// @ts-ignore: decorator
@inline
function widen(halves: v128, places: v128, factor: v128): v128 { return f32x4.mul(v128.and(i32x4.shl(halves, 13), places), factor); }

/** fp16 as moveExponents() left it. */
export function accumulateFp16(w: usize, x: usize, blocks: i32, acc: usize): void {
  const places: v128 = v128.load32_splat(PLACES), factor: v128 = v128.load32_splat(PLACES, 4);
  for (let g = 0; g < 4; g++, acc += 64) {
    let a0: v128 = f32x4.splat(0), a1: v128 = f32x4.splat(0), a2: v128 = f32x4.splat(0), a3: v128 = f32x4.splat(0);
    for (let b = 0; b < blocks; b++, w += 128, x += 64) {
      const v0: v128 = v128.load(x);
      let t0: v128 = f32x4.mul(widen(v128.load16x4_s(w), places, factor), v0);
      let t1: v128 = f32x4.mul(widen(v128.load16x4_s(w, 8), places, factor), v0);
      let t2: v128 = f32x4.mul(widen(v128.load16x4_s(w, 16), places, factor), v0);
      let t3: v128 = f32x4.mul(widen(v128.load16x4_s(w, 24), places, factor), v0);
      const v1: v128 = v128.load(x, 16);
      t0 = f32x4.add(t0, f32x4.mul(widen(v128.load16x4_s(w, 32), places, factor), v1));
      t1 = f32x4.add(t1, f32x4.mul(widen(v128.load16x4_s(w, 40), places, factor), v1));
      t2 = f32x4.add(t2, f32x4.mul(widen(v128.load16x4_s(w, 48), places, factor), v1));
      t3 = f32x4.add(t3, f32x4.mul(widen(v128.load16x4_s(w, 56), places, factor), v1));
      const v2: v128 = v128.load(x, 32);
      t0 = f32x4.add(t0, f32x4.mul(widen(v128.load16x4_s(w, 64), places, factor), v2));
      t1 = f32x4.add(t1, f32x4.mul(widen(v128.load16x4_s(w, 72), places, factor), v2));
      t2 = f32x4.add(t2, f32x4.mul(widen(v128.load16x4_s(w, 80), places, factor), v2));
      t3 = f32x4.add(t3, f32x4.mul(widen(v128.load16x4_s(w, 88), places, factor), v2));
      const v3: v128 = v128.load(x, 48);
      t0 = f32x4.add(t0, f32x4.mul(widen(v128.load16x4_s(w, 96), places, factor), v3));
      t1 = f32x4.add(t1, f32x4.mul(widen(v128.load16x4_s(w, 104), places, factor), v3));
      t2 = f32x4.add(t2, f32x4.mul(widen(v128.load16x4_s(w, 112), places, factor), v3));
      t3 = f32x4.add(t3, f32x4.mul(widen(v128.load16x4_s(w, 120), places, factor), v3));
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

/** bf16. */
export function accumulateBf16(w: usize, x: usize, blocks: i32, acc: usize): void {
  for (let g = 0; g < 4; g++, acc += 64) {
    let a0: v128 = f32x4.splat(0), a1: v128 = f32x4.splat(0), a2: v128 = f32x4.splat(0), a3: v128 = f32x4.splat(0);
    for (let b = 0; b < blocks; b++, w += 128, x += 64) {
      const v0: v128 = v128.load(x);
      let t0: v128 = f32x4.mul(i32x4.shl(v128.load16x4_u(w), 16), v0);
      let t1: v128 = f32x4.mul(i32x4.shl(v128.load16x4_u(w, 8), 16), v0);
      let t2: v128 = f32x4.mul(i32x4.shl(v128.load16x4_u(w, 16), 16), v0);
      let t3: v128 = f32x4.mul(i32x4.shl(v128.load16x4_u(w, 24), 16), v0);
      const v1: v128 = v128.load(x, 16);
      t0 = f32x4.add(t0, f32x4.mul(i32x4.shl(v128.load16x4_u(w, 32), 16), v1));
      t1 = f32x4.add(t1, f32x4.mul(i32x4.shl(v128.load16x4_u(w, 40), 16), v1));
      t2 = f32x4.add(t2, f32x4.mul(i32x4.shl(v128.load16x4_u(w, 48), 16), v1));
      t3 = f32x4.add(t3, f32x4.mul(i32x4.shl(v128.load16x4_u(w, 56), 16), v1));
      const v2: v128 = v128.load(x, 32);
      t0 = f32x4.add(t0, f32x4.mul(i32x4.shl(v128.load16x4_u(w, 64), 16), v2));
      t1 = f32x4.add(t1, f32x4.mul(i32x4.shl(v128.load16x4_u(w, 72), 16), v2));
      t2 = f32x4.add(t2, f32x4.mul(i32x4.shl(v128.load16x4_u(w, 80), 16), v2));
      t3 = f32x4.add(t3, f32x4.mul(i32x4.shl(v128.load16x4_u(w, 88), 16), v2));
      const v3: v128 = v128.load(x, 48);
      t0 = f32x4.add(t0, f32x4.mul(i32x4.shl(v128.load16x4_u(w, 96), 16), v3));
      t1 = f32x4.add(t1, f32x4.mul(i32x4.shl(v128.load16x4_u(w, 104), 16), v3));
      t2 = f32x4.add(t2, f32x4.mul(i32x4.shl(v128.load16x4_u(w, 112), 16), v3));
      t3 = f32x4.add(t3, f32x4.mul(i32x4.shl(v128.load16x4_u(w, 120), 16), v3));
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

/** 4-bit codes: values of pairs from a table, times the scale of their block. */
export function accumulateTable4(w: usize, scales: usize, pairs: usize, x: usize, blocks: i32, acc: usize): void {
  for (let g = 0; g < 4; g++, acc += 64) {
    let a0: v128 = f32x4.splat(0), a1: v128 = f32x4.splat(0), a2: v128 = f32x4.splat(0), a3: v128 = f32x4.splat(0);
    let scale: usize = scales;
    for (let b = 0; b < blocks; b++, w += 32, x += 64, scale += 16) {
      const s0: v128 = v128.load32_splat(scale), s1: v128 = v128.load32_splat(scale, 4);
      const s2: v128 = v128.load32_splat(scale, 8), s3: v128 = v128.load32_splat(scale, 12);
      const v0: v128 = v128.load(x);
      let t0: v128 = f32x4.mul(fourOf(load<u8>(w), load<u8>(w, 1), pairs, s0), v0);
      let t1: v128 = f32x4.mul(fourOf(load<u8>(w, 2), load<u8>(w, 3), pairs, s1), v0);
      let t2: v128 = f32x4.mul(fourOf(load<u8>(w, 4), load<u8>(w, 5), pairs, s2), v0);
      let t3: v128 = f32x4.mul(fourOf(load<u8>(w, 6), load<u8>(w, 7), pairs, s3), v0);
      const v1: v128 = v128.load(x, 16);
      t0 = f32x4.add(t0, f32x4.mul(fourOf(load<u8>(w, 8), load<u8>(w, 9), pairs, s0), v1));
      t1 = f32x4.add(t1, f32x4.mul(fourOf(load<u8>(w, 10), load<u8>(w, 11), pairs, s1), v1));
      t2 = f32x4.add(t2, f32x4.mul(fourOf(load<u8>(w, 12), load<u8>(w, 13), pairs, s2), v1));
      t3 = f32x4.add(t3, f32x4.mul(fourOf(load<u8>(w, 14), load<u8>(w, 15), pairs, s3), v1));
      const v2: v128 = v128.load(x, 32);
      t0 = f32x4.add(t0, f32x4.mul(fourOf(load<u8>(w, 16), load<u8>(w, 17), pairs, s0), v2));
      t1 = f32x4.add(t1, f32x4.mul(fourOf(load<u8>(w, 18), load<u8>(w, 19), pairs, s1), v2));
      t2 = f32x4.add(t2, f32x4.mul(fourOf(load<u8>(w, 20), load<u8>(w, 21), pairs, s2), v2));
      t3 = f32x4.add(t3, f32x4.mul(fourOf(load<u8>(w, 22), load<u8>(w, 23), pairs, s3), v2));
      const v3: v128 = v128.load(x, 48);
      t0 = f32x4.add(t0, f32x4.mul(fourOf(load<u8>(w, 24), load<u8>(w, 25), pairs, s0), v3));
      t1 = f32x4.add(t1, f32x4.mul(fourOf(load<u8>(w, 26), load<u8>(w, 27), pairs, s1), v3));
      t2 = f32x4.add(t2, f32x4.mul(fourOf(load<u8>(w, 28), load<u8>(w, 29), pairs, s2), v3));
      t3 = f32x4.add(t3, f32x4.mul(fourOf(load<u8>(w, 30), load<u8>(w, 31), pairs, s3), v3));
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
