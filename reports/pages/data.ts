/** The tables themselves: what each holds, how many rows, where its columns and rows are described, and where to download it. */
import { html, link, list, lit } from '../html.ts';
import type { Html } from '../html.ts';
import { inOrder } from '../in-order.ts';
import { cellPath, derived } from '../num.ts';
import type { Page, PageInput } from '../page.ts';
import { table } from '../table.ts';
import { KEYS, PACKED, csvName } from '../tables.ts';

export const data: Page = {
  name: 'data',
  path: () => 'data.html',
  tables: Object.keys(KEYS),
  sizes: true,
  async write(input) {
    const tables = await Promise.all(Object.keys(KEYS).map(async (table) => ({ table, rows: await input.count(table) })));
    const total = tables.reduce((sum, t) => sum + t.rows, 0);
    return {
      title: 'Data',
      body: html`<p class="lead">Everything on this site is drawn from ${derived('tables', tables.length, html`tables of ${link('data/schema.sql', 'schema.sql')}.`, { as: 'count' })} tables with ${derived('rows', total, html`the sum of the rows of all tables.`, { as: 'count' })} rows, which you can download.</p>
<p>All in one: ${file(input, 'data/results.duckdb', 'results.duckdb')}. What the columns mean is on each table's page, and in ${link('data/schema.sql', 'schema.sql')}. Parquet and CSV are the same bytes each time the study is computed again; the DuckDB file holds the same rows.</p>
${await keptBack(input)}<section id="tables">${table({ rows: tables, sortable: true, rowId: (t) => t.table, columns: [
        { head: 'table', cell: (t) => link(`tables/${t.table}.html`, html`<code>${t.table}</code>`) },
        { head: 'one row is', cell: (t) => lit(input.words.get(t.table)?.row ?? '', 'name'), wide: true },
        { head: 'rows', end: true, cell: (t) => derived(`rows.${t.table}`, t.rows, html`rows of ${t.table}${writer(input, t.table)}.`, { as: 'count' }) },
        { head: 'Parquet', end: true, cell: (t) => file(input, `data/${t.table}.parquet`, 'Parquet') },
        { head: 'CSV', end: true, cell: (t) => file(input, `data/${csvName(t.table)}`, PACKED.has(t.table) ? 'CSV, compressed' : 'CSV') },
      ] })}</section>
<h2 id="exports">For papers, reviewers and programs</h2>
${table({ rows: input.params['crate'] === true ? EXPORTS : EXPORTS.filter(([path]) => path.startsWith('data/')), columns: [
        { head: 'file', cell: ([path]) => link(path, html`<code>${path}</code>`) },
        { head: 'what it is for', cell: ([, what]) => what, wide: true },
      ] })}
<p class="note">How each is made and what it proves: ${link('method.html', 'method')}; <code>npx bitwidth check-site</code> holds a copy of this site to them.</p>`,
    };
  },
};

/** What the site publishes beside its tables. */
export const EXPORTS: readonly (readonly [path: string, what: string])[] = [
  ['data/numbers.tex', 'A macro for each number of the site, for a paper in TeX; a check holds the paper to them.'],
  ['data/records.ndjson.gz', 'The record of every cell: key, inputs, code, machine, times. What every page of a cell is drawn from.'],
  ['data/files.json', 'Every file of this site with its size and sha256.'],
  ['ro-crate-metadata.json', 'This site as an RO-Crate, with the run that made it (Workflow Run profiles).'],
  ['ARTIFACT.md', 'For a reviewer: a first try of ten minutes, then a command for each claim, and the claims that are not supported.'],
  ['CITATION.cff', 'How to cite this study.'],
];

/** What the tables say less of, because it may not be passed on. */
async function keptBack(input: PageInput): Promise<Html> {
  const withheld = (await input.rows<{ title: string; licence: string; redistribute: boolean }>('sources')).filter((s) => !s.redistribute);
  const kept = inOrder(new Map(withheld.map((s) => [`${s.title}\n${s.licence}`, s])).values(), (s) => s.title);
  if (kept.length === 0) return html``;
  return html`<p id="kept-back" class="note">${list(kept.map(({ title, licence }) => html`${title} (${licence})`))} may not be passed on, as the study's list of sources has it. So these tables and packs hold no weights and no text of theirs, and of texts no token ids, no rows token by token, no worst tokens and no openings.</p>
`;
}

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
