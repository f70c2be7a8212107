/** Rows against the records of the cells that wrote them: what both say of model, format, text, temperature and seed is the same. */
import type { Row } from './num.ts';
import type { RecordFault } from './records-check.ts';
import type { PublishedCell } from './records-file.ts';

/** Columns that are parameters of the cell, by the same name. */
const SAID_TWICE = ['model', 'format', 'text', 'temperature', 'seed'];

/** One for each cell and column of a table. Of peers a row may name another format than the cell: one of the peer's own. */
export function rowFaults(tables: Iterable<readonly [table: string, rows: readonly Row[]]>, cells: ReadonlyMap<string, PublishedCell>): readonly (RecordFault & { readonly table: string })[] {
  const faults: (RecordFault & { readonly table: string })[] = [];
  for (const [table, rows] of tables) {
    if (table.startsWith('peer')) continue;
    const told = new Set<string>();
    for (const row of rows) {
      const of = String(row['cell']), params = cells.get(of)?.params;
      if (params === undefined) continue;
      for (const column of SAID_TWICE) {
        const [said, shown] = [params[column], row[column]], key = `${column} ${of}`;
        if (said === undefined || said === null || shown === undefined || shown === null || said === shown || told.has(key)) continue;
        told.add(key);
        faults.push({ table, what: `${column} of what ${of} wrote`, expected: `${String(said)}, as its record has it`, found: String(shown) });
      }
    }
  }
  return faults;
}
