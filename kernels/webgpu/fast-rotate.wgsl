// Rotary embedding, "half" layout, where heads and what turns of them are whole vectors: a cos - b sin and b cos + a sin. A thread has a vector.
// a0: list of positions, a1: headDim, a2: half of what turns.
@group(0) @binding(3) var<storage, read> cosines: array<vec4f>;
@group(0) @binding(4) var<storage, read> sines: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let part = partOf(groupOf(group));
  let stride = padded(ops[part].cols);
  let unit = (groupOf(group) - u32(ops[part].begins)) * 64u + thread;
  let row = unit / stride;
  let column = 4u * (unit % stride);
  if (row >= u32(ops[part].rows)) { return; }
  let at = line(ops[part].x) + unit;
  let half = u32(ops[part].a2);
  let i = column % u32(ops[part].a1);
  var y = workspace[at];
  if (column < u32(ops[part].cols) && i < 2u * half) {
    let entry = (u32(lists[u32(ops[part].a0) + row]) * half + i % half) / 4u;
    let other = select(workspace[at - half / 4u], -workspace[at + half / 4u], i < half);
    y = fma(y, cosines[entry], other * sines[entry]);
  }
  workspace[line(ops[part].out) + unit] = y;
}
