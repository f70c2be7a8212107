/** One page, from what it reads to its text: the same for who writes the report and for who draws it again. */
import { writePage } from './layout.ts';
import { tablesAt } from './page.ts';
import type { Page, PageInput } from './page.ts';
import type { Tally } from './tally.ts';
import type { Verdicts } from './verdicts.ts';

/** Where rows come from; of any table. */
export type Tables = Pick<PageInput, 'rows' | 'count' | 'query'>;

/** What pages are drawn from, beside the rows. */
export interface Given extends Tally, Pick<PageInput, 'words' | 'columns' | 'tableCells' | 'sizes' | 'records'> {
  readonly verdicts: Verdicts | undefined;
}

/** Throws what the page throws, and Error where it reads a table that it does not declare: it would not be drawn again when that one changes. */
export async function drawPage(page: Page, params: PageInput['params'], tables: Tables, { accepted, verdicts, tableCells, ...given }: Given): Promise<string> {
  const declared = tablesAt(page, params);
  const demand = (table: string): void => { if (!declared.includes(table)) throw new Error(`it reads ${table}, which it does not declare; add it to the page's tables`); };
  const content = await page.write({
    ...given, params, tableCells: new Map([...tableCells].filter(([table]) => declared.includes(table))),
    async rows(table, most) { demand(table); return await tables.rows(table, most); },
    async count(table) { demand(table); return await tables.count(table); },
    query: tables.query,
  });
  return writePage(page.path(params), content, accepted, verdicts, new Set(params['errata'] as readonly string[] | undefined));
}
