// RMSNorm and LayerNorm: a workgroup for each row. e0, e1: first value of the weight, and of the bias; f0: 1 / length, f1: eps.
@group(0) @binding(3) var<storage, read> vectors: array<f32>;

const LAYER = 3;
const GROUP = 256u;
var<workgroup> partial: array<vec4f, GROUP / WIDTH>;

/** The sum over the workgroup. */
fn total(own: vec4f, thread: u32) -> f32 {
  let sum = pooled(own);
  workgroupBarrier();
  if (thread % WIDTH == 0u) { partial[thread / WIDTH] = sum; }
  workgroupBarrier();
  var all = vec4f();
  for (var i = 0u; i < GROUP / WIDTH; i++) { all += partial[i]; }
  return (all.x + all.y) + (all.z + all.w);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let cols = u32(ops[0].cols);
  let stride = padded(ops[0].cols);
  let x = line(ops[0].x) + group.x * stride;
  let layer = ops[0].code == LAYER;
  // What is behind the columns is +0, and so adds nothing.
  var mean = 0.0;
  if (layer) {
    var sum = vec4f();
    for (var k = thread; k < stride; k += GROUP) { sum += workspace[x + k]; }
    mean = total(sum, thread) * ops[0].f0;
  }
  var squares = vec4f();
  for (var k = thread; k < stride; k += GROUP) {
    let d = select(vec4f(), workspace[x + k] - mean, vec4u(4u * k) + vec4u(0u, 1u, 2u, 3u) < vec4u(cols));
    squares += d * d;
  }
  let r = inverseSqrt(total(squares, thread) * ops[0].f0 + ops[0].f1);
  for (var k = thread; k < stride; k += GROUP) {
    let w = u32(ops[0].e0) + 4u * k;
    var y = (workspace[x + k] - mean) * r * vec4f(vectors[w], vectors[w + 1u], vectors[w + 2u], vectors[w + 3u]);
    if (layer) {
      let b = u32(ops[0].e1) + 4u * k;
      y += vec4f(vectors[b], vectors[b + 1u], vectors[b + 2u], vectors[b + 3u]);
    }
    workspace[line(ops[0].out) + group.x * stride + k] = select(vec4f(), y, vec4u(4u * k) + vec4u(0u, 1u, 2u, 3u) < vec4u(cols));
  }
}
