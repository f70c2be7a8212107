/** Index of the first token of `ids` that is not the base's; where one text ends sooner, its end counts as a token. Null: they are equal. */
export function firstDifference(base: readonly number[], ids: readonly number[]): number | null {
  const shorter = Math.min(base.length, ids.length);
  for (let index = 0; index < shorter; index++) if (base[index] !== ids[index]) return index;
  return base.length === ids.length ? null : shorter;
}
