/** The tables themselves: what each holds, how many rows, and where to download it. */
import { html, link, lit } from '../html.ts';
import type { Html } from '../html.ts';
import { cellPath, derived } from '../num.ts';
import type { Row } from '../num.ts';
import type { Page, PageInput } from '../page.ts';
import { KEYS, PACKED, csvName } from '../tables.ts';

/** What a row of each table is. */
const WHAT: { readonly [table: string]: string } = {
  models: 'a model of the study', formats: 'a weight format', layouts: 'a part of a format’s byte layout', artifacts: 'a model in a format: its stored bytes',
  tensor_errors: 'a quantized tensor: its error', texts: 'a text that was scored', windows: 'a window of a text under a format: sums over its tokens',
  token_scores: 'a scored token under a format', sampling_windows: 'a window at a temperature and top_k: the sampler’s distribution against the base’s',
  metrics: 'an aggregate with its interval: every number that the pages compare', generations: 'a text that was written', speed_samples: 'a timing',
  machines: 'a machine that measured', claims: 'a claim with its verdict', claim_effects: 'an estimate that a verdict rests on', sources: 'a file that came from outside: origin, hash, licence',
};

export const data: Page = {
  name: 'data',
  path: () => 'data.html',
  tables: Object.keys(KEYS),
  async write(input) {
    const tables = await Promise.all(Object.keys(KEYS).map(async (table) => ({
      table, rows: Number((await input.query(`SELECT count(*) AS n FROM ${table}`))[0]!['n']),
      columns: await input.query<Row & { column_name: string; column_type: string }>(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${table})`),
    })));
    const total = tables.reduce((sum, t) => sum + t.rows, 0);
    return {
      title: 'Data',
      body: html`<p class="lead">Everything on this site is drawn from ${derived('tables', tables.length, html`tables of ${link('data/schema.sql', 'schema.sql')}.`, { as: 'count' })} tables with ${derived('rows', total, html`the sum of the rows of all tables.`, { as: 'count' })} rows, which you can download.</p>
<p>All in one: ${link('data/results.duckdb', 'results.duckdb')}. What the columns mean: ${link('data/schema.sql', 'schema.sql')}. Parquet and CSV are the same bytes each time the study is made again; the DuckDB file holds the same rows.</p>
${tables.map((t) => section(input, t))}`,
    };
  },
};

function section(input: PageInput, { table, rows, columns }: { table: string; rows: number; columns: readonly { column_name: string; column_type: string }[] }): Html {
  const cell = input.tableCells.get(table);
  const written = cell ? html`, written by ${link(cellPath(cell), cell)}` : '';
  return html`<section id="${table}"><h2>${table}</h2>
<p>One row is ${WHAT[table] ?? 'described in schema.sql'}. ${derived(`rows.${table}`, rows, html`rows of ${table}${written}.`, { as: 'count' })} rows${written}.${rows === 0 ? html` <span class="missing">Empty in this run.</span>` : ''}</p>
<p class="note">${link(`data/${table}.parquet`, 'Parquet')} · ${link(`data/${csvName(table)}`, PACKED.has(table) ? 'CSV, compressed' : 'CSV')}</p>
<details><summary>Columns</summary><ul>${columns.map((c) => html`<li><code>${c.column_name}</code> <span class="quiet">${lit(c.column_type, 'name')}${KEYS[table]!.includes(c.column_name) ? ', part of the key' : ''}</span></li>`)}</ul></details></section>
`;
}
