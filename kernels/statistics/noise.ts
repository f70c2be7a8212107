/**
 * Gaussian noise that is the same everywhere: Threefry-2x32 bits through the inverse normal distribution, in +, -, x, /,
 * the square root (correctly rounded everywhere) and a logarithm of our own.
 */
import { log64 } from '../float64.ts';
import { threefry2x32 } from '../threefry.ts';

/**
 * The normal quantile: x with P(N(0, 1) <= x) = u, for u in (0, 1). Relative error about 1e-16.
 * Source: M. J. Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988) 477-484.
 */
export function normalQuantile(u: number): number {
  const q = u - 0.5;
  if (q >= -0.425 && q <= 0.425) {
    const r = 0.180625 - q * q;
    return q * (((((((2.5090809287301226727e3 * r + 3.3430575583588128105e4) * r + 6.7265770927008700853e4) * r + 4.5921953931549871457e4) * r
      + 1.3731693765509461125e4) * r + 1.9715909503065514427e3) * r + 1.3314166789178437745e2) * r + 3.3871328727963666080)
      / (((((((5.2264952788528545610e3 * r + 2.8729085735721942674e4) * r + 3.9307895800092710610e4) * r + 2.1213794301586595867e4) * r
      + 5.3941960214247511077e3) * r + 6.8718700749205790830e2) * r + 4.2313330701600911252e1) * r + 1);
  }
  const tail = Math.sqrt(-log64(q < 0 ? u : 1 - u));
  let x: number;
  if (tail <= 5) {
    const r = tail - 1.6;
    x = (((((((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r + 2.41780725177450611770e-1) * r + 1.27045825245236838258) * r
      + 3.64784832476320460504) * r + 5.76949722146069140550) * r + 4.63033784615654529590) * r + 1.42343711074968357734)
      / (((((((1.05075007164441684324e-9 * r + 5.47593808499534494600e-4) * r + 1.51986665636164571966e-2) * r + 1.48103976427480074590e-1) * r
      + 6.89767334985100004550e-1) * r + 1.67638483018380384940) * r + 2.05319162663775882187) * r + 1);
  } else {
    const r = tail - 5;
    x = (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 1.24266094738807843860e-3) * r + 2.65321895265761230930e-2) * r
      + 2.96560571828504891230e-1) * r + 1.78482653991729133580) * r + 5.46378491116411436990) * r + 6.65790464350110377720)
      / (((((((2.04426310338993978564e-15 * r + 1.42151175831644588870e-7) * r + 1.84631831751005468180e-5) * r + 7.86869131145613259100e-4) * r
      + 1.48753612908506148525e-2) * r + 1.36929880922735805310e-1) * r + 5.99832206555887937690e-1) * r + 1);
  }
  return q < 0 ? -x : x;
}

/**
 * Fills `out` with independent N(0, 1) values: two from each Threefry block of key (key0, key1) and counter (row, place).
 * u = (bits + 0.5) / 2^32. A row's noise depends on nothing else, so that any subset of rows can be made again.
 */
export function normalRow(key0: number, key1: number, row: number, out: Float64Array): void {
  for (let v = 0; v < out.length; v += 2) {
    const [a, b] = threefry2x32(key0, key1, row, v >>> 1);
    out[v] = normalQuantile(((a >>> 0) + 0.5) / 4294967296);
    if (v + 1 < out.length) out[v + 1] = normalQuantile(((b >>> 0) + 0.5) / 4294967296);
  }
}
