// What the products of int8 of webgpu-fast share. A row of x is prepared by quantize.wgsl: its scale, how many outliers, 14 words of other use; codes, four in a word; then the
// outlier columns. Sums of codes are whole numbers, the same in any order.

const ONE_127TH = 7.874015718698502e-3;
const ONE_127TH_SQUARED = 6.200124e-5;

/** Where the outlier columns of a prepared row begin, and how long it is, in words. `cols`: of the op. */
fn outliersFrom(cols: i32) -> u32 { return 16u + padded(cols); }
fn preparedWords(cols: i32) -> u32 { return outliersFrom(cols) + ((u32(cols) + 3u) & ~3u); }

/** Code n of a word, lowest first. */
fn code(word: u32, n: u32) -> f32 { return f32(bitcast<i32>(word << (24u - 8u * n)) >> 24u); }

/** Of four outputs: sums of codes as numbers. */
fn dequantized(sums: vec4i, rowScale: f32, scales: vec4f) -> vec4f { return vec4f(sums) * (rowScale * scales) * ONE_127TH_SQUARED; }
