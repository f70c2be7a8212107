/** `audit` as a person uses it: what it takes, what it tells, what others found; and the readers that it and `check-site` rest on. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { schemaTables } from '../../reports/tables.ts';
import { formatNumber, formattedText } from '../../reports/num.ts';
import { markOf } from '../../reports/verdicts.ts';
import { parseCsv, tableRows } from '../../reports/csv.ts';
import { UnreadablePage, elements, parseHtml, textOf } from '../../reports/read-html.ts';
import { isPrintOf, printedText } from '../../reports/printed.ts';
import { SiteProject } from './site-project.ts';
import type { NumberOptions } from '../../reports/num.ts';

const NUMBER = 'kl_mean.small.nf4';
const CELL = 'summarize:small/nf4';

const test = suite('provenance: audit');
let project: SiteProject;
test.before(async () => {
  project = new SiteProject();
  assert.is((await project.command('run')).code, 0);
});
test.after(() => project.remove());

const audit = async (...argv: string[]): Promise<{ code: number; text: string }> => {
  const { code, lines } = await project.command('audit', ...argv);
  return { code, text: lines.join('\n') };
};

test('a number: what it is, its row and SQL, its cell, its inputs down to their origin, environment, seeds, what to run', async () => {
  const { code, text } = await audit(NUMBER);
  assert.is(code, 0, text);
  for (const line of [
    /^kl_mean\.small\.nf4 = 0\.00147 ± 0\.00015 nats$/m, /value 0\.0014705882352941176 nats, interval [\d.]+ to [\d.]+, n 19 in 2 clusters/, /row \d+ of 16, written by tabulate:metrics; as the output metrics of summarize:small\/nf4 says/,
    /SELECT "value", "low", "high" FROM metrics WHERE "quantity" = 'kl_mean' AND "model" = 'small' AND "format" = 'nf4' AND "text" IS NULL/, /index\.html prints 0\.00147 ± 0\.00015/,
    /^Computed by 2 cells:$/m, /input text: text of fetch:text {2}[0-9a-f]{64}/, /^ {4}A <text>; W\. Shakespeare, "Hamlet", III, 1; licence public domain; 81 bytes$/m,
    /engine words, build words-1-1/, /^Seeds: seed 1 of summarize:small\/nf4$/m, /^Compute it again: npx bitwidth run summarize:small\/nf4/m, /^Computed again by: nobody/m, /^every link holds \(2 cells, \d+ objects, [\d,]+ bytes hashed\)$/m,
  ]) assert.match(text, line);
  assert.not.match(text, new RegExp(project.root));
});

test('the SQL that it gives answers with the number', async () => {
  const { openWarehouse } = await import('../../reports/warehouse.ts');
  const { sql } = JSON.parse((await audit(NUMBER, '--json')).text) as { sql: string };
  const schema = project.read('data/schema.sql').toString();
  const rows = tableRows(project.read('site/data/metrics.csv').toString(), schemaTables(schema).get('metrics')!);
  const warehouse = await openWarehouse({ schema, rows: new Map([['metrics', rows.map((row) => JSON.stringify(row)).join('\n')]]), scratch: project.path('.bitwidth') });
  try {
    assert.equal((await warehouse.query(sql)).map((row) => row['value']), [0.0014705882352941176]);
  } finally {
    warehouse.close();
  }
});

test('by the address of a link, a cell, a page, a table\'s file, a path; another name is answered with what is near', async () => {
  for (const [what, first] of [
    [`https://example.org/study/latest/index.html?x=1#${NUMBER}`, /^kl_mean\.small\.nf4 =/], [`#${NUMBER}`, /^kl_mean\.small\.nf4 =/], [CELL, /^summarize:small\/nf4$/], ['quality.html', /^quality\.html: output page of page:quality, [0-9a-f]{64}, \d+ bytes$/],
    ['https://example.org/study/', /^index\.html: /], ['data/metrics.csv', /^data\/metrics\.csv: output files of exports:tables/], [project.path('site/method.html'), /^method\.html: /], ['index.html#derived.metrics', /derived\.metrics: a sum of this page's own: /],
    ['cells/summarize~small~nf4.html', /^cells\/summarize~small~nf4\.html: output pages of cell-pages:all/],
  ] as const) {
    const { code, text } = await audit(what);
    assert.is(code, 0, `${what}\n${text}`);
    assert.ok(text.split('\n').slice(0, 2).some((line) => first.test(line.trim())), `${what}\n${text}`);
  }
  const { code, text } = await audit('kl_mean.small.nf5');
  assert.is(code, 2);
  assert.match(text, /"kl_mean\.small\.nf5" is no number, cell or file of the site; did you mean "kl_mean\.small\.nf4"\?/);
  assert.is((await audit('index.html#no.such.number')).code, 0, 'another anchor of a page is that page');
  assert.is((await audit('#no.such.number')).code, 2);
});

test('of a past run', async () => {
  const { code, text } = await audit(NUMBER, '--run', 'last');
  assert.is(code, 0, text);
  assert.match((await audit(NUMBER, '--run', 'no-such-run')).text, /there is no run/);
});

test('the ledger: who computed it again stands in the audit, on the cell\'s page, and as a mark on its numbers', async () => {
  const records = (JSON.parse((await audit(CELL, '--json')).text) as { chain: { cell: string; record: { key: string } }[] }).chain;
  const keyOf = (cell: string): string => records.find((one) => one.cell === cell)!.record.key;
  const reproduction = (by: string, cells: object): string => JSON.stringify({
    format: 1, of: { pipeline: 'small', run: null, cells: 'x' }, by, machine: '2 cores', cpu: 'Other <CPU>', when: '2026-03-04T05:06:00+00:00', otherCode: [], claims: [], cells,
  });
  project.makeFolder('data/reproductions');
  project.write('data/reproductions/a.json', reproduction('Ada', { [CELL]: { key: keyOf(CELL), result: 'equal' }, 'fetch:text': { key: 'f'.repeat(64), result: 'equal' } }));
  const { code } = await project.command('run');
  assert.is(code, 0);
  const page = project.read('site/index.html').toString();
  assert.match(page, /class="num again-equal" id="kl_mean\.small\.nf4"/);
  assert.match(page, /✓ computed again by others, and equal/);
  assert.match(page, /class="num again-none"/);
  assert.match(project.read('site/cells/summarize~small~nf4.html').toString(), /Computed again by<\/h2><ul><li>.*Ada.*2026-03-04.*Other &lt;CPU&gt;.*: equal, byte for byte<\/li>/);
  assert.match(project.read('site/cells/fetch~text.html').toString(), /Ada.*: an earlier result<\/li>/);
  assert.match((await audit(NUMBER)).text, /^Computed again by: Ada \(Other <CPU>, 2026-03-04\): equal$/m);
  project.write('data/reproductions/b.json', reproduction('Bob', { [CELL]: { key: keyOf(CELL), result: 'differs' } }));
  await project.command('run');
  assert.match(project.read('site/index.html').toString(), /class="num again-differs" id="kl_mean\.small\.nf4"/);
  assert.is((await project.command('check-site', project.path('site'))).code, 0);
});

test('one mark for several findings: a difference is never hidden, an earlier result is none', () => {
  const mark = (...verdicts: ('equal' | 'within' | 'differs' | 'outdated')[]): string => markOf({ entries: [], cells: { x: verdicts.map((verdict) => [0, verdict]) } }, 'x');
  assert.equal([mark('equal', 'differs'), mark('within', 'equal'), mark('within'), mark('outdated'), mark()], ['differs', 'equal', 'within', 'none', 'none']);
});

test('a print is known as one of its number, and of no other', () => {
  const numbers = [{ value: 0.2571, low: 0.2533, high: 0.2617, unit: 'nats' }, { value: -0.00002513, low: -0.00002602, high: -0.0000242 }, { value: 0.871180, unit: 'share' }, { value: 1049728 }, { value: 4194304, unit: 'bytes' }, { value: 12345, low: 11900, high: 12800 }, { value: 1.5, low: 1.4, high: 2.9 }, { value: 0 }];
  const options: readonly NumberOptions[] = [{}, { signed: true }, { bare: true }, { decimals: 3 }, { unit: 'nats' }, { smallest: 1e-6 }, { as: 'count' }];
  for (const number of numbers) {
    for (const option of options) {
      // A share in a unit of another kind is no print of ours.
      if (number.unit === 'share' && option.unit !== undefined) continue;
      const text = formattedText(formatNumber(number, option));
      assert.ok(isPrintOf(printedText(`\u2007${text} \u2008`), number), `${text} of ${JSON.stringify(number)}`);
      assert.not.ok(isPrintOf(text, { ...number, value: number.value * 1.5 + 1 }), text);
    }
  }
  assert.not.ok(isPrintOf('0.257 ± 0.004 nats', { value: 0.2571, low: 0.2433, high: 0.2717 }), 'another interval');
  for (const text of ['', 'x', '0.1.2', '1e5', '±', '(', '1 × 10']) assert.not.ok(isPrintOf(text, { value: 1 }), text);
});

test('CSV as DuckDB writes it: quotes, nothing and empty text, lines within a field; what does not end is refused', () => {
  assert.equal(parseCsv('a,b,c\n1,,"x ""y""\n,z"\n"",2,\n'), [['a', 'b', 'c'], ['1', undefined, 'x "y"\n,z'], ['', '2', undefined]]);
  assert.throws(() => parseCsv('a\n"b'), /row 2: a quoted field does not end/);
  assert.throws(() => parseCsv('"a"b\n'), /text follows a quoted field/);
  const columns = [{ name: 'a', type: 'DOUBLE' }, { name: 'b', type: 'BOOLEAN' }];
  assert.equal(tableRows('a,b\n0.1,true\n,false\n', columns), [{ a: 0.1, b: true }, { a: null, b: false }]);
  assert.throws(() => tableRows('a,b\nx,true\n', columns), /row 2: a is "x", which is no number/);
  assert.throws(() => tableRows('a,b\n1\n', columns), /row 2 has 1 fields/);
});

test('pages are read as text: comments, raw elements, quotes in attributes; one too deep is refused', () => {
  const page = parseHtml('<!doctype html><p title="a > b">x &amp; y&#x21;<!-- <a href="z">no</a> --><br><b>1</b><script>if (a < b) "<a>"</script></p></b><i class=q>2</i>');
  assert.equal([...elements(page)].map(({ tag }) => tag), ['p', 'br', 'b', 'script', 'i']);
  assert.is([...elements(page)][0]!.attributes.get('title'), 'a > b');
  assert.is(textOf([...elements(page)][2]!), '1');
  assert.match(textOf(page), /^x & y!1/);
  assert.throws(() => parseHtml('<div>'.repeat(300)), (error: Error) => error instanceof UnreadablePage);
  // Linear in what it is given, whatever that is.
  const startedMs = performance.now();
  for (const hostile of ['<', '<a ', '<a b="', '"', '&', '<!--', '</', '<a b=\'']) parseHtml(hostile.repeat(20_000));
  assert.ok(performance.now() - startedMs < 3000);
});

test.run();
