// Two neighbouring weights of a row of fp32.
fn begin(at: u32, thread: u32) {}

fn wordsOf(columns: u32) -> u32 { return columns; }

fn placeOf(pair: u32, columns: u32) -> u32 { return 2u * pair; }

fn two(at: u32, scale: u32, pair: u32) -> vec2f { return bitcast<vec2f>(vec2u(data[at], data[at + 1u])); }
