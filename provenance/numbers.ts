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
