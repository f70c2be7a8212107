/** Every number that the site can name, by its id, with what it is bound to. */
import { BULK, KEYS } from '../reports/tables.ts';
import { bind } from '../reports/num.ts';
import { rowsOf, tablesOf } from './tables.ts';
import type { Bound, Row } from '../reports/num.ts';
import type { Results } from '../stages/dag/index.ts';

export interface StoredNumber extends Bound {
  readonly table: string;
  readonly column: string;
  readonly row: Row;
}

/** An interval belongs to the value beside it. */
const BESIDE = new Set(['low', 'high']);

/** The numbers of one table's rows. */
export function numbersIn(table: string, rows: readonly Row[]): readonly StoredNumber[] {
  const keys = new Set(KEYS[table]);
  return rows.flatMap((row) => Object.entries(row).flatMap(([column, value]) =>
    typeof value !== 'number' || keys.has(column) || BESIDE.has(column) ? [] : [{ ...bind(row, `${table}.${column}`), table, column, row }]));
}

/** Of all tables but those with a row for each token, window or timing (whose rows are named where they are asked for). Throws DamagedObject. */
export async function numbersOf(results: Results): Promise<ReadonlyMap<string, StoredNumber>> {
  const numbers = new Map<string, StoredNumber>();
  for (const stored of tablesOf(results).values()) {
    if (BULK.has(stored.table)) continue;
    for (const number of numbersIn(stored.table, await rowsOf(results, stored))) numbers.set(number.id, number);
  }
  return numbers;
}

/** The number of this id, of any table. Throws DamagedObject. */
export async function numberNamed(results: Results, id: string): Promise<StoredNumber | undefined> {
  const tables = [...tablesOf(results).values()];
  // An id begins with its table's name, but for those of metrics, which begin with the quantity.
  const named = tables.filter(({ table }) => id.startsWith(`${table}.`));
  for (const stored of [...named, ...tables.filter(({ table }) => METRICS.has(table))]) {
    const found = numbersIn(stored.table, await rowsOf(results, stored)).find((number) => number.id === id);
    if (found !== undefined) return found;
  }
  return undefined;
}

const METRICS: ReadonlySet<string> = new Set(['metrics', 'sweep_metrics']);
