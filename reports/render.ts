/** The stage `page`: draws the pages whose inputs changed, all in one task over one warehouse. */
import type { CellProvenance, Run } from '../stages/dag/index.ts';
import { writePage } from './layout.ts';
import { tablesAt } from './page.ts';
import type { FailedCell, PageInput, StageCount } from './page.ts';
import { pages } from './pages.ts';
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
  try {
    let done = 0;
    for (const cell of cells) {
      if (io.signal.aborted) return;
      const page = pages.find((p) => p.name === cell.params['page']);
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
        markup = writePage(path, await page.write({
          params: cell.params, failed, counts, records, sizes, words, columns: warehouse.tables,
          tableCells: new Map(tablesOf(cell).map(([table, item]) => [table, item.cell])),
          rows: (table, most) => warehouse.query(`SELECT * FROM ${table}${most === undefined ? '' : ` LIMIT ${most}`}`, {}, tablesAt(page, cell.params)),
          count: async (table) => Number((await warehouse.query<{ n: number }>(`SELECT count(*) AS n FROM ${table}`, {}, tablesAt(page, cell.params)))[0]!.n),
          query: (sql, parameters) => warehouse.query(sql, parameters, tablesAt(page, cell.params)),
        }), accepted, verdicts, new Set(cell.params['errata'] as readonly string[] | undefined));
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
