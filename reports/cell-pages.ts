/** The stage `cell-pages`: a page for each cell (cell-page.ts). */
import type { Run, TaskCell, TaskIo } from '../stages/dag/index.ts';
import type { Omitted } from './cell-facts.ts';
import { cellPages, columnsListed } from './cell-page.ts';
import type { CellsGiven } from './cell-page.ts';
import { cellPath } from './num.ts';
import type { Row } from './num.ts';
import { rowsByCell } from './rows-by-cell.ts';
import { readTables, text } from './task-tables.ts';
import type { Verdicts } from './verdicts.ts';
import { openWarehouse } from './warehouse.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const input = cell.inputs['records'];
    const items = input?.kind === 'records' ? input.items : [];
    const draw = cellPages({
      items, rows: await rowsListed(cell, io), omitted: await omittedIn(cell, io), errata: new Set(cell.params['errata'] as readonly string[] | undefined),
      verdicts: 'verdicts' in cell.inputs ? JSON.parse(text(await io.input(cell, 'verdicts'))) as Verdicts : undefined,
      accepted: new Set(JSON.parse(text(await io.input(cell, 'accepted'))) as readonly string[]),
    });
    const tree = new Map<string, string>();
    for (const item of items) {
      tree.set(cellPath(item.cell), draw(item));
      if (tree.size % 500 === 0) io.progress(tree.size, items.length, 'pages');
    }
    await io.commit(cell.id, { pages: { tree } });
  }
};

/** Most have left nothing out, in the same bytes. */
export async function omittedIn(cell: TaskCell, io: TaskIo): Promise<CellsGiven['omitted']> {
  const input = cell.inputs['omitted'];
  const omitted = new Map<string, readonly Omitted[]>();
  const read = new Map<string, readonly Omitted[]>();
  for (const item of input?.kind === 'gather' ? input.items : []) {
    if (!('handle' in item)) continue;
    const { handle } = item;
    if (!read.has(handle.sha256)) read.set(handle.sha256, JSON.parse(text(await io.read(handle))) as readonly Omitted[]);
    const list = read.get(handle.sha256)!;
    if (list.length > 0) omitted.set(item.cell, list);
  }
  return omitted;
}

async function rowsListed(cell: TaskCell, io: TaskIo): Promise<CellsGiven['rows']> {
  const ndjson = await readTables([cell], io);
  const warehouse = await openWarehouse({ schema: text(await io.input(cell, 'schema')), rows: ndjson, scratch: io.scratch });
  try {
    const rows = new Map<string, ReadonlyMap<string, readonly Row[]>>();
    for (const table of ndjson.keys()) rows.set(table, rowsByCell(await warehouse.query(`SELECT ${columnsListed(table, warehouse.tables.get(table)!).map((name) => `"${name}"`).join(', ')} FROM ${table}`)));
    return rows;
  } finally {
    warehouse.close();
  }
}
