/** RMSNorm and LayerNorm over natural rows. Padding of x, weight and bias is +0, so that it adds nothing, and stays +0. */
import { dot } from './dot';
import { rsqrt } from './functions';

/** (x r) w with r = rsqrt(sum x^2 * reciprocal + eps). */
export function rmsNorm(x: usize, rows: i32, blocks: i32, weight: usize, reciprocal: f32, eps: f32, out: usize): void {
  const bytes: usize = <usize>blocks << 8;
  for (let row = 0; row < rows; row++, x += bytes, out += bytes) {
    const r: v128 = f32x4.splat(rsqrt(dot(x, x, blocks) * reciprocal + eps));
    for (let i: usize = 0; i < bytes; i += 16) {
      v128.store(out + i, f32x4.mul(f32x4.mul(v128.load(x + i), r), v128.load(weight + i)));
    }
  }
}

/** rmsNorm of each run of `width` columns alone, in a padded copy, `head`, for a run need not begin at a vector's place. */
export function headNorm(x: usize, rows: i32, columns: usize, strideBytes: usize, width: usize, weight: usize, head: usize, reciprocal: f32, eps: f32, out: usize): void {
  const blocks = <i32>((width + 63) >> 6);
  const bytes: usize = width << 2;
  for (let row = 0; row < rows; row++, x += strideBytes, out += strideBytes) {
    for (let at: usize = 0; at < columns << 2; at += bytes) {
      memory.copy(head, x + at, bytes);
      memory.fill(head + bytes, 0, (<usize>blocks << 8) - bytes);
      rmsNorm(head, 1, blocks, weight, reciprocal, eps, head);
      memory.copy(out + at, head, bytes);
    }
    memory.fill(out + (columns << 2), 0, strideBytes - (columns << 2));
  }
}

/** ((x - mean) r) w + b. `ones`: a row of scratch. */
export function layerNorm(
  x: usize, rows: i32, columns: usize, blocks: i32, weight: usize, bias: usize, ones: usize, reciprocal: f32, eps: f32, out: usize,
): void {
  const bytes: usize = <usize>blocks << 8;
  const real: usize = columns << 2;
  for (let i: usize = 0; i < bytes; i += 4) store<f32>(ones + i, i < real ? 1 : 0);
  for (let row = 0; row < rows; row++, x += bytes, out += bytes) {
    const mean: v128 = f32x4.splat(dot(x, ones, blocks) * reciprocal);
    for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, f32x4.sub(v128.load(x + i), mean));
    memory.fill(out + real, 0, bytes - real);
    const r: v128 = f32x4.splat(rsqrt(dot(out, out, blocks) * reciprocal + eps));
    for (let i: usize = 0; i < bytes; i += 16) {
      v128.store(out + i, f32x4.add(f32x4.mul(f32x4.mul(v128.load(out + i), r), v128.load(weight + i)), v128.load(bias + i)));
    }
  }
}
