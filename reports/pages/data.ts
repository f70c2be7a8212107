/** The tables themselves: what each holds, how many rows, and where to download it. */
import { html, link, lit } from '../html.ts';
import type { Html } from '../html.ts';
import { cellPath, derived } from '../num.ts';
import type { Row } from '../num.ts';
import type { Page, PageInput } from '../page.ts';
import { table } from '../table.ts';
import { KEYS, PACKED, csvName } from '../tables.ts';

/** What a row of each table is. */
const WHAT: { readonly [table: string]: string } = {
  models: 'a model of the study', formats: 'a weight format', layouts: 'a part of a format’s byte layout', artifacts: 'a model in a format: its stored bytes',
  tensor_errors: 'a quantized tensor: its error', texts: 'a text that was scored', windows: 'a window of a text under a format: sums over its tokens',
  token_scores: 'a scored token under a format', sampling_windows: 'a window at a temperature and top_k: the sampler’s distribution against the base’s',
  metrics: 'an aggregate with its interval', sweep_metrics: 'an aggregate at a temperature and top_k, with its interval', generations: 'a text that was written', speed_samples: 'a timing', speed_runs: 'a model timed on an engine, and what else the machine did',
  kernel_rates: 'an engine or a peer at one kind of work', machines: 'a machine that measured', claims: 'a claim with its verdict', claim_effects: 'an estimate that a verdict rests on', sources: 'a file that came from outside: origin, hash, licence',
};

export const data: Page = {
  name: 'data',
  path: () => 'data.html',
  tables: Object.keys(KEYS),
  sizes: true,
  async write(input) {
    const tables = await Promise.all(Object.keys(KEYS).map(async (table) => ({
      table, rows: Number((await input.query(`SELECT count(*) AS n FROM ${table}`))[0]!['n']),
      columns: await input.query<Row & { column_name: string; column_type: string }>(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${table})`),
    })));
    const total = tables.reduce((sum, t) => sum + t.rows, 0);
    return {
      title: 'Data',
      body: html`<p class="lead">Everything on this site is drawn from ${derived('tables', tables.length, html`tables of ${link('data/schema.sql', 'schema.sql')}.`, { as: 'count' })} tables with ${derived('rows', total, html`the sum of the rows of all tables.`, { as: 'count' })} rows, which you can download.</p>
<p>All in one: ${file(input, 'data/results.duckdb', 'results.duckdb')}. What the columns mean: ${link('data/schema.sql', 'schema.sql')}. Parquet and CSV are the same bytes each time the study is computed again; the DuckDB file holds the same rows.</p>
${table({ rows: tables, rowId: (t) => t.table, columns: [
        { head: 'table', cell: (t) => html`<code>${t.table}</code>` },
        { head: 'one row is', cell: (t) => WHAT[t.table] ?? 'described in schema.sql', wide: true },
        { head: 'rows', end: true, cell: (t) => derived(`rows.${t.table}`, t.rows, html`rows of ${t.table}${writer(input, t.table)}.`, { as: 'count' }) },
        { head: 'Parquet', end: true, cell: (t) => file(input, `data/${t.table}.parquet`, 'Parquet') },
        { head: 'CSV', end: true, cell: (t) => file(input, `data/${csvName(t.table)}`, PACKED.has(t.table) ? 'CSV, compressed' : 'CSV') },
      ] })}
<h2>Columns</h2>
${tables.map((t) => html`<details><summary>${t.table}</summary><p>One row is ${WHAT[t.table] ?? 'described in schema.sql'}${writer(input, t.table)}.</p><ul>${t.columns.map((c) => html`<li><code>${c.column_name}</code> <span class="quiet">${lit(c.column_type, 'name')}${KEYS[t.table]!.includes(c.column_name) ? ', part of the key' : ''}</span></li>`)}</ul></details>
`)}`,
    };
  },
};

/** The cell that wrote a table. */
function writer(input: PageInput, name: string): Html {
  const cell = input.tableCells.get(name);
  return cell ? html`, written by ${link(cellPath(cell), cell)}` : html``;
}

/** A download with its size, where the export is there. */
function file(input: PageInput, path: string, name: string): Html {
  const bytes = input.sizes[path];
  return html`${link(path, name)}${bytes === undefined ? '' : html` <span class="quiet">${derived(`size.${path}`, bytes, html`size of ${path}.`, { as: 'bytes', ...(path.endsWith('.duckdb') ? { decimals: 0 } : {}) })}</span>`}`;
}
