// Copies of rows (take: list a0 names them) or of columns (of each run of a1 those from a2, a3 of them). e0: columns of the result.
const TAKE = 11;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let stride = padded(op.e0);
  let unit = groupOf(group) * 64u + thread;
  let row = unit / stride;
  let column = unit % stride;
  if (row >= u32(op.rows)) { return; }
  var value = 0.0;
  if (op.code == TAKE) {
    value = workspace[line(op.x) + u32(lists[u32(op.a0) + row]) * stride + column];
  } else if (column < u32(op.e0)) {
    let width = u32(op.a3);
    value = workspace[line(op.x) + row * padded(op.cols) + (column / width) * u32(op.a1) + u32(op.a2) + column % width];
  }
  workspace[line(op.out) + unit] = value;
}
