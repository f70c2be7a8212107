/** Rows in an order that a page and who checks it have from the same words. */

export type Key<T> = (row: T) => string | number | null | undefined;

/** By the first key in which two differ; what is null comes last. Equals stay as they came. */
export const inOrder = <T>(rows: Iterable<T>, ...keys: readonly Key<T>[]): T[] =>
  [...rows].sort((a, b) => keys.reduce((found, key) => found || compared(key(a) ?? null, key(b) ?? null), 0));

export function compared(a: string | number | null, b: string | number | null): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? 1 : -1;
  if (typeof a === 'string' && typeof b === 'string') return comparedTexts(a, b);
  return a < b ? -1 : 1;
}

/** As their bytes in UTF-8 are, which is what DuckDB orders by: `<` would order some characters by the halves of their pairs. */
function comparedTexts(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return (a.codePointAt(at) ?? -1) - (b.codePointAt(at) ?? -1);
}
