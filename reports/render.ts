/** The stage `page`: draws the pages whose inputs changed, all in one task over one warehouse. */
import type { CellProvenance, Gathered, Run, TaskCell, TaskIo } from '../stages/dag/index.ts';
import { writePage } from './layout.ts';
import type { Tally } from './page.ts';
import { pages } from './pages.ts';
import { openWarehouse } from './warehouse.ts';

export const TABLE_INPUT = 'table.';

/** Table -> its rows, each read once for the whole task. A table whose cell failed is left out. */
export async function readTables(cells: readonly TaskCell[], io: TaskIo): Promise<Map<string, Uint8Array>> {
  const rows = new Map<string, Uint8Array>();
  for (const [table, item] of cells.flatMap(tablesOf)) {
    if ('handle' in item && !rows.has(table)) rows.set(table, await io.read(item.handle));
  }
  return rows;
}

/** The tables that one cell was given. */
export function tablesOf(cell: TaskCell): (readonly [table: string, item: Gathered])[] {
  return Object.entries(cell.inputs).flatMap(([name, input]) =>
    name.startsWith(TABLE_INPUT) && input.kind === 'gather' ? input.items.map((item) => [name.slice(TABLE_INPUT.length), item] as const) : []);
}

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export const run: Run = async (cells, io) => {
  if (cells.length === 0) return;
  const schema = text(await io.input(cells[0]!, 'schema'));
  const rows = await readTables(cells, io);
  const warehouse = await openWarehouse({ schema, rows, scratch: io.scratch });
  try {
    let done = 0;
    for (const cell of cells) {
      if (io.signal.aborted) return;
      const page = pages.find((p) => p.name === cell.params['page']);
      if (!page) { await io.fail(cell.id, { code: 'bad-input', sentence: `there is no page "${String(cell.params['page'])}"`, hint: 'register it in reports/pages.ts' }); continue; }
      const tally = JSON.parse(text(await io.input(cell, 'tally'))) as Tally;
      const records: readonly CellProvenance[] = cell.inputs['records']?.kind === 'records' ? cell.inputs['records'].items : [];
      try {
        const content = await page.write({
          params: cell.params, tally, records,
          tableCells: new Map(tablesOf(cell).map(([table, item]) => [table, item.cell])),
          query: (sql, parameters) => warehouse.query(sql, parameters, page.tables),
        });
        const path = page.path(cell.params);
        await io.commit(cell.id, { page: { tree: new Map([[path, writePage(path, content)]]) } });
      } catch (error) {
        await io.fail(cell.id, { code: 'stage-threw', sentence: `page ${page.name}: ${(error as Error).message}` });
      }
      io.progress(++done, cells.length, 'pages');
    }
  } finally {
    warehouse.close();
  }
};
