// Attention of one head of one row over its slot's keys and values: a workgroup. Two passes, no rescaling (kernels/row-ops.ts).
// a3: heads, a4: window, f0: 1 / sqrt(headDim); e0: positions of a slot, e1: heads of keys, e2: first row of this dispatch, e3: scores kept per head.
@group(0) @binding(3) var<storage, read> keys: array<f32>;
@group(0) @binding(4) var<storage, read> values: array<f32>;
@group(0) @binding(5) var<storage, read_write> scores: array<f32>;

var<workgroup> largest: array<f32, 64>;
var<workgroup> partial: array<f32, 16>;

fn four(at: u32) -> vec4f { return vec4f(partial[at], partial[at + 1u], partial[at + 2u], partial[at + 3u]); }

fn dot(q: u32, k: u32, length: u32) -> f32 {
  var lanes: array<vec4f, 4>;
  for (var lane = 0u; lane < 16u; lane++) {
    var acc = 0.0;
    for (var block = 0u; block < length; block += 64u) {
      var t = 0.0;
      for (var n = 0u; n < 4u; n++) {
        let i = block + place(lane, n);
        if (i < length) {
          let p = mul(workspace[q + i], keys[k + i]);
          if (n == 0u) { t = p; } else { t = add(t, p); }
        }
      }
      acc = add(acc, t);
    }
    lanes[lane >> 2u][lane & 3u] = acc;
  }
  return fold(lanes[0], lanes[1], lanes[2], lanes[3]);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let head = group.x;
  let row = group.y + u32(op.e2);
  let heads = u32(op.a3);
  let headDim = u32(op.cols) / heads;
  let position = lists[u32(op.a1) + row];
  let first = u32(select(0, max(0, position - op.a4 + 1), op.a4 > 0));
  let end = u32(position) + 1u;
  let stride = u32(op.e1) * headDim;
  let cache = u32(lists[u32(op.a0) + row]) * u32(op.e0) * stride + (head / (heads / u32(op.e1))) * headDim;
  let query = line(op.x) + row * padded(op.cols) + head * headDim;
  let kept = (group.y * heads + head) * u32(op.e3);

  var most = -3.4028234663852886e38;
  for (var j = first + thread; j < end; j += 64u) {
    let s = mul(dot(query, cache + j * stride, headDim), op.f0);
    scores[kept + j] = s;
    // A NaN must not be lost in a comparison: it reaches the output through the scores.
    if (s > most) { most = s; }
  }
  largest[thread] = most;
  workgroupBarrier();
  for (var i = 0u; i < 64u; i++) { if (largest[i] > most) { most = largest[i]; } }
  for (var j = first + thread; j < end; j += 64u) { scores[kept + j] = exp32(scores[kept + j] - most); }
  storageBarrier();
  workgroupBarrier();
  if (thread < 16u) {
    var acc = 0.0;
    for (var j = first - first % 16u + thread; j < end; j += 16u) { if (j >= first) { acc = add(acc, scores[kept + j]); } }
    partial[thread] = acc;
  }
  workgroupBarrier();
  let r = rcp(fold(four(0u), four(4u), four(8u), four(12u)));
  let out = line(op.out) + row * padded(op.cols);
  for (var d = thread; d < headDim; d += 64u) {
    var total = 0.0;
    for (var block = first - first % 64u; block < end; block += 64u) {
      var t = 0.0;
      for (var j = max(block, first); j < min(block + 64u, end); j++) { t = add(t, mul(scores[kept + j], values[cache + j * stride + d])); }
      total = add(total, t);
    }
    workspace[out + head * headDim + d] = mul(total, r);
  }
  if (head + 1u == heads) {
    for (var k = u32(op.cols) + thread; k < padded(op.cols); k += 64u) { workspace[out + k] = 0.0; }
  }
}
