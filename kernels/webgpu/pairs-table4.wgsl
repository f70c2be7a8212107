// Two neighbouring weights of a row of 4-bit codes, in the order of quads-table4.wgsl.
fn wordsOf(columns: u32) -> u32 { return columns / 8u; }

/** Where in its row the word lies that has a pair. */
fn placeOf(pair: u32, columns: u32) -> u32 {
  let quads = columns / 32u;
  let word = pair / 4u;
  return 4u * (word % quads) + word / quads;
}

fn two(at: u32, scale: u32, pair: u32) -> vec2f {
  let codes = data[at] >> (8u * (pair % 4u));
  return scales[scale] * vec2f(looked((codes >> 4u) & 15u), looked(codes & 15u));
}
