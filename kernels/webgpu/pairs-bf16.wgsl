// Two neighbouring weights of a row of bf16.
fn begin(at: u32, thread: u32) {}

fn wordsOf(columns: u32) -> u32 { return columns / 2u; }

fn placeOf(pair: u32, columns: u32) -> u32 { return pair; }

fn two(at: u32, scale: u32, pair: u32) -> vec2f { return bitcast<vec2f>(vec2u(data[at] << 16u, data[at] & 0xffff0000u)); }
