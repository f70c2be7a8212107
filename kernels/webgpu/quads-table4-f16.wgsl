// quads-table4.wgsl in fp16: codes are looked up two at a time.

struct Decoded { low: Terms, high: Terms }

/** The values of a byte's two codes: the even column in its high half. */
var<workgroup> pairs: array<vec2h, 256>;

fn begin(at: u32, thread: u32) {
  for (var byte = thread; byte < 256u; byte += GROUP) { pairs[byte] = vec2h(vec2f(scales[at + (byte >> 4u)], scales[at + (byte & 15u)])); }
  workgroupBarrier();
}

fn decoded(quad: vec4u, span: u32) -> Decoded {
  let word = quad[span];
  return Decoded(Terms(pairs[word & 255u], pairs[(word >> 8u) & 255u]), Terms(pairs[(word >> 16u) & 255u], pairs[word >> 24u]));
}

/** The second vector of the activations of a span. */
fn second(at: u32) -> Terms { return Terms(workspace[at + 1u]); }

fn product(w: Decoded, low: Terms, high: Terms) -> f32 { return f32(dot(w.low, low) + dot(w.high, high)); }
