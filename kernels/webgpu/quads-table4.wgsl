// Quads of 4-bit codes. A row of n quads is kept so that the four words of quad q are words q, q + n, q + 2n and q + 3n of the row: neighbouring threads, which take
// neighbouring quads, so read neighbouring activations too. `scales` has the 16 values of the codes before the scales.

struct Decoded { low: vec4f, high: vec4f }

/** Eight columns: the even one in the high half of a byte. */
fn decoded(quad: vec4u, span: u32) -> Decoded {
  let word = quad[span];
  return Decoded(
    vec4f(looked((word >> 4u) & 15u), looked(word & 15u), looked((word >> 12u) & 15u), looked((word >> 8u) & 15u)),
    vec4f(looked((word >> 20u) & 15u), looked((word >> 16u) & 15u), looked(word >> 28u), looked((word >> 24u) & 15u)));
}

/** The second vector of the activations of a span. */
fn second(at: u32) -> Terms { return workspace[at + 1u]; }

fn product(w: Decoded, low: Terms, high: Terms) -> f32 { return dot(w.low, low) + dot(w.high, high); }
