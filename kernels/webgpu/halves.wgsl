// fp16 by integer operations on its bits (kernels/half.ts): the built-in conversions may flush denormal numbers.

/** The value of 16 bits of fp16. */
fn widen(h: u32) -> f32 {
  let sign = (h & 0x8000u) << 16u;
  let magnitude = h & 0x7fffu;
  if (magnitude < 0x400u) {
    // Denormal: its bits count 2^-24ths, exactly.
    return bitcast<f32>(bitcast<u32>(f32(magnitude) * 5.9604644775390625e-8) | sign);
  }
  let bias = select(0x38000000u, 0x70000000u, magnitude >= 0x7c00u);
  return bitcast<f32>(sign | ((magnitude << 13u) + bias));
}

/** fp32 bits rounded to fp16, halves to even. */
fn narrow(f: u32) -> u32 {
  let sign = (f >> 16u) & 0x8000u;
  let magnitude = f & 0x7fffffffu;
  if (magnitude >= 0x7f800000u) { return sign | 0x7c00u | select(0u, 0x200u, magnitude > 0x7f800000u); }
  if (magnitude >= 0x47800000u) { return sign | 0x7c00u; }
  if (magnitude >= 0x38800000u) { return sign | ((magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13u) & 1u)) >> 13u); }
  let exponent = magnitude >> 23u;
  if (exponent < 102u) { return sign; }
  let mantissa = (magnitude & 0x7fffffu) | 0x800000u;
  let shift = 126u - exponent;
  let kept = mantissa >> shift;
  let rest = mantissa & ((1u << shift) - 1u);
  let half = 1u << (shift - 1u);
  return sign | (kept + select(0u, 1u, rest > half || (rest == half && (kept & 1u) == 1u)));
}
