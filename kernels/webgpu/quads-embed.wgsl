// 4-bit weights, in the order of quads-table4.wgsl, for embed.wgsl.
@group(0) @binding(3) var<storage, read> data: array<u32>;
@group(0) @binding(4) var<storage, read> scales: array<f32>;

fn byteOf(row: u32, blocks: u32, at: u32) -> u32 {
  let word = at / 4u;
  let quads = blocks * 2u;
  return (data[4u * (row * quads + word % quads) + word / quads] >> (8u * (at & 3u))) & 0xffu;
}

/** The four weights that a lane takes of a block of a row. op.e2: log2 of the blocks that share a scale. */
fn weights(row: u32, block: u32, blocks: u32, lane: u32) -> vec4f {
  let low = byteOf(row, blocks, block * 32u + lane);
  let high = byteOf(row, blocks, block * 32u + lane + 16u);
  return scales[16u + ((row * blocks + block) >> u32(op.e2))] * vec4f(scales[low >> 4u], scales[low & 15u], scales[high >> 4u], scales[high & 15u]);
}
