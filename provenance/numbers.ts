/** Every number that the site can name, by its id, with what it is bound to. */
import { BULK } from '../reports/tables.ts';
import { numbersIn } from '../reports/numbers.ts';
import { rowsOf, tablesOf } from './tables.ts';
import type { TableNumber } from '../reports/numbers.ts';
import type { Results } from '../stages/dag/index.ts';

export type StoredNumber = TableNumber;

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
