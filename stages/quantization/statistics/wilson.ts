/**
 * The score interval of a proportion: it holds where a share is near 0 or 1, and says what none of n still leaves possible. Source: E. B. Wilson,
 * Journal of the American Statistical Association 22 (1927); A. Agresti and B. A. Coull, The American Statistician 52 (1998).
 */
import type { Interval } from './bootstrap.ts';

/** The 97.5 % quantile of the standard normal distribution. */
const Z = 1.959963984540054;

/** The two-sided 95 % interval of the share of which `count` of `n` independent cases are a sample. n is at least 1. */
export function wilson(count: number, n: number): Interval {
  const centre = (count + (Z * Z) / 2) / (n + Z * Z);
  const half = (Z / (n + Z * Z)) * Math.sqrt((count * (n - count)) / n + (Z * Z) / 4);
  // Exactly 0 and 1 at the ends, where rounding would leave a little.
  return { low: count === 0 ? 0 : centre - half, high: count === n ? 1 : centre + half };
}
