/** Rows by the cell that wrote them. */
import type { Row } from './num.ts';

/** In their order. */
export function rowsByCell(rows: Iterable<Row>): ReadonlyMap<string, readonly Row[]> {
  const byCell = new Map<string, Row[]>();
  for (const row of rows) {
    const cell = String(row['cell']), own = byCell.get(cell);
    if (own === undefined) byCell.set(cell, [row]);
    else own.push(row);
  }
  return byCell;
}
