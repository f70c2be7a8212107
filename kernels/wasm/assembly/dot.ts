/** The dot product of two natural rows, for where nothing is packed: norms, outlier columns. linear.ts has the one for weights. */
import { even, odd } from './layout';

/** Both halves of lane group g of one block: t = x*y, three times t += x*y; acc + t. */
// @ts-ignore: decorator
@inline
function lanes(acc: v128, x: usize, y: usize): v128 {
  const a: v128 = v128.load(x), b: v128 = v128.load(x, 16), c: v128 = v128.load(x, 128), d: v128 = v128.load(x, 144);
  const e: v128 = v128.load(y), f: v128 = v128.load(y, 16), g: v128 = v128.load(y, 128), h: v128 = v128.load(y, 144);
  let t: v128 = f32x4.mul(even(a, b), even(e, f));
  t = f32x4.add(t, f32x4.mul(odd(a, b), odd(e, f)));
  t = f32x4.add(t, f32x4.mul(even(c, d), even(g, h)));
  t = f32x4.add(t, f32x4.mul(odd(c, d), odd(g, h)));
  return f32x4.add(acc, t);
}

/** The last folds (h = 8, 4, 2, 1) of 16 lanes that lie in four vectors. */
// @ts-ignore: decorator
@inline
export function fold(a: v128, b: v128, c: v128, d: v128): f32 {
  const four: v128 = f32x4.add(f32x4.add(a, c), f32x4.add(b, d));
  return (f32x4.extract_lane(four, 0) + f32x4.extract_lane(four, 2)) + (f32x4.extract_lane(four, 1) + f32x4.extract_lane(four, 3));
}

/** sum x y of two natural rows. */
export function dot(x: usize, y: usize, blocks: i32): f32 {
  let a: v128 = f32x4.splat(0), b: v128 = f32x4.splat(0), c: v128 = f32x4.splat(0), d: v128 = f32x4.splat(0);
  for (let i = 0; i < blocks; i++, x += 256, y += 256) {
    a = lanes(a, x, y);
    b = lanes(b, x + 32, y + 32);
    c = lanes(c, x + 64, y + 64);
    d = lanes(d, x + 96, y + 96);
  }
  return fold(a, b, c, d);
}
