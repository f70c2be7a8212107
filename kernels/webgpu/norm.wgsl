// RMSNorm, LayerNorm, and RMSNorm of heads: a workgroup for each row, or for each head of one. f0: 1 / length, f1: eps.
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;

const LAYER = 3;
const HEADS = 13;
var<workgroup> partial: array<f32, 16>;

fn four(at: u32) -> vec4f { return vec4f(partial[at], partial[at + 1u], partial[at + 2u], partial[at + 3u]); }

/** sum of the products of (x - shift) with itself, or with 1, in the order of the dot product; every thread gets it. */
fn summed(x: u32, length: u32, thread: u32, squares: bool, shift: f32) -> f32 {
  workgroupBarrier();
  if (thread < 16u) {
    var acc = 0.0;
    for (var block = 0u; block < length; block += 64u) {
      var t = 0.0;
      for (var n = 0u; n < 4u; n++) {
        let k = block + place(thread, n);
        if (k < length) {
          let d = add(workspace[x + k], -shift);
          let p = mul(select(1.0, d, squares), d);
          // The first term stands alone: +0 + -0 would lose its sign.
          if (n == 0u) { t = p; } else { t = add(t, p); }
        }
      }
      acc = add(acc, t);
    }
    partial[thread] = acc;
  }
  workgroupBarrier();
  return fold(four(0u), four(4u), four(8u), four(12u));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let heads = op.code == HEADS;
  let length = u32(select(op.cols, op.a1, heads));
  let stride = padded(op.cols);
  let at = group.x * stride + group.y * length;
  let x = line(op.x) + at;
  let out = line(op.out) + at;
  // x - 0 is x, for -0 too.
  var mean = 0.0;
  if (op.code == LAYER) { mean = mul(summed(x, length, thread, false, 0.0), op.f0); }
  let r = rsqrt(mul(summed(x, length, thread, true, mean), op.f0) + op.f1);
  for (var k = thread; k < length; k += 64u) {
    var y = mul(mul(add(workspace[x + k], -mean), r), weight[k]);
    if (op.code == LAYER) { y = add(y, bias[k]); }
    workspace[out + k] = y;
  }
  // The last head of a row leaves +0 behind the columns.
  if ((group.y + 1u) * length == u32(op.cols)) {
    for (var k = u32(op.cols) + thread; k < stride; k += 64u) { workspace[line(op.out) + group.x * stride + k] = 0.0; }
  }
}
