// Quads of eight weights of bf16, as they lie.

struct Decoded { low: vec4f, high: vec4f }

fn begin(at: u32, thread: u32) {}

fn decoded(quad: vec4u, span: u32) -> Decoded {
  return Decoded(bitcast<vec4f>(vec4u(quad.x << 16u, quad.x & 0xffff0000u, quad.y << 16u, quad.y & 0xffff0000u)), bitcast<vec4f>(vec4u(quad.z << 16u, quad.z & 0xffff0000u, quad.w << 16u, quad.w & 0xffff0000u)));
}

/** The second vector of the activations of a span. */
fn second(at: u32) -> Terms { return workspace[at + 1u]; }

fn product(w: Decoded, low: Terms, high: Terms) -> f32 { return dot(w.low, low) + dot(w.high, high); }
