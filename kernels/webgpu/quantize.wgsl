// LLM.int8() of one row of activations (kernels/int8-rows.ts): a workgroup. Writes to `prepared`, e0 words a row:
//   the scale, how many outliers, how many values beyond fp16, 13 words unused; then codes, 4 in a word; from word e1 the outlier columns, ascending.
@group(0) @binding(3) var<storage, read_write> prepared: array<u32>;
/** 1 for each (int8 product, row) with a value beyond fp16; word 0 says whether there is one. e2: place of this product's rows. */
@group(0) @binding(4) var<storage, read_write> refused: array<atomic<u32>>;

var<workgroup> counts: array<u32, 64>;
var<workgroup> most: array<u32, 64>;
var<workgroup> beyonds: array<u32, 64>;

/** 1 / x to the nearest, for an x of at most 11 significant bits: WGSL's division may be 2.5 ulp off. */
fn reciprocal(x: u32) -> f32 {
  let m = ((x & 0x7fffffu) | 0x800000u) >> 13u;
  let high = 0x1000000u / m;
  let rest = (0x1000000u % m) << 10u;
  // floor(2^34 / m); a tie cannot be, except where m is a power of two, which leaves no rest.
  let q = (high << 10u) + rest / m + select(0u, 1u, 2u * (rest % m) > m);
  return bitcast<f32>(bitcast<i32>(f32(q)) - ((24 + i32(x >> 23u) - 127) << 23u));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let cols = u32(op.cols);
  let x = line(op.x) + group.x * padded(op.cols);
  let row = group.x * u32(op.e0);
  // Each thread has neighbouring columns, whole words of codes.
  let share = padded(op.cols) / 64u;
  let words = (share + 3u) / 4u;
  let start = min(thread * words * 4u, cols);
  let to = min(start + words * 4u, cols);

  var outliers = 0u;
  var largest = 0u;
  var beyond = 0u;
  for (var k = start; k < to; k++) {
    let half = narrow(bitcast<u32>(workspace[x + k])) & 0x7fffu;
    if (half >= 0x7c00u) { beyond++; } else if (half >= 0x4600u) { outliers++; } else { largest = max(largest, half); }
  }
  counts[thread] = outliers;
  most[thread] = largest;
  beyonds[thread] = beyond;
  workgroupBarrier();
  var before = 0u;
  var all = 0u;
  beyond = 0u;
  for (var i = 0u; i < 64u; i++) {
    if (i < thread) { before += counts[i]; }
    all += counts[i];
    largest = max(largest, most[i]);
    beyond += beyonds[i];
  }
  let scale = widen(largest);
  var factor = 0.0;
  if (largest > 0u) { factor = mul(127.0, reciprocal(bitcast<u32>(scale))); }
  if (thread == 0u) {
    prepared[row] = bitcast<u32>(scale);
    prepared[row + 1u] = all;
    prepared[row + 2u] = beyond;
    if (beyond > 0u) {
      atomicMax(&refused[0], 1u);
      atomicStore(&refused[u32(op.e2) + group.x], beyond);
    }
  }
  for (var k = start; k < to; k += 4u) {
    var word = 0u;
    for (var n = 0u; n < 4u && k + n < cols; n++) {
      let half = narrow(bitcast<u32>(workspace[x + k + n]));
      let magnitude = half & 0x7fffu;
      if (magnitude >= 0x7c00u) { continue; }
      if (magnitude >= 0x4600u) {
        prepared[row + u32(op.e1) + before] = k + n;
        before++;
      } else {
        word |= (u32(i32(round(mul(widen(half), factor)))) & 0xffu) << (8u * n);
      }
    }
    prepared[row + 16u + k / 4u] = word;
  }
  // Words behind the columns.
  for (var k = (cols + 3u) / 4u + thread; k < padded(op.cols) / 4u; k += 64u) { prepared[row + 16u + k] = 0u; }
}
