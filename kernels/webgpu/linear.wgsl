// out = x w^T (+ bias) (+ residual) for ROWS rows of x. 16 threads share an output, a lane of the dot product each; a workgroup has 4 outputs.
//   for each block: t = w x; t = t + w x three times; acc = acc + t.  Then the lanes are folded.
// e0: first output of this piece of the weight, e1: how many it has.
@group(0) @binding(5) var<storage, read> bias: array<f32>;

var<workgroup> partial: array<array<f32, 64>, ROWS>;

fn four(row: u32, at: u32) -> vec4f { return vec4f(partial[row][at], partial[row][at + 1u], partial[row][at + 2u], partial[row][at + 3u]); }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let lane = thread & 15u;
  let sub = thread >> 4u;
  let output = groupOf(vec3u(group.x, group.z, 0u)) * 4u + sub;
  let weightRow = min(output, u32(op.e1) - 1u);
  let first = group.y * ROWS;
  let blocks = padded(op.cols) / 64u;
  let stride = padded(op.cols);
  var x: array<u32, ROWS>;
  var acc: array<f32, ROWS>;
  for (var r = 0u; r < ROWS; r++) { x[r] = line(op.x) + min(first + r, u32(op.rows) - 1u) * stride + 2u * lane; }
  for (var block = 0u; block < blocks; block++) {
    let w = weights(weightRow, block, blocks, lane);
    for (var r = 0u; r < ROWS; r++) {
      let at = x[r] + block * 64u;
      var t = mul(w.x, workspace[at]);
      t = add(t, mul(w.y, workspace[at + 1u]));
      t = add(t, mul(w.z, workspace[at + 32u]));
      t = add(t, mul(w.w, workspace[at + 33u]));
      acc[r] = add(acc[r], t);
    }
  }
  for (var r = 0u; r < ROWS; r++) { partial[r][thread] = acc[r]; }
  workgroupBarrier();

  // From here a lane finishes a row.
  let row = first + lane;
  let column = u32(op.e0) + output;
  let outStride = padded(op.a0);
  if (lane >= ROWS || row >= u32(op.rows) || column >= outStride) { return; }
  var sum = 0.0;
  if (column < u32(op.a0)) {
    if (output >= u32(op.e1)) { return; }
    let own = sub * 16u;
    sum = fold(four(lane, own), four(lane, own + 4u), four(lane, own + 8u), four(lane, own + 12u));
    if (op.handle2 >= 0) { sum = add(sum, bias[column]); }
    if (op.y >= 0) { sum = add(sum, workspace[line(op.y) + row * outStride + column]); }
  }
  workspace[line(op.out) + row * outStride + column] = sum;
}
