/** Words of rows on pages, drawn again from the tables as a site publishes them: of figures and long lists too, of texts that would be markup, and what of them is changed is named. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkCellPage, missingPages, publishedOf } from '../../reports/cell-page-check.ts';
import { tableRows } from '../../reports/csv.ts';
import { checkDrawnParts } from '../../reports/drawn-parts.ts';
import { cellPath } from '../../reports/num.ts';
import { parseHtml } from '../../reports/read-html.ts';
import { PACKED, csvName, schemaTables } from '../../reports/tables.ts';
import { PAYLOAD, spoiledRows } from '../browser/hostile.ts';
import { artificialRecords, artificialRows } from './rows.ts';
import { buildSite } from './site.ts';
import type { Row } from '../../reports/num.ts';
import type { PageFault } from '../../reports/page-numbers.ts';

const test = suite('report: words of rows on its pages');
const PAGES = ['index.html', 'claims.html', 'samples.html'];
const schema = readFileSync(new URL('../../data/schema.sql', import.meta.url), 'utf8');

interface Drawn { readonly page: (path: string) => string; readonly tables: ReadonlyMap<string, readonly Row[]>; readonly cells: readonly string[] }

async function drawnOf(rows: ReturnType<typeof artificialRows>): Promise<Drawn> {
  const { files, failed } = await buildSite({ rows, records: artificialRecords(artificialRows()), stages: ['page', 'cell-pages', 'exports'] });
  assert.is(failed.size, 0);
  const text = (path: string): string => Buffer.from(files.get(path)!).toString();
  const tables = new Map([...schemaTables(schema)].filter(([table]) => !PACKED.has(table)).map(([table, columns]) => [table, tableRows(text(`data/${csvName(table)}`), columns)]));
  return { page: text, tables, cells: [...files.keys()].filter((path) => path.startsWith('cells/')) };
}

function faultsOf(html: string, path: string, tables: Drawn['tables']): { readonly looked: number; readonly faults: readonly PageFault[] } {
  const faults: PageFault[] = [];
  return { looked: checkDrawnParts(parseHtml(html), path, tables, faults), faults };
}

let plain: Drawn, hostile: Drawn;
test.before(async () => {
  plain = await drawnOf(artificialRows());
  hostile = await drawnOf(spoiledRows(schema, artificialRows(), PAYLOAD, 'texts') as ReturnType<typeof artificialRows>);
});

test('what is there is what is drawn again, markup or none', () => {
  for (const [which, { page, tables }] of Object.entries({ plain, hostile })) {
    for (const path of PAGES) {
      const { looked, faults } = faultsOf(page(path), path, tables);
      assert.equal(faults, [], `${which} ${path}`);
      assert.ok(looked >= 3, `${path}: ${looked}`);
    }
  }
  assert.ok(/<figure id="effects-/.test(plain.page('claims.html')) && /<mark>/.test(plain.page('samples.html')), 'figures and marks are among it');
  assert.is(faultsOf(plain.page('quality.html'), 'quality.html', plain.tables).looked, 0);
});

test('every list of rows on a cell’s page, markup or none', () => {
  for (const { page, tables, cells } of [plain, hostile]) {
    const published = publishedOf(tables, []), faults: PageFault[] = [];
    const values = cells.reduce((sum, path) => sum + checkCellPage(parseHtml(page(path)), path, published, faults), 0);
    assert.equal(faults.slice(0, 3), []);
    assert.ok(values > 1000, `${values}`);
  }
});

test('a list of texts is read as it was written', () => {
  const pieces = ['.', '\n', '"', "it's", '\\', 'a\\b', '\\\'', '', ' a', 'a ', ',', ', ', '[', ']', '{a}', '(', '=', 'NULL', '\t\r', 'é∅�', 'a b'];
  // As DuckDB writes it, in a field of a CSV.
  const written = String.raw`[., '
', '""', 'it\'s', \, a\b, '\\\'', '', ' a', 'a ', ',', ', ', '[', ']', '{a}', '(', '=', 'NULL', '` + "\t\r', é∅�, a b]";
  const columns = [{ name: 'pieces', type: 'VARCHAR[]' }];
  assert.equal(tableRows(`pieces\n"${written}"\n[]\n`, columns), [{ pieces }, { pieces: [] }]);
  for (const damaged of ['[a', 'a]', "['a]", '[a, ]', '[a,b]', '[a, , b]', "['a'b]", '[[a]]']) assert.throws(() => tableRows(`pieces\n"${damaged}"\n`, columns), /row 2: pieces is ".*", which is no list of texts/, damaged);
});

test('a text, its mark, its link, one too many, and the row that they are of', () => {
  const changed = (path: string, from: string | RegExp, to: string, said: RegExp, tables = plain.tables): void => {
    const before = plain.page(path), after = before.replace(from, to);
    assert.not.equal(after, before, String(from));
    const { faults } = faultsOf(after, path, tables);
    assert.ok(faults.length > 0 && said.test(`${faults[0]!.what}: ${faults[0]!.found} / ${faults[0]!.expected}`), JSON.stringify(faults.slice(0, 2)));
  };
  const [verdict] = /<span class="verdict [\w-]+">[\w ]+<\/span>/.exec(plain.page('index.html'))!;
  changed('index.html', verdict, verdict.replace(/>[\w ]+</, '>proven<'), /^verdict 1 of \d+, in its words: “proven/);
  changed('index.html', verdict, verdict.replace(/verdict [\w-]+"/, 'verdict shown"'), /^verdict 1 of \d+, in what is marked or where it links/);
  changed('index.html', /(<ul class="verdicts"><li>.*?href="claims\.html#)[\w-]+"/s, '$1other"', /^verdict 1 of \d+, in what is marked or where it links/);
  changed('index.html', '<ul class="verdicts">', '<ul class="verdicts"><li>nothing holds</li>', /^verdict 1 of \d+, in its words: “nothing holds/);
  changed('claims.html', /<span class="title">[^<]+/, '<span class="title">It holds.', /^claim \d+ of \d+, in its words: “It holds/);
  changed('claims.html', /(<td[^>]*>)<span class="verdict [\w-]+">[\w ]+/, '$1<span class="verdict shown">shown', /^claim \d+ of \d+, in its words/);
  changed('samples.html', /<mark>[^<]+<\/mark>/, '<mark>nothing</mark>', /^written text \d+ of \d+, in its words/);
  const other = new Map([...plain.tables, ['claims', plain.tables.get('claims')!.map((row, i) => i === 0 ? { ...row, verdict: '7' } : row)] as const]);
  assert.match(faultsOf(plain.page('index.html'), 'index.html', other).faults[0]!.what, /^its words cannot be drawn again from the rows: the number "7"/);
});

test('a cell of the records without a page', () => {
  const cell = { is: 'cell' as const, cell: 'a:b', stage: 'a', determinism: 'exact' as const, params: {}, inputs: {} };
  assert.equal(missingPages(publishedOf(new Map(), [cell]), () => false).map(({ file }) => file), [cellPath('a:b')]);
});

test.run();
