// What the kernels of the engine webgpu-fast begin with. Rounding is the compiler's business here: products may be fused and sums taken in any order.
// A dispatch may do several ops of one round (kernels/engines/placement.ts), its parts: their words lie one after the other.

struct Op {
  code: i32, wait: i32, out: i32, x: i32, y: i32, handle: i32, handle2: i32, rows: i32,
  cols: i32, a0: i32, a1: i32, a2: i32, a3: i32, a4: i32, f0: f32, f1: f32,
  e0: i32, e1: i32, e2: i32, e3: i32, e4: i32, e5: i32,
  /** How many parts, in the first one's words. */
  parts: i32,
  /** The first workgroup of this part. */
  begins: i32,
  /** Workgroups of a dispatch lie in rows of this many: a dimension has at most 65535. */
  across: u32,
  unused: array<vec4u, 9>,
}

@group(0) @binding(0) var<uniform> ops: array<Op, 4>;
/** Activations: padded rows, from lines of 64 bytes. */
@group(0) @binding(1) var<storage, read_write> workspace: array<vec4f>;
@group(0) @binding(2) var<storage, read> lists: array<i32>;

/** In vectors of 4. */
fn line(at: i32) -> u32 { return u32(at) * 4u; }

/** Vectors of 4 from one row to the next. */
fn padded(cols: i32) -> u32 { return ((u32(cols) + 63u) & ~63u) / 4u; }

fn groupOf(group: vec3u) -> u32 { return group.x + group.z * ops[0].across; }

/** The part that a workgroup belongs to. */
fn partOf(group: u32) -> u32 {
  var part = 0u;
  for (var i = 1u; i < u32(ops[0].parts); i++) { if (group >= u32(ops[i].begins)) { part = i; } }
  return part;
}
