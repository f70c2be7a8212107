/** Every number of a table, by the id that it has on the site. */
import { bind } from './num.ts';
import { KEYS } from './tables.ts';
import type { Bound, Row } from './num.ts';

export interface TableNumber extends Bound {
  readonly table: string;
  readonly column: string;
  readonly row: Row;
}

/** An interval belongs to the value beside it. */
const BESIDE = new Set(['low', 'high']);

/** In the order of rows and columns. What identifies a row is no number of it. */
export function numbersIn(table: string, rows: readonly Row[]): readonly TableNumber[] {
  const keys = new Set(KEYS[table]);
  return rows.flatMap((row) => Object.entries(row).flatMap(([column, value]) =>
    typeof value !== 'number' || keys.has(column) || BESIDE.has(column) ? [] : [{ ...bind(row, `${table}.${column}`), table, column, row }]));
}
