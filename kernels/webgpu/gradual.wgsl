// Products and sums with gradual underflow, for adapters that flush denormal numbers to zero: where a result may be one, or come of one, it is computed on integers.
// Every function ends in one return: several make compilers carry a mask of threads that have left.

fn guard(product: f32) -> f32 { return bitcast<f32>(bitcast<u32>(product) ^ op.zero); }

fn mul(a: f32, b: f32) -> f32 {
  var p = guard(a * b);
  // A flushed operand or result gives a zero; what rounds up to the smallest normal number is right already.
  if ((bitcast<u32>(p) & 0x7f800000u) == 0u) { p = mulOfIntegers(bitcast<u32>(a), bitcast<u32>(b)); }
  return p;
}

fn add(a: f32, b: f32) -> f32 {
  var s = a + b;
  // From 2^-99 on a denormal operand is less than half a unit of the last place.
  if ((bitcast<u32>(s) & 0x7f800000u) < (28u << 23u)) { s = addScaled(bitcast<u32>(a), bitcast<u32>(b)); }
  return s;
}

/** a b, to the nearest, halves to even: the 48 bits of the product, shifted. */
fn mulOfIntegers(a: u32, b: u32) -> f32 {
  let sign = (a ^ b) & 0x80000000u;
  let exponentA = (a >> 23u) & 255u;
  let exponentB = (b >> 23u) & 255u;
  let x = (a & 0x7fffffu) | select(0u, 0x800000u, exponentA > 0u);
  let y = (b & 0x7fffffu) | select(0u, 0x800000u, exponentB > 0u);
  // high 2^24 + low
  let middle = (x >> 12u) * (y & 0xfffu) + (x & 0xfffu) * (y >> 12u);
  let lower = (x & 0xfffu) * (y & 0xfffu) + ((middle & 0xfffu) << 12u);
  let low = lower & 0xffffffu;
  let high = (x >> 12u) * (y >> 12u) + (middle >> 12u) + (lower >> 24u);
  let bits = select(32 - i32(countLeadingZeros(low)), 56 - i32(countLeadingZeros(high)), high > 0u);
  // In units of 2^-149, or larger ones where 24 bits do not hold that many.
  let least = 151 - i32(max(exponentA, 1u)) - i32(max(exponentB, 1u));
  let shift = max(least, bits - 24);
  var q = 0u;
  // A zero on either side leaves low and high 0.
  if (shift <= 0) {
    q = low << min(u32(-shift), 31u);
  } else if (shift <= 24) {
    let n = u32(shift);
    q = (high << (24u - n)) | (low >> n);
    let rest = low & ((1u << n) - 1u);
    let half = 1u << (n - 1u);
    if (rest > half || (rest == half && (q & 1u) == 1u)) { q++; }
  } else if (shift <= 48) {
    let n = u32(shift) - 24u;
    q = high >> n;
    let rest = high & ((1u << n) - 1u);
    let half = 1u << (n - 1u);
    if (rest > half || (rest == half && (low > 0u || (q & 1u) == 1u))) { q++; }
  }
  // A full 24 bits carry into the exponent by themselves.
  return bitcast<f32>(sign | select(q + (u32(shift - least) << 23u), 0u, q == 0u));
}

/** Times 2^64, exactly; of a number below 2^-63. */
fn scaledUp(x: u32) -> f32 {
  let magnitude = x & 0x7fffffffu;
  // 2^-85 = 2^(64 - 149)
  let denormal = bitcast<u32>(f32(magnitude) * bitcast<f32>(42u << 23u));
  return bitcast<f32>((x & 0x80000000u) | select(magnitude + (64u << 23u), denormal, magnitude < 0x800000u));
}

/** a + b of small numbers. */
fn addScaled(a: u32, b: u32) -> f32 {
  var sum = bitcast<f32>(a) + bitcast<f32>(b);
  // Large ones that cancel leave nothing that a denormal number had a part in.
  if (max(a & 0x7fffffffu, b & 0x7fffffffu) < (64u << 23u)) {
    let s = bitcast<u32>(scaledUp(a) + scaledUp(b));
    let magnitude = s & 0x7fffffffu;
    // Denormal: a whole number of 2^-149ths, times 2^85.
    let denormal = u32(bitcast<f32>(min(magnitude, 65u << 23u)) * bitcast<f32>(212u << 23u));
    sum = bitcast<f32>((s & 0x80000000u) | select(magnitude - (64u << 23u), denormal, magnitude < (65u << 23u)));
  }
  return sum;
}
