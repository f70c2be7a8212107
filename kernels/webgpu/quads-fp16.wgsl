// Quads of eight weights of fp16, as they lie.

struct Decoded { low: vec4f, high: vec4f }

fn begin(at: u32, thread: u32) {}

fn decoded(quad: vec4u, span: u32) -> Decoded {
  return Decoded(vec4f(unpack2x16float(quad.x), unpack2x16float(quad.y)), vec4f(unpack2x16float(quad.z), unpack2x16float(quad.w)));
}

/** The second vector of the activations of a span. */
fn second(at: u32) -> Terms { return workspace[at + 1u]; }

fn product(w: Decoded, low: Terms, high: Terms) -> f32 { return dot(w.low, low) + dot(w.high, high); }
