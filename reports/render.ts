/** The stage `page`: draws the pages whose inputs changed, all in one task over one warehouse. */
import type { CellProvenance, Run } from '../stages/dag/index.ts';
import { drawPage } from './draw.ts';
import { tablesAt } from './page.ts';
import type { FailedCell, PageInput, StageCount } from './page.ts';
import { allPages } from './all-pages.ts';
import type { Row } from './num.ts';
import { schemaWords } from './tables.ts';
import { readTables, tablesOf, text } from './task-tables.ts';
import { openWarehouse } from './warehouse.ts';
import type { Verdicts } from './verdicts.ts';

export const run: Run = async (cells, io) => {
  if (cells.length === 0) return;
  const schema = text(await io.input(cells[0]!, 'schema'));
  const words = schemaWords(schema);
  const rows = await readTables(cells, io);
  const warehouse = await openWarehouse({ schema, rows, scratch: io.scratch });
  // Most pages read the same few tables.
  const read = new Map<string, Promise<readonly Row[]>>();
  const rowsOf = async (table: string, most?: number): Promise<readonly Row[]> => {
    if (most !== undefined && !read.has(table)) return await warehouse.query(`SELECT * FROM ${table} LIMIT ${most}`);
    if (!read.has(table)) read.set(table, warehouse.query(`SELECT * FROM ${table}`));
    return (await read.get(table)!).slice(0, most);
  };
  const shared = {
    rows: <T extends Row>(table: string, most?: number) => rowsOf(table, most) as Promise<readonly T[]>,
    count: async (table: string) => Number((await warehouse.query<{ n: number }>(`SELECT count(*) AS n FROM ${table}`))[0]!.n),
  };
  try {
    let done = 0;
    for (const cell of cells) {
      if (io.signal.aborted) return;
      const page = allPages.find((p) => p.name === cell.params['page']);
      if (!page) { await io.fail(cell.id, { code: 'bad-input', sentence: `there is no page "${String(cell.params['page'])}"`, hint: 'register it in reports/pages.ts' }); continue; }
      const failed = JSON.parse(text(await io.input(cell, 'failed'))) as readonly FailedCell[];
      const accepted = new Set(JSON.parse(text(await io.input(cell, 'accepted'))) as readonly string[]);
      const verdicts = 'verdicts' in cell.inputs ? JSON.parse(text(await io.input(cell, 'verdicts'))) as Verdicts : undefined;
      const counts = page.counts ? JSON.parse(text(await io.input(cell, 'counts'))) as readonly StageCount[] : [];
      const exported = cell.inputs['sizes']?.kind === 'gather' ? cell.inputs['sizes'].items : [];
      const sizes: { [file: string]: number } = {};
      for (const item of exported) if ('handle' in item) Object.assign(sizes, JSON.parse(text(await io.read(item.handle))) as PageInput['sizes']);
      const records: readonly CellProvenance[] = cell.inputs['records']?.kind === 'records' ? cell.inputs['records'].items : [];
      const path = page.path(cell.params);
      let markup: string | undefined;
      try {
        const tables = tablesAt(page, cell.params);
        markup = await drawPage(page, cell.params, { ...shared, query: (sql, parameters) => warehouse.query(sql, parameters, tables) },
          { failed, counts, accepted, verdicts, sizes, records, words, columns: warehouse.tables, tableCells: new Map(tablesOf(cell).map(([table, item]) => [table, item.cell])) });
      } catch (error) {
        // One page that cannot be drawn takes no other with it.
        await io.fail(cell.id, { code: 'stage-threw', sentence: `page ${page.name}: ${(error as Error).message}` });
      }
      if (markup !== undefined) await io.commit(cell.id, { page: { tree: new Map([[path, markup]]) } });
      io.progress(++done, cells.length, 'pages');
    }
  } finally {
    warehouse.close();
  }
};
