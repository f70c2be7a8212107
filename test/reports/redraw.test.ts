/** What a report shows, drawn again of what it publishes: of figures and long lists too, of texts that would be markup, of a table that failed; and what differs is named by its place. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tableRows } from '../../reports/csv.ts';
import { DRAWN_WITH_FILE, readDrawnWith } from '../../reports/drawn-with-file.ts';
import { inOrder } from '../../reports/in-order.ts';
import { pageDiff, textDiff } from '../../reports/page-diff.ts';
import { provenanceIn, recordLines } from '../../reports/records-file.ts';
import { redrawn } from '../../reports/redraw.ts';
import { csvName, schemaTables } from '../../reports/tables.ts';
import { PAYLOAD, spoiledRows } from '../browser/hostile.ts';
import { artificialRecords, artificialRows } from './rows.ts';
import { buildSite } from './site.ts';
import type { Redrawn } from '../../reports/redraw.ts';
import type { RecordLine } from '../../reports/records-file.ts';
import type { SiteOptions } from './site.ts';

const test = suite('report: drawn again of what it publishes');
const schema = readFileSync(new URL('../../data/schema.sql', import.meta.url), 'utf8');

interface Drawn { readonly page: (path: string) => string; readonly paths: readonly string[]; readonly again: Redrawn }

async function drawnOf(options: Omit<SiteOptions, 'records' | 'stages'>): Promise<Drawn> {
  const { files, failed } = await buildSite({ ...options, records: artificialRecords(artificialRows()), stages: ['page', 'run-page', 'cell-pages', 'exports', 'database', 'numbers-tex', 'records', 'artifact', 'drawn-with'] });
  assert.equal([...failed], []);
  const bytes = (path: string): Buffer => (path.endsWith('.gz') ? gunzipSync : Buffer.from)(files.get(path)!) as Buffer;
  const rows = new Map([...schemaTables(schema)].flatMap(([table, columns]) => files.has(`data/${csvName(table)}`) ? [[table, tableRows(bytes(`data/${csvName(table)}`).toString(), columns)] as const] : []));
  const lines = bytes('data/records.ndjson.gz').toString().split('\n').flatMap((line) => line === '' ? [] : [JSON.parse(line) as RecordLine]);
  const again = redrawn({ schema, rows, lines, drawnWith: readDrawnWith(bytes(DRAWN_WITH_FILE).toString()), files: Object.fromEntries([...files].map(([path, { length }]) => [path, length])) });
  return { page: (path) => bytes(path).toString(), paths: [...files.keys()], again };
}

let plain: Drawn;
test.before(async () => { plain = await drawnOf({ rows: artificialRows() }); });

async function allTheSame({ page, paths, again }: Drawn): Promise<void> {
  for (const [path, draw] of again) if (paths.includes(path)) assert.is(await draw(), page(path), path);
  assert.equal(paths.filter((path) => path.endsWith('.html') && !again.has(path)), [], 'every page is drawn again');
}

test('every page, and the macros for papers, byte for byte', async () => {
  await allTheSame(plain);
  assert.ok(plain.again.has('data/numbers.tex') && plain.paths.includes('data/numbers.tex'));
  assert.ok(/<figure id="effects-/.test(plain.page('claims.html')) && /<mark>/.test(plain.page('samples.html')) && /peers\//.test(plain.paths.join()), 'figures, marks and peers are among it');
});

test('texts that would be markup, numbers that were wrong, a table whose cell failed', async () => {
  await allTheSame(await drawnOf({ rows: spoiledRows(schema, artificialRows(), PAYLOAD, 'texts') as ReturnType<typeof artificialRows> }));
  const errata = ['kl_mean.small.nf4', 'perplexity.small.fp16'];
  await allTheSame(await drawnOf({ rows: artificialRows(), errata }));
  for (const lost of [['metrics'], ['claims', 'models'], ['generations', 'token_scores']]) await allTheSame(await drawnOf({ rows: artificialRows(), lost }));
});

test('the records that a site publishes say all that pages show of a cell', () => {
  const records = artificialRecords(artificialRows());
  const [first, second, third] = records as [typeof records[0], typeof records[0], typeof records[0]];
  const waiver = { id: '0a1b2c3d', at: '2026-01-02T03:04:05.678+00:00', by: 'Ada', because: 'a comment', causes: ['code a.ts changed'], cells: 3, sampled: 2 };
  const failure = { code: 'crashed' as const, sentence: 'its process died', hint: 'try again' };
  const { record: _, ...bare } = third;
  const all = [{ ...first, waiver, reasons: [{ field: 'code', before: 'a', after: 'b' }], record: { ...first.record!, memory: { peakBytes: 7, expectedBytes: 8 }, place: { name: 'gpu', queuedMs: 9 } }, others: [{ ...first.record!, machine: 'another' }] }, second, { ...bare, failure }];
  assert.equal(provenanceIn(JSON.parse(JSON.stringify(recordLines(all))) as RecordLine[]), JSON.parse(JSON.stringify(all)));
});

test('what differs is named by where it stands', async () => {
  const said = (path: string, from: string | RegExp, to: string, ...expected: readonly RegExp[]): void => {
    const before = plain.page(path), after = before.replace(from, to);
    assert.not.equal(after, before, String(from));
    const lines = pageDiff(path, after, before).map((fault) => `${fault.what}: ${fault.found} / ${fault.expected}`);
    assert.is(lines.length, expected.length, lines.join('\n'));
    expected.forEach((pattern, i) => assert.match(lines[i]!, pattern));
  };
  const [verdict] = /<span class="verdict [\w-]+">[\w ]+<\/span>/.exec(plain.page('index.html'))!;
  said('index.html', verdict, verdict.replace(/>[\w ]+</, '>proven<'), /^what stands under “The claims, .*: “proven.* \/ “/);
  said('index.html', verdict, verdict.replace(/verdict [\w-]+"/, 'verdict shown"'), /^what stands under “The claims, .*, in what is marked, linked or drawn: .*verdict shown/);
  said('index.html', '<ul class="verdicts">', '<ul class="verdicts"><li>nothing holds</li>', /^what stands under “The claims, .*: nothing holds \/ /);
  said('index.html', '<ul class="verdicts">', '<ul class="none">', /^its markup: /);
  const [number] = /<a class="num"[^>]*>[^<]+<\/a>/.exec(plain.page('quality.html'))!;
  const inPiece = `<p>It is ${number}, which supports it.</p>`, both = (text: string): readonly string[] => pageDiff('a.html', text, `<h2 id="one">One</h2>${inPiece}<div><a href="b.html"><b>b</b></a></div>`).map(({ what }) => what);
  assert.equal(both(`<h2 id="one">One</h2>${inPiece.replace(number, number.replace(/>[^<]+</, '>7<'))}<div><a href="b.html"><b>b</b></a></div>`).map((what) => /^the number /.test(what)), [true]);
  assert.equal(both(`<h2 id="one">One</h2>${inPiece.replace(number, number.replace(/>[^<]+</, '>7<')).replace('supports', 'contradicts')}<div><a href="evil.html"><b>b</b></a></div>`), ['what stands under “one”', 'its markup'], 'words beside a number, and a link around a piece');
  said('index.html', '<title>', '<title>Not ', /^<title>: Not /);
  said('claims.html', /<span class="title">[^<]+/, '<span class="title">It holds.', /^what stands under “.*: “?It holds\./);
  said('quality.html', /(<svg aria-label="[^]*? d="M)\d/, '$17', /^the figure .*, in what is marked, linked or drawn: /);
  said('samples.html', /<mark>[^<]+<\/mark>/, '<mark>nothing</mark>', /: .*nothing.* \//);
  const cell = plain.paths.find((path) => path.startsWith('cells/') && /<td class="n"/.test(plain.page(path)))!;
  said(cell, /<dt>key<\/dt><dd class="hash"><span class="lit hash">\w/, '<dt>key</dt><dd class="hash"><span class="lit hash">_', /^key: “?_\w/);
  said(cell, /<h1>/, '<h1>a', /^a heading: a/);
  said(cell, /<tr><td[^]*?<\/tr>\n/, '', /^rows of \w+: \d+ \/ \d+$/);
  assert.equal(pageDiff('a.html', '<p>a</p>', '<p>a</p>'), []);
  assert.equal(textDiff('a', 'one\ntwo', 'one\nthree').map(({ what, expected, found }) => [what, expected, found]), [['line 2', 'three', 'two']]);
  assert.equal(textDiff('a', 'one\ntwo', 'one').map(({ what, expected, found }) => [what, expected, found]), [['line 2', 'nothing', 'two']]);
});

test('texts are put in order as DuckDB orders them, by the bytes of their UTF-8', () => {
  const texts = ['b', 'a', '\uffff', '\u{1f600}', '', 'ab', 'é'];
  assert.equal(inOrder(texts, (text) => text), [...texts].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  assert.equal(inOrder([3, null, 1], (value) => value), [1, 3, null]);
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

test.run();
