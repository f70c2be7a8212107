// 4-bit codes as bitsandbytes packs them, the even one in the high half of a byte. `scales` begins with the 16 values of the codes.
@group(0) @binding(3) var<storage, read> data: array<u32>;
@group(0) @binding(4) var<storage, read> scales: array<f32>;

/** The four weights that a lane takes of a block of a row. op.e2: log2 of the blocks that share a scale. */
fn weights(row: u32, block: u32, blocks: u32, lane: u32) -> vec4f {
  let index = row * blocks + block;
  let at = index * 8u + (lane >> 2u);
  let shift = 8u * (lane & 3u);
  let low = (data[at] >> shift) & 0xffu;
  let high = (data[at + 4u] >> shift) & 0xffu;
  let scale = scales[16u + (index >> u32(op.e2))];
  return vec4f(mul(scales[low >> 4u], scale), mul(scales[low & 15u], scale), mul(scales[high >> 4u], scale), mul(scales[high & 15u], scale));
}
