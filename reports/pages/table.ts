/** One table of the data: what a row is, what each column holds, its downloads, and its rows, where there are not too many to read. */
import { html, link, list, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { cellPath, derived } from '../num.ts';
import type { NumberOptions, Row } from '../num.ts';
import type { Page, PageInput } from '../page.ts';
import { table as drawn } from '../table.ts';
import type { TableColumn } from '../table.ts';
import { KEYS, MOST_ROWS_SHOWN, csvName } from '../tables.ts';
import type { Column } from '../tables.ts';

/** Of a table with more than MOST_ROWS_SHOWN. */
const FIRST_ROWS = 100;
/** Of whose rows none is written that would pass on a text (data/sources.yaml). */
const TELLING = new Set(['token_scores', 'worst_tokens', 'generations']);
/** Characters of a text in a row; the downloads have all. */
const LONGEST = 120;

export const table: Page = {
  name: 'table',
  path: ({ table: name }) => `tables/${String(name)}.html`,
  per: 'table',
  tables: ['sources'],
  async write(input) {
    const name = String(input.params['table']);
    const columns = input.columns.get(name)!;
    const count = await input.count(name);
    const rows = await input.rows(name, count > MOST_ROWS_SHOWN ? FIRST_ROWS : MOST_ROWS_SHOWN);
    const withheld = TELLING.has(name) && (await input.rows('sources')).some((s) => s['redistribute'] === false);
    return {
      title: `Table ${name}`, kicker: html`${link('data.html', 'Data')}`, heading: html`Table <code>${name}</code>`,
      body: html`${lead(input, name, count, columns.length)}${withheld ? html`
<p class="note">Rows and openings of texts that may not be passed on are not in it: ${link('data.html#kept-back', 'which, and why')}.</p>` : ''}
<p>All of it: ${list([link(`data/${name}.parquet`, 'Parquet'), link(`data/${csvName(name)}`, 'CSV'), link('data/results.duckdb', 'with all other tables in DuckDB')], ' or ')}.</p>
<h2 id="columns">Columns</h2>
${drawn({ rows: columns, columns: [
        { head: 'column', cell: (c) => html`<code>${c.name}</code>` }, { head: 'type', cell: (c) => html`<span class="quiet">${lit(c.type, 'name')}</span>` },
        { head: 'what it holds', wide: true, cell: (c) => lit(input.words.get(name)?.columns.get(c.name) ?? '', 'name') },
        { head: 'part of the key', cell: (c) => (KEYS[name]!.includes(c.name) ? 'yes' : '') },
      ] })}
${rows.length === 0 ? '' : html`<section id="rows"><h2>Rows</h2>${count > rows.length ? html`<p class="note">The first ${derived('shown', rows.length, html`rows of the table that are shown here, in its order.`, { as: 'count' })}; the downloads have them all.</p>` : ''}
${drawn({ rows, columns: columns.flatMap((c) => columnOf(name, c, columns, rows)), sortable: true })}</section>`}`,
    };
  },
};

function lead(input: PageInput, name: string, count: number, columns: number): Html {
  const cell = input.tableCells.get(name);
  const words = input.words.get(name)?.row ?? '';
  const by = cell ? html`, written by ${link(cellPath(cell), cell)}` : '';
  return html`<p class="lead">${count === 0 ? html`This table has no rows in this run${by}. A row would be ${lit(words, 'name')}.`
    : html`${derived('rows', count, html`rows of the table, counted.`, { as: 'count' })} ${count === 1 ? 'row' : 'rows'} of ${derived('columns', columns, html`columns of the table.`, { as: 'count' })} columns${by}. One row is ${lit(words, 'name')}.`}</p>`;
}

const NUMERIC = /^(?:DOUBLE|BIGINT|INTEGER)$/;

/** How a column of the data is shown. The ends of an interval stand beside their value. */
function columnOf(name: string, { name: column, type }: Column, all: readonly Column[], rows: readonly Row[]): readonly TableColumn<Row>[] {
  const head = html`<code>${column}</code>`;
  const isKey = KEYS[name]!.includes(column);
  if ((column === 'low' || column === 'high') && all.some((c) => c.name === 'value')) return [];
  if (rows.every((row) => row[column] === null)) return [];
  if (column === 'cell') return [{ head, cell: (row) => link(cellPath(String(row['cell'])), String(row['cell'])) }];
  // A year is the name of one, not a count.
  if (NUMERIC.test(type) && !isKey && column !== 'year') {
    const options: NumberOptions = type === 'DOUBLE' || column === 'value' ? {} : { as: 'count' };
    return [{ head, number: (row) => (row[column] === null ? undefined : row), what: `${name}.${column}`, options, gap: () => '' }];
  }
  return [{ head, cell: (row) => literal(row[column]), end: NUMERIC.test(type), wide: longest(rows, column) > 40 }];
}

const longest = (rows: readonly Row[], column: string): number => Math.max(...rows.map((row) => Math.min(LONGEST, String(row[column]).length)));

function literal(value: unknown): Content {
  if (value === null || value === undefined) return '';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number' || typeof value === 'bigint') return lit(String(value).replace('-', '−'), 'parameter');
  const text = Array.isArray(value) ? value.map(String).join('|') : String(value);
  return lit(text, 'name', LONGEST);
}
