// Stores keys x and values y at (slots at list a0, positions at list a1) of a layer's cache. e0: positions of a slot.
@group(0) @binding(3) var<storage, read_write> keys: array<f32>;
@group(0) @binding(4) var<storage, read_write> values: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let unit = groupOf(group) * 64u + thread;
  let width = u32(op.cols);
  let row = unit / width;
  let column = unit % width;
  if (row >= u32(op.rows)) { return; }
  let to = (u32(lists[u32(op.a0) + row]) * u32(op.e0) + u32(lists[u32(op.a1) + row])) * width + column;
  let source = row * padded(op.cols) + column;
  keys[to] = workspace[line(op.x) + source];
  values[to] = workspace[line(op.y) + source];
}
