// Rotary embedding, "half" layout: a cos - b sin and b cos + a sin. a0: list of positions, a1: headDim, a2: half of what turns.
@group(0) @binding(3) var<storage, read> cosines: array<f32>;
@group(0) @binding(4) var<storage, read> sines: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let stride = padded(op.cols);
  let unit = groupOf(group) * 64u + thread;
  let row = unit / stride;
  let column = unit % stride;
  if (row >= u32(op.rows)) { return; }
  let at = line(op.x) + unit;
  let half = u32(op.a2);
  let i = column % u32(op.a1);
  var y = workspace[at];
  if (column < u32(op.cols) && i < 2u * half) {
    let entry = u32(lists[u32(op.a0) + row]) * half + i % half;
    let c = cosines[entry];
    let s = sines[entry];
    // The sign is a bit: negation may take a denormal number for zero.
    if (i < half) { y = add(mul(y, c), bitcast<f32>(bitcast<u32>(mul(workspace[at + half], s)) ^ 0x80000000u)); } else { y = add(mul(y, c), mul(workspace[at - half], s)); }
  }
  workspace[line(op.out) + unit] = y;
}
