// What every kernel begins with: the op that it computes, the step's memory, and the arithmetic of docs/arithmetic.md.
// Products and sums are mul() and add(), of which there are three: plain.wgsl, guarded.wgsl, gradual.wgsl. WGSL lets an adapter fuse a product with the sum that
// takes it, and flush denormal numbers; which of the three has the bits of the law there is measured.

/** The words of kernels/engines/program.ts, and what one dispatch adds to them. */
struct Op {
  code: i32, wait: i32, out: i32, x: i32, y: i32, handle: i32, handle2: i32, rows: i32,
  cols: i32, a0: i32, a1: i32, a2: i32, a3: i32, a4: i32, f0: f32, f1: f32,
  e0: i32, e1: i32, e2: i32, e3: i32, zero: u32, e5: i32, e6: i32, e7: i32,
  /** Workgroups of a dispatch lie in rows of this many: a dimension has at most 65535. */
  across: u32, unused0: u32, unused1: u32, unused2: u32,
}

@group(0) @binding(0) var<uniform> op: Op;
/** Activations: padded rows, from lines of 64 bytes. */
@group(0) @binding(1) var<storage, read_write> workspace: array<f32>;
@group(0) @binding(2) var<storage, read> lists: array<i32>;

fn line(at: i32) -> u32 { return u32(at) * 16u; }

/** Floats from one row to the next. */
fn padded(cols: i32) -> u32 { return (u32(cols) + 63u) & ~63u; }

fn groupOf(group: vec3u) -> u32 { return group.x + group.y * op.across; }

fn add4(a: vec4f, b: vec4f) -> vec4f { return vec4f(add(a.x, b.x), add(a.y, b.y), add(a.z, b.z), add(a.w, b.w)); }

/** Sums 16 lanes as a tree: a[i] += a[i + h] for h = 8, 4, 2, 1. Four lanes in each vector. */
fn fold(a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> f32 {
  let four = add4(add4(a, c), add4(b, d));
  return add(add(four.x, four.z), add(four.y, four.w));
}

/** x < 0, also for an adapter that takes denormal numbers for zero. */
fn negative(x: f32) -> bool { return bitcast<u32>(x) > 0x80000000u; }

/** The position in its block of a lane's term n, of 4. */
fn place(lane: u32, n: u32) -> u32 { return 2u * lane + (n & 1u) + 32u * (n >> 1u); }

fn rcp(x: f32) -> f32 {
  var r = bitcast<f32>(0x7ef311c7 - bitcast<i32>(x));
  for (var i = 0; i < 4; i++) { r = mul(r, 2.0 - mul(x, r)); }
  return r;
}

fn rsqrt(x: f32) -> f32 {
  let half = mul(0.5, x);
  var r = bitcast<f32>(0x5f375a86 - (bitcast<i32>(x) >> 1u));
  for (var i = 0; i < 4; i++) { r = mul(r, 1.5 - mul(mul(half, r), r)); }
  return r;
}
