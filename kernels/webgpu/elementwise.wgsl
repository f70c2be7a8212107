// Ops on elements at equal places: silu(x) y, GELU, x + y, x y, x f0. Padding stays +0 under each.
const SILU_MUL = 8;
const GELU = 9;
const ADD = 10;
const MUL = 14;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let unit = groupOf(group) * 64u + thread;
  if (unit >= u32(op.rows) * padded(op.cols)) { return; }
  let x = workspace[line(op.x) + unit];
  var y = 0.0;
  if (op.y >= 0) { y = workspace[line(op.y) + unit]; }
  var out = 0.0;
  switch op.code {
    case SILU_MUL: { out = mul(silu(x), y); }
    case GELU: { if (op.a0 == 1) { out = geluErf(x); } else { out = geluTanh(x); } }
    case ADD: { out = add(x, y); }
    case MUL: { out = mul(x, y); }
    default: { out = mul(x, op.f0); }
  }
  workspace[line(op.out) + unit] = out;
}
