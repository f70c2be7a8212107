/** Repetition in a text, over token ids. Both are undefined for texts too short to hold one n-gram. */

/** Share of the 4-grams that have occurred before in the same text (after S. Welleck et al., arXiv 1908.04319, "seq-rep-4"). */
export function repeatedFourGrams(ids: readonly number[]): number | undefined {
  const { all, distinct } = count(ids, 4);
  return all === 0 ? undefined : (all - distinct) / all;
}

/** Different 2-grams per 2-gram (J. Li et al., arXiv 1510.03055, "distinct-2"). */
export function distinctTwoGrams(ids: readonly number[]): number | undefined {
  const { all, distinct } = count(ids, 2);
  return all === 0 ? undefined : distinct / all;
}

function count(ids: readonly number[], n: number): { readonly all: number; readonly distinct: number } {
  const seen = new Set<string>();
  const all = Math.max(0, ids.length - n + 1);
  for (let i = 0; i < all; i++) seen.add(ids.slice(i, i + n).join(' '));
  return { all, distinct: seen.size };
}
