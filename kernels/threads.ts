/** How many threads an engine computes with: a matter of speed alone, since no result depends on it. */

/** Read anew for each instance that is opened. */
export const THREADS_VARIABLE = 'BITWIDTH_THREADS';
const MOST = 64;

/** From the environment, 1 to 64; 1 where it says nothing or nothing that can be used. */
export function threadCount(): number {
  const wanted = typeof process === 'undefined' ? NaN : Number(process.env[THREADS_VARIABLE]);
  return Number.isInteger(wanted) && wanted >= 1 ? Math.min(wanted, MOST) : 1;
}
