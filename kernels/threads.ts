/** How many threads an engine computes with: a matter of speed alone, since no result depends on it. */

/** Read anew for each instance that is opened. */
export const THREADS_VARIABLE = 'BITWIDTH_THREADS';
export const MOST_THREADS = 64;

/** From the environment; 1 where it says nothing. Throws RangeError where it says what can be no count: a slow engine without a word would be the answer otherwise. */
export function threadCount(): number {
  const said = typeof process === 'undefined' ? undefined : process.env[THREADS_VARIABLE];
  if (said === undefined || said === '') return 1;
  const wanted = Number(said);
  if (!/^\d+$/.test(said) || wanted < 1 || wanted > MOST_THREADS) throw new RangeError(`${THREADS_VARIABLE} is ${JSON.stringify(said)}; it must be a whole number from 1 to ${MOST_THREADS}`);
  return wanted;
}
