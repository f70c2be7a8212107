// Attention of one head of one row over its slot's keys and values: a workgroup. Heads of whole vectors, of at most 256 columns.
// a3: heads, a4: window, f0: 1 / sqrt(headDim); e0: positions of a slot, e1: heads of keys, e2: first row of this dispatch, e3: scores kept per head.
@group(0) @binding(3) var<storage, read> keys: array<vec4f>;
@group(0) @binding(4) var<storage, read> values: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> scores: array<f32>;

const GROUP = 256u;
var<workgroup> query: array<vec4f, 64>;
var<workgroup> folded: array<f32, GROUP>;
var<workgroup> partial: array<vec4f, GROUP>;

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let head = group.x;
  let row = group.y + u32(ops[0].e2);
  let heads = u32(ops[0].a3);
  let vectors = u32(ops[0].cols) / heads / 4u;
  let position = lists[u32(ops[0].a1) + row];
  let first = u32(select(0, max(0, position - ops[0].a4 + 1), ops[0].a4 > 0));
  let end = u32(position) + 1u;
  let stride = u32(ops[0].e1) * vectors;
  let cache = u32(lists[u32(ops[0].a0) + row]) * u32(ops[0].e0) * stride + (head / (heads / u32(ops[0].e1))) * vectors;
  let kept = (group.y * heads + head) * u32(ops[0].e3);
  if (thread < vectors) { query[thread] = workspace[line(ops[0].x) + row * padded(ops[0].cols) + head * vectors + thread]; }
  workgroupBarrier();

  var most = -3.4028234663852886e38;
  for (var j = first + thread; j < end; j += GROUP) {
    let key = cache + j * stride;
    var sum = vec4f();
    for (var i = 0u; i < vectors; i++) { sum = fma(query[i], keys[key + i], sum); }
    let s = ((sum.x + sum.y) + (sum.z + sum.w)) * ops[0].f0;
    scores[kept + j] = s;
    most = max(most, s);
  }
  folded[thread] = most;
  for (var half = GROUP / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { folded[thread] = max(folded[thread], folded[thread + half]); }
  }
  workgroupBarrier();
  most = folded[0];
  workgroupBarrier();
  var total = 0.0;
  for (var j = first + thread; j < end; j += GROUP) {
    let weight = exp(scores[kept + j] - most);
    scores[kept + j] = weight;
    total += weight;
  }
  folded[thread] = total;
  for (var half = GROUP / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { folded[thread] += folded[thread + half]; }
  }
  storageBarrier();
  workgroupBarrier();

  // Threads of one position beside each other, several positions at once.
  let sets = GROUP / vectors;
  let own = thread % vectors;
  var acc = vec4f();
  if (thread / vectors < sets) {
    for (var j = first + thread / vectors; j < end; j += sets) { acc = fma(vec4f(scores[kept + j]), values[cache + j * stride + own], acc); }
  }
  partial[thread] = acc;
  workgroupBarrier();
  let out = line(ops[0].out) + row * padded(ops[0].cols);
  if (thread < vectors) {
    var sum = vec4f();
    for (var s = 0u; s < sets; s++) { sum += partial[s * vectors + thread]; }
    workspace[out + head * vectors + thread] = sum / folded[0];
  }
  if (head + 1u == heads) {
    for (var k = heads * vectors + thread; k < padded(ops[0].cols); k += GROUP) { workspace[out + k] = vec4f(); }
  }
}
