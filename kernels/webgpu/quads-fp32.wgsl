// Quads of four weights of 32 bits, as they lie.

struct Decoded { low: vec4f, high: vec4f }

fn begin(at: u32, thread: u32) {}

fn decoded(quad: vec4u, span: u32) -> Decoded { return Decoded(bitcast<vec4f>(quad), vec4f()); }

/** There is no second vector of activations. */
fn second(at: u32) -> Terms { return vec4f(); }

fn product(w: Decoded, low: Terms, high: Terms) -> f32 { return dot(w.low, low); }
