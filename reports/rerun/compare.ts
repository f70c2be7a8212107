/** Rows that were computed again against the rows that are published, column by column. */
import type { PlannedRow } from './plan.ts';

export interface RowsCompared {
  readonly rows: number;
  /** Rows of which every column is the same. */
  readonly equal: number;
  /** The largest |a - b| / max(|a|, |b|) of two numbers; Infinity where something else than a number differs, or a row is missing. */
  readonly farthest: number;
  /** In words, of the first difference: 'kl of row 3: 0.5 is published, 0.25 was computed'. */
  readonly first?: string;
}

/** How a difference is told: where the one row is, and where the other. */
export interface RowWords { readonly published: string; readonly computed: string }
const WORDS: RowWords = { published: 'is published', computed: 'was computed' };

/** Columns of `computed` only: what is not computed again is not compared. Rows go by their place. */
export function compareRows(published: readonly PlannedRow[], computed: readonly PlannedRow[], words = WORDS): RowsCompared {
  let equal = 0, farthest = 0;
  let first: string | undefined;
  const rows = Math.max(published.length, computed.length);
  for (let i = 0; i < rows; i++) {
    const [then, now] = [published[i], computed[i]];
    let same = then !== undefined && now !== undefined;
    if (!same) farthest = Infinity;
    for (const [column, value] of Object.entries(now ?? {})) {
      const distance = then === undefined ? Infinity : distanceOf(then[column], value);
      if (distance === 0) continue;
      same = false;
      farthest = Math.max(farthest, distance);
      first ??= `${column} of row ${i + 1}: ${shown(then?.[column])} ${words.published}, ${shown(value)} ${words.computed}`;
    }
    if (same) equal++;
    else first ??= `row ${i + 1}: nothing ${then === undefined ? words.published : words.computed}`;
  }
  return { rows, equal, farthest, ...(first === undefined ? {} : { first }) };
}

/** |a - b| / max(|a|, |b|); 0 where they are the same, Infinity where something else than a number differs. */
export function distanceOf(a: unknown, b: unknown): number {
  if (Object.is(a, b) || JSON.stringify(a) === JSON.stringify(b)) return 0;
  return typeof a === 'number' && typeof b === 'number' && Number.isFinite(a - b) ? Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b)) : Infinity;
}

/** A value in words. */
export const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value)).slice(0, 200);
