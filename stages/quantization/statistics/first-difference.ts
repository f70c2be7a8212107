/** How many tokens two texts begin with alike. */
export function commonLength(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

/** Index of the first token of `ids` that is not the base's; where one text ends sooner, its end counts as a token. Null: they are equal. */
export function firstDifference(base: readonly number[], ids: readonly number[]): number | null {
  const length = commonLength(base, ids);
  return length === base.length && length === ids.length ? null : length;
}
