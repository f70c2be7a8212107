// The product of LLM.int8() of prepared rows (quantize.wgsl): out = fp32(sum of codes) (row scale x weight scale) 1/127^2 + bias + dot of the outliers
// + residual. 16 threads share an output; a workgroup has 4 outputs of one row. e0, e1: words of a prepared row, and where its outliers begin;
// e2: first output of this piece of the weight, e3: how many it has.
@group(0) @binding(3) var<storage, read> data: array<u32>;
@group(0) @binding(4) var<storage, read> scales: array<f32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read> prepared: array<u32>;

var<workgroup> sums: array<i32, 64>;
var<workgroup> partial: array<f32, 64>;

fn four(at: u32) -> vec4f { return vec4f(partial[at], partial[at + 1u], partial[at + 2u], partial[at + 3u]); }

const ONE_127TH = 7.874015718698502e-3;

fn code(word: u32, n: u32) -> i32 { return bitcast<i32>(word << (24u - 8u * n)) >> 24u; }

fn products(a: u32, b: u32) -> i32 { return code(a, 0u) * code(b, 0u) + code(a, 1u) * code(b, 1u) + code(a, 2u) * code(b, 2u) + code(a, 3u) * code(b, 3u); }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let lane = thread & 15u;
  let sub = thread >> 4u;
  let output = groupOf(vec3u(group.x, group.z, 0u)) * 4u + sub;
  let weightRow = min(output, u32(op.e3) - 1u);
  let row = group.y * u32(op.e0);
  let words = padded(op.cols) / 4u;
  var sum = 0;
  for (var k = lane; k < words; k += 16u) { sum += products(prepared[row + 16u + k], data[weightRow * words + k]); }
  sums[thread] = sum;

  let scale = scales[weightRow];
  let outliers = prepared[row + 1u];
  let x = line(op.x) + group.y * padded(op.cols);
  var acc = 0.0;
  for (var block = 0u; block < outliers; block += 64u) {
    var t = 0.0;
    for (var n = 0u; n < 4u; n++) {
      let at = block + place(lane, n);
      if (at < outliers) {
        let k = prepared[row + u32(op.e1) + at];
        let w = mul(mul(f32(code(data[weightRow * words + k / 4u], k & 3u)), scale), ONE_127TH);
        let p = mul(workspace[x + k], w);
        if (n == 0u) { t = p; } else { t = add(t, p); }
      }
    }
    acc = add(acc, t);
  }
  partial[thread] = acc;
  workgroupBarrier();

  let column = u32(op.e2) + output;
  let outStride = padded(op.a0);
  if (lane > 0u || column >= outStride) { return; }
  var y = 0.0;
  if (column < u32(op.a0)) {
    if (output >= u32(op.e3)) { return; }
    var total = 0;
    let own = sub * 16u;
    for (var i = 0u; i < 16u; i++) { total += sums[own + i]; }
    // In two exact parts, so that the sum rounds to the nearest: a conversion may round either way.
    let whole = f32(total & ~0xffff) + f32(total & 0xffff);
    y = mul(mul(whole, mul(bitcast<f32>(prepared[row]), scale)), 6.200124e-5);
    if (op.handle2 >= 0) { y = add(y, bias[column]); }
    if (outliers > 0u) { y = add(y, fold(four(own), four(own + 4u), four(own + 8u), four(own + 12u))); }
    if (op.y >= 0) { y = add(y, workspace[line(op.y) + group.y * outStride + column]); }
  }
  workspace[line(op.out) + group.y * outStride + column] = y;
}
