/** Rows in an order that a page and who checks it have from the same words. */

/** By the first key in which two differ; what is null comes last. */
export const inOrder = <T>(rows: Iterable<T>, ...keys: readonly ((row: T) => string | number | null | undefined)[]): T[] =>
  [...rows].sort((a, b) => keys.reduce((found, key) => found || compared(key(a) ?? null, key(b) ?? null), 0));

function compared(a: string | number | null, b: string | number | null): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? 1 : -1;
  return a < b ? -1 : 1;
}
