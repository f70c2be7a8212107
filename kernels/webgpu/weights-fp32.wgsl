// Weights of 32 bits: rows of whole blocks.
@group(0) @binding(3) var<storage, read> data: array<u32>;
@group(0) @binding(4) var<storage, read> scales: array<f32>;

/** The four weights that a lane takes of a block of a row. */
fn weights(row: u32, block: u32, blocks: u32, lane: u32) -> vec4f {
  let at = (row * blocks + block) * 64u + 2u * lane;
  return bitcast<vec4f>(vec4u(data[at], data[at + 1u], data[at + 32u], data[at + 33u]));
}
