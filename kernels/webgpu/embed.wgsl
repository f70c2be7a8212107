// out = rows of a weight, named by tokens at list a0. A thread has the four columns of a lane. e0: first row of this piece of the weight, e1: how many.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let blocks = padded(op.cols) / 64u;
  let unit = groupOf(group) * 64u + thread;
  let lane = unit & 15u;
  let block = (unit >> 4u) % blocks;
  let row = (unit >> 4u) / blocks;
  if (row >= u32(op.rows)) { return; }
  let token = lists[u32(op.a0) + row] - op.e0;
  if (token < 0 || token >= op.e1) { return; }
  let values = weights(u32(token), block, blocks, lane);
  for (var n = 0u; n < 4u; n++) {
    let column = block * 64u + place(lane, n);
    // What a format has behind its columns is a code's value, not 0.
    workspace[line(op.out) + row * blocks * 64u + column] = select(0.0, values[n], column < u32(op.cols));
  }
}
