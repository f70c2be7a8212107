// Weights of fp16, two in a word: rows of whole blocks.
@group(0) @binding(3) var<storage, read> data: array<u32>;
@group(0) @binding(4) var<storage, read> scales: array<f32>;

/** The four weights that a lane takes of a block of a row. */
fn weights(row: u32, block: u32, blocks: u32, lane: u32) -> vec4f {
  let at = (row * blocks + block) * 32u + lane;
  let low = data[at];
  let high = data[at + 16u];
  return vec4f(widen(low & 0xffffu), widen(low >> 16u), widen(high & 0xffffu), widen(high >> 16u));
}
