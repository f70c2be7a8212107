/**
 * Proof of the audit: each thing that can be changed in a store or in a published site is changed, made consistent with itself as far as a
 * person with the sources could, and must be caught and named. The unchanged one passes before, between and after.
 */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keyOf } from '../../stages/dag/key.ts';
import { encodeLine, readLines } from '../../stages/dag/log-lines.ts';
import { DRAWN_WITH_FILE } from '../../reports/drawn-with-file.ts';
import { MANIFEST_FILE, manifestText } from '../../reports/manifest.ts';
import { PAGES_PROGRAM } from '../../reports/pages-parts.ts';
import { RECORDS_FILE } from '../../reports/records-file.ts';
import { KEY_FILE, STATEMENT_FILE, preAuthentication } from '../../reports/statement.ts';
import { SiteProject } from './site-project.ts';
import type { AuditFinding, CellRecord, Sha256 } from '../../stages/dag/index.ts';
import type { SiteFault } from '../../provenance/site-folder.ts';
import type { Manifest } from '../../reports/manifest.ts';

const NUMBER = 'kl_mean.small.nf4';
const CELL = 'summarize:small/nf4';
const OTHER = 'summarize:small/fp16';
const PAGE = 'site/cells/summarize~small~nf4.html';

const test = suite('provenance: mutations');
let project: SiteProject;
test.before(async () => {
  project = new SiteProject();
  assert.is((await project.command('run')).code, 0);
});
test.after(() => project.remove());

const hash = (bytes: Uint8Array | string): Sha256 => createHash('sha256').update(bytes).digest('hex') as Sha256;

async function audited(...what: string[]): Promise<{ readonly code: number; readonly findings: readonly AuditFinding[] }> {
  const { code, lines } = await project.command('audit', ...(what.length === 0 ? [NUMBER] : what), '--json');
  return { code, findings: (JSON.parse(lines.at(-1)!) as { findings: AuditFinding[] }).findings };
}

async function checked(...options: string[]): Promise<{ readonly code: number; readonly faults: readonly SiteFault[] }> {
  const { code, lines } = await project.command('check-site', project.path('site'), '--json', ...options);
  return { code, faults: (JSON.parse(lines.at(-1)!) as { faults: SiteFault[] }).faults };
}

/** Changes files, looks, and puts back what was there. */
async function changed(paths: readonly string[], change: () => void, look: () => Promise<void>): Promise<void> {
  const before = paths.map((path) => { try { return project.read(path); } catch { return undefined; } });
  try {
    change();
    await look();
  } finally {
    paths.forEach((path, i) => { if (before[i] === undefined) rmSync(project.path(path), { force: true }); else project.write(path, before[i]); });
  }
}

test('unchanged: every link holds, everything agrees', async () => {
  assert.equal(await audited(), { code: 0, findings: [] });
  assert.equal(await audited('index.html'), { code: 0, findings: [] });
  assert.equal(await checked(), { code: 0, faults: [] });
  assert.match((await project.command('audit', NUMBER)).lines.at(-1)!, /^every link holds \(2 cells, \d+ objects, [\d,]+ bytes hashed\)$/);
});

// ---- the store ----

const segment = (): string => `.bitwidth/records/${readdirSync(project.path('.bitwidth/records'))[0]!}`;
const pack = (): string => `.bitwidth/packs/${readdirSync(project.path('.bitwidth/packs'))[0]!}`;

type Line = CellRecord & { readonly objects?: readonly (readonly [Sha256, number, number])[]; readonly pack?: string };

/** Writes the log anew, each line with its checksum. */
function edit(change: (kind: string, body: Line) => object): void {
  project.write(segment(), Buffer.concat(readLines(Buffer.from(project.read(segment()))).lines.map((line) => encodeLine(line.kind, change(line.kind, line.parse() as Line)))));
}

/** The record of a cell, its key fixed. */
const editRecord = (cell: string, change: (record: CellRecord) => Partial<CellRecord>) => (): void => edit((kind, body) => {
  if (kind !== 'record' || body.cell !== cell) return body;
  const record = { ...body, ...change(body) };
  return { ...record, key: keyOf(record.fields) };
});

function recordOf(cell: string): CellRecord {
  return readLines(Buffer.from(project.read(segment()))).lines.filter(({ kind }) => kind === 'record').map((line) => line.parse() as CellRecord).find((record) => record.cell === cell)!;
}

/** Where an object lies: the file and the offset of its first byte. */
function placeOf(sha256: string): readonly [file: string, offset: number] {
  for (const line of readLines(Buffer.from(project.read(segment()))).lines) {
    if (line.kind !== 'pack') continue;
    const { pack: name, objects } = line.parse() as Line;
    const found = objects!.find(([sha]) => sha === sha256);
    if (found !== undefined) return [`.bitwidth/packs/${name!}.pack`, found[1]];
  }
  throw new Error('no such object');
}

function flip(path: string, at: number): void {
  const bytes = project.read(path);
  bytes[at]! ^= 0x10;
  project.write(path, bytes);
}

const STORE: readonly (readonly [what: string, place: string, change: () => void])[] = [
  ['a parameter, a seed', `${CELL} params.seed`, editRecord(CELL, ({ fields }) => ({ fields: { ...fields, params: { ...fields.params, seed: 2 } } }))],
  ['an edge', `${CELL} input text`, editRecord(CELL, ({ fields }) => ({ fields: { ...fields, inputs: { text: 'a'.repeat(64) } } }))],
  ['an edge above it', 'fetch:text input file', editRecord('fetch:text', ({ fields }) => ({ fields: { ...fields, inputs: { file: 'a'.repeat(64) } } }))],
  ['the size of an output', `${CELL} output metrics`, editRecord(CELL, ({ outputs }) => ({ outputs: { metrics: { ...outputs['metrics']!, bytes: 17 } } }))],
  ['the hash of an output', `${CELL} output metrics`, editRecord(CELL, ({ outputs }) => ({ outputs: { metrics: { ...outputs['metrics']!, sha256: 'b'.repeat(64) as Sha256 } } }))],
  ['a time', `${CELL} finishedAt`, editRecord(CELL, () => ({ finishedAt: '2020-01-02T03:04:05.678+00:00' }))],
  ['how long it took', `${CELL} durationMs`, editRecord(CELL, () => ({ durationMs: 9e7 }))],
  ['the run', `${CELL} run`, editRecord(CELL, () => ({ run: '2020-01-02T03-04-05-00000000' }))],
  ['the machine', `${CELL} machine`, editRecord(CELL, () => ({ machine: 'machine-better' }))],
  ['the hash of its code', `${CELL} code`, editRecord(CELL, ({ fields }) => ({ fields: { ...fields, code: 'c'.repeat(64) } }))],
  ['a file of its code', `${CELL} code`, () => edit((kind, body) => kind === 'closure' && 'count.ts' in (body as unknown as { files: object }).files ? { ...body, files: { ...(body as unknown as { files: object }).files, 'count.ts': 'd'.repeat(64) } } : body)],
];
for (const [what, place, change] of STORE) {
  test(`in the store, ${what}`, async () => {
    await changed([segment()], change, async () => {
      const { code, findings } = await audited(CELL);
      assert.is(code, 3);
      assert.ok(findings.some((finding) => `${finding.cell} ${finding.what}` === place), JSON.stringify(findings));
      assert.ok(findings.every(({ expected, found }) => expected !== found));
    });
  });
}

test('in the store, a byte of an object: of the result, of what it read, of a page', async () => {
  const results = [[CELL, 'metrics', CELL, `${CELL} output metrics`], ['fetch:text', 'text', CELL, 'fetch:text output text']] as const;
  for (const [cell, output, target, place] of results) {
    const [file, offset] = placeOf(recordOf(cell).outputs[output]!.sha256);
    await changed([file], () => flip(file, offset + 5), async () => {
      const { code, findings } = await audited(target);
      assert.is(code, 3);
      assert.ok(findings.some((finding) => `${finding.cell} ${finding.what}` === place && /its bytes hash to/.test(finding.found)), JSON.stringify(findings));
    });
  }
  const [file, offset] = placeOf(hash(project.read('site/glossary.html')));
  await changed([file], () => flip(file, offset + 50), async () => {
    const { findings } = await audited('page:glossary');
    assert.equal(findings.map((finding) => `${finding.cell} ${finding.what}`), ['page:glossary output page, file glossary.html']);
  });
});

test('in the store, a table that cannot be read: nothing is followed through it', async () => {
  const [file, offset] = placeOf(recordOf('tabulate:metrics').outputs['rows']!.sha256);
  await changed([file], () => flip(file, offset + 5), async () => {
    const { code, findings } = await audited();
    assert.is(code, 3);
    assert.match(findings[0]!.what, new RegExp(recordOf('tabulate:metrics').outputs['rows']!.sha256));
  });
});

test('in the store, two objects swapped, and two results', async () => {
  const [mine, theirs] = [recordOf(CELL).outputs, recordOf(OTHER).outputs];
  const swap = (sha: Sha256): Sha256 => sha === mine['metrics']!.sha256 ? theirs['metrics']!.sha256 : sha === theirs['metrics']!.sha256 ? mine['metrics']!.sha256 : sha;
  await changed([segment()], () => edit((kind, body) => kind === 'pack' ? { ...body, objects: body.objects!.map(([sha, offset, bytes]) => [swap(sha), offset, bytes]) } : body), async () => {
    const { findings } = await audited(CELL);
    assert.ok(findings.some(({ cell, what }) => cell === CELL && what === 'output metrics'), JSON.stringify(findings));
  });
  await changed([segment()], () => edit((kind, body) => kind === 'record' && [CELL, OTHER].includes(body.cell) ? { ...body, outputs: body.cell === CELL ? theirs : mine } : body), async () => {
    const { code, findings } = await audited();
    assert.is(code, 3);
    assert.ok(findings.some(({ cell, what }) => cell === 'tabulate:metrics' && what === 'input from'), JSON.stringify(findings));
  });
});

test('in the store, a number of a table, with its object and its record made to fit', async () => {
  const { outputs } = recordOf('tabulate:metrics');
  const [file, offset] = placeOf(outputs['rows']!.sha256);
  const rows = project.read(file).subarray(offset, offset + outputs['rows']!.bytes).toString('utf8');
  const wrong = Buffer.from(rows.split('\n').map((line) => line.includes('"kl_mean"') && line.includes('"nf4"') ? line.replace(/"value":[\d.e-]+/, '"value":0.001') : line).join('\n'));
  assert.is.not(wrong.toString(), rows);
  const sha256 = hash(wrong);
  const loose = `.bitwidth/objects/${sha256.slice(0, 2)}/${sha256}`;
  await changed([segment(), loose], () => {
    edit((kind, body) => kind === 'record' && body.cell === 'tabulate:metrics' ? { ...body, outputs: { rows: { sha256, bytes: wrong.length } } } : body);
    rmSync(project.path(loose), { force: true });
    project.makeFolder(`.bitwidth/objects/${sha256.slice(0, 2)}`);
    project.write(loose, wrong);
  }, async () => {
    const { code, findings } = await audited();
    assert.is(code, 3);
    const places = findings.map(({ cell, what }) => `${cell} ${what}`);
    for (const place of [`${CELL} value of metrics`, `${CELL} index.html`, `${CELL} data/metrics.csv`]) assert.ok(places.includes(place), `${place}: ${JSON.stringify(places)}`);
  });
});

test('a file from outside, changed since', async () => {
  await changed(['text.txt'], () => project.write('text.txt', 'to be'), async () => {
    assert.ok((await audited()).findings.some(({ cell, what }) => cell === 'fetch:text' && what === 'input file'));
  });
});

test('a published file, for audit: a number on a page, in a table\'s file, on its cell\'s page; a page that is gone', async () => {
  const cases: readonly (readonly [string, () => void, string])[] = [
    ['site/index.html', () => replace('site/index.html', '>0.00147 ± 0.00015<', '>0.00047 ± 0.00015<'), 'index.html'],
    ['site/data/metrics.csv', () => replace('site/data/metrics.csv', '0.0014705882352941176', '0.0004705882352941176'), 'data/metrics.csv'],
    [PAGE, () => replace(PAGE, '0.0014705882352941176', '0.0004705882352941176'), PAGE.slice('site/'.length)],
    [PAGE, () => rmSync(project.path(PAGE)), PAGE.slice('site/'.length)],
  ];
  for (const [file, change, place] of cases) {
    await changed([file], change, async () => {
      const { code, findings } = await audited();
      assert.is(code, 3);
      assert.ok(findings.length > 0 && findings.every(({ what }) => what === place), JSON.stringify(findings));
    });
  }
  await changed(['site/quality.html'], () => flip('site/quality.html', 700), async () => {
    assert.ok((await audited('quality.html')).findings.some(({ what }) => what === 'quality.html'));
  });
});

// ---- the published site ----

function replace(path: string, from: string, to: string): void {
  const before = project.read(path).toString('utf8');
  assert.ok(before.includes(from), `${path} holds ${from}`);
  project.write(path, before.replace(from, to));
}

/** Lists the files that are there, as a person would who hides a change. */
function listAnew(...more: readonly string[]): void {
  const old = JSON.parse(project.read(`site/${MANIFEST_FILE}`).toString()) as Manifest;
  const files = [...Object.keys(old.files), ...more].flatMap((path) => {
    try {
      const bytes = project.read(`site/${path}`);
      return [[path, { bytes: bytes.length, sha256: hash(bytes) }] as const];
    } catch {
      return [];
    }
  });
  project.write(`site/${MANIFEST_FILE}`, manifestText(new Map(files)));
}

const MANIFEST = `site/${MANIFEST_FILE}`;
const RECORDS = `site/${RECORDS_FILE}`;
const DRAWN_WITH = `site/${DRAWN_WITH_FILE}`;

/** A published record, its key fixed. */
const editPublished = (change: (record: CellRecord) => object) => (): void => {
  const lines = gunzipSync(project.read(RECORDS)).toString('utf8').split('\n').map((line) => {
    if (line === '') return line;
    const value = JSON.parse(line) as { cell?: string; record?: CellRecord };
    if (value.cell !== CELL) return line;
    const record = { ...value.record!, ...change(value.record!) } as CellRecord;
    return JSON.stringify({ ...value, params: record.fields.params, record: { ...record, key: keyOf(record.fields) } });
  });
  project.write(RECORDS, gzipSync(lines.join('\n')));
};

interface SiteCase { readonly what: string; readonly files: readonly string[]; readonly change: () => void; /** Also with the list of files made to fit. */ readonly hidden?: boolean; readonly fault: RegExp }
const SITE: readonly SiteCase[] = [
  { what: 'a byte of a page', files: ['site/method.html'], change: () => flip('site/method.html', 900), fault: /^method\.html: sha256/ },
  { what: 'a byte of the style', files: ['site/assets/style.css'], change: () => flip('site/assets/style.css', 9), fault: /^assets\/style\.css: sha256/ },
  { what: 'a byte of a Parquet', files: ['site/data/metrics.parquet'], change: () => flip('site/data/metrics.parquet', 60), fault: /^data\/metrics\.parquet: sha256/ },
  { what: 'a byte of the database', files: ['site/data/results.duckdb'], change: () => flip('site/data/results.duckdb', 9000), fault: /^data\/results\.duckdb: sha256/ },
  { what: 'a byte more', files: ['site/claims.html'], change: () => project.write('site/claims.html', Buffer.concat([project.read('site/claims.html'), Buffer.from('\n')])), fault: /^claims\.html: size/ },
  { what: 'a file that is gone', files: ['site/models/small.html'], change: () => rmSync(project.path('site/models/small.html')), fault: /^models\/small\.html: missing/ },
  { what: 'a file that is gone, and the list with it', files: ['site/models/small.html'], hidden: true, change: () => rmSync(project.path('site/models/small.html')), fault: /^models\/small\.html: missing a file of the site nothing$/ },
  { what: 'a file more', files: ['site/data/extra.html'], change: () => project.write('site/data/extra.html', '<p>'), fault: /^data\/extra\.html: added/ },
  { what: 'the list', files: [MANIFEST], change: () => rmSync(project.path(MANIFEST)), fault: /^data\/files\.json: missing/ },
  { what: 'half of the list', files: [MANIFEST], change: () => project.write(MANIFEST, project.read(MANIFEST).subarray(0, 900)), fault: /^data\/files\.json: it is no JSON/ },
  { what: 'a number on a page', files: ['site/index.html'], hidden: true, change: () => replace('site/index.html', '>0.00147 ± 0.00015<', '>0.00047 ± 0.00015<'), fault: /^index\.html: the number kl_mean\.small\.nf4 0\.00147 ± 0\.00015 0\.00047/ },
  { what: 'an interval on a page', files: ['site/index.html'], hidden: true, change: () => replace('site/index.html', '>0.00147 ± 0.00015<', '>0.00147 ± 0.00005<'), fault: /^index\.html: the number kl_mean\.small\.nf4/ },
  { what: 'what a table is sorted by', files: ['site/models/small.html'], hidden: true, change: () => replace('site/models/small.html', 'data-value="0.0014705882352941176"', 'data-value="0.5"'), fault: /^models\/small\.html: .* in row \d+ of .*, in what is marked, linked or drawn .*data-value="0\.00147.*data-value="0\.5"/ },
  { what: 'where a number leads', files: ['site/index.html'], hidden: true, change: () => replace('site/index.html', 'summarize~small~nf4.html#kl_mean', 'summarize~small~fp16.html#kl_mean'), fault: /^index\.html: the number kl_mean\.small\.nf4, in what is marked, linked or drawn .*nf4\.html#kl_mean.*fp16\.html#kl_mean/ },
  { what: 'a number of a cell\'s page', files: [PAGE], hidden: true, change: () => replace(PAGE, '0.0014705882352941176', '0.0004705882352941176'), fault: /^cells\/summarize~small~nf4\.html: the number kl_mean\.small\.nf4/ },
  { what: 'an end of an interval on a cell\'s page', files: [PAGE], hidden: true, change: () => replace(PAGE, '0.0013235294117647058', '0.0003235294117647058'), fault: /^cells\/summarize~small~nf4\.html: low in row 4 of metrics/ },
  { what: 'a number of a CSV', files: ['site/data/metrics.csv'], hidden: true, change: () => replace('site/data/metrics.csv', '0.0014705882352941176', '0.0004705882352941176'), fault: /^data\/metrics\.parquet: table metrics/ },
  { what: 'a verdict on the overview', files: ['site/index.html'], hidden: true, change: () => replace('site/index.html', '>inconclusive<', '>supported<'), fault: /^index\.html: what stands under “The claims.*” “?inconclusive.* “?supported/ },
  { what: 'a row that a cell\'s page lists, taken away', files: [PAGE], hidden: true, change: () => project.write(PAGE, project.read(PAGE).toString().replace(/<tr><td[^]*?<\/tr>\n/, '')), fault: /^cells\/summarize~small~nf4\.html: rows of metrics 7 6$/ },
  { what: 'a number of the macros for TeX', files: ['site/data/numbers.tex'], hidden: true, change: () => replace('site/data/numbers.tex', '{kl_mean.small.nf4}{0.00147 \\pm', '{kl_mean.small.nf4}{0.00047 \\pm'), fault: /^data\/numbers\.tex: line \d+ “\\bwdefine\{kl_mean\.small\.nf4\}\{0\.00147 .*“\\bwdefine\{kl_mean\.small\.nf4\}\{0\.00047 / },
  { what: 'a number of the macros for TeX where another version wrote the site', files: ['site/data/numbers.tex', `site/${PAGES_PROGRAM}`], hidden: true, change: () => { project.write(`site/${PAGES_PROGRAM}`, '// of another version\n'); replace('site/data/numbers.tex', '{kl_mean.small.nf4}{0.00147 \\pm', '{kl_mean.small.nf4}{0.00047 \\pm'); }, fault: /^data\/numbers\.tex: the number kl_mean\.small\.nf4/ },
  { what: 'a verdict, with the list of what pages were drawn with taken away', files: ['site/index.html', DRAWN_WITH], hidden: true, change: () => { forgeVerdict(); rmSync(project.path(DRAWN_WITH)); }, fault: /^data\/drawn-with\.json: missing/ },
  { what: 'a verdict, with a list that is none', files: ['site/index.html', DRAWN_WITH], hidden: true, change: () => { forgeVerdict(); project.write(DRAWN_WITH, '[]\n'); }, fault: /^data\/drawn-with\.json: the pages cannot be drawn again: it does not say what pages were drawn with/ },
  { what: 'a page of a format, with a list that does not name it', files: ['site/formats/nf4.html', DRAWN_WITH], hidden: true, change: () => { replace('site/formats/nf4.html', '<h1', '<p>It is the best.</p><h1'); replace(DRAWN_WITH, ',"nf4"', ''); }, fault: /^formats\/nf4\.html: it cannot be drawn again .*data\/drawn-with\.json does not name what it is about/ },
  { what: 'a page of a cell that no record names', files: ['site/cells/more.html'], hidden: true, change: () => project.write('site/cells/more.html', project.read(PAGE)), fault: /^cells\/more\.html: it cannot be drawn again .*no record names its cell/ },
  { what: 'a tip on a page', files: ['site/quality.html'], hidden: true, change: () => replace('site/quality.html', 'data-tip="0.00147059 nats', 'data-tip="0.00047059 nats'), fault: /^quality\.html: the number kl_mean\.small\.nf4, in what is marked, linked or drawn .*data-tip="0\.00147.*data-tip="0\.00047/ },
  { what: 'the columns of a CSV', files: ['site/data/metrics.csv'], hidden: true, change: () => replace('site/data/metrics.csv', 'quantity,model', 'model,quantity'), fault: /^data\/metrics\.csv: its columns are/ },
  { what: 'a cell\'s page that swapped places with another', files: [PAGE, 'site/cells/summarize~small~fp16.html'], hidden: true, change: swapPages, fault: /^cells\/summarize~small~nf4\.html: a heading summarize:small\/nf4 summarize:small\/fp16/ },
  { what: 'a hash on a cell\'s page', files: [PAGE], hidden: true, change: () => replace(PAGE, project.read(PAGE).toString().match(/output metrics<\/dt><dd><span class="hash"><span class="lit hash">([0-9a-f]{64})/)![1]!, 'e'.repeat(64)), fault: /^cells\/summarize~small~nf4\.html: output metrics/ },
  { what: 'an input on a cell\'s page', files: [PAGE], hidden: true, change: () => replace(PAGE, `${recordOf('fetch:text').outputs['text']!.sha256.slice(0, 16)}`, 'e'.repeat(16)), fault: /^cells\/summarize~small~nf4\.html: .* in row 1 of inputs/ },
  { what: 'a seed in a published record', files: [RECORDS], hidden: true, change: editPublished(({ fields }) => ({ fields: { ...fields, params: { ...fields.params, seed: 2 } } })), fault: /^cells\/summarize~small~nf4\.html: key/ },
  { what: 'an edge in a published record', files: [RECORDS], hidden: true, change: editPublished(({ fields }) => ({ fields: { ...fields, inputs: { text: 'a'.repeat(64) } } })), fault: /^data\/records\.ndjson\.gz: input text of summarize:small\/nf4/ },
  { what: 'a size in a published record', files: [RECORDS], hidden: true, change: editPublished(({ outputs }) => ({ outputs: { metrics: { ...outputs['metrics']!, bytes: 3 } } })), fault: /^cells\/summarize~small~nf4\.html: output metrics/ },
  { what: 'a time in a published record', files: [RECORDS], hidden: true, change: editPublished(() => ({ finishedAt: '2020-01-02T03:04:05.678+00:00' })), fault: /^cells\/summarize~small~nf4\.html: finished 2020-01-02/ },
  { what: 'half of the records', files: [RECORDS], hidden: true, change: () => project.write(RECORDS, project.read(RECORDS).subarray(0, 500)), fault: /^data\/records\.ndjson\.gz: it cannot be read/ },
  { what: 'an anchor', files: ['site/index.html'], hidden: true, change: () => replace('site/index.html', 'glossary.html#kl', 'glossary.html#no-such-term'), fault: /^index\.html: a link an element no-such-term in glossary\.html/ },
  { what: 'a script from elsewhere', files: ['site/index.html'], hidden: true, change: () => replace('site/index.html', '<main', '<script src="https://example.org/x.js"></script><main'), fault: /^index\.html: <script> nothing from outside/ },
  { what: 'elements without end', files: ['site/index.html'], hidden: true, change: () => replace('site/index.html', '<main', `${'<div>'.repeat(5000)}<main`), fault: /^index\.html: its elements are more than 200 deep/ },
];

const forgeVerdict = (): void => replace('site/index.html', '>inconclusive<', '>supported<');

function swapPages(): void {
  const other = 'site/cells/summarize~small~fp16.html';
  renameSync(project.path(PAGE), project.path('swapped'));
  renameSync(project.path(other), project.path(PAGE));
  renameSync(project.path('swapped'), project.path(other));
}

for (const { what, files, change, hidden, fault } of SITE) {
  test(`on the site, ${what}${hidden === true ? ', listed as it is' : ''}`, async () => {
    await changed([...files, MANIFEST], () => { change(); if (hidden === true) listAnew(); }, async () => {
      const { code, faults } = await checked();
      assert.is(code, 3);
      const told = faults.map((one) => `${one.file}: ${one.what} ${one.expected ?? ''} ${one.found ?? ''}`.trim());
      assert.ok(told.some((one) => fault.test(one)), JSON.stringify(told.slice(0, 10), null, 1));
    });
  });
}

test('of a site that another version wrote it is said that words were not compared, and of a page of somebody\'s own that it is not drawn again', async () => {
  const told = async (): Promise<readonly string[]> => (await project.command('check-site', project.path('site'))).lines;
  await changed(['site/index.html', `site/${PAGES_PROGRAM}`, MANIFEST], () => { forgeVerdict(); project.write(`site/${PAGES_PROGRAM}`, '// of another version\n'); listAnew(); }, async () => {
    const [all, not] = await told();
    assert.match(all!, /^what was compared agrees: /);
    assert.match(not!, /^Not compared: the words of its pages, verdicts among them\. Another version of bitwidth wrote it, or its programs were changed/);
  });
  await changed(['site/own.html', MANIFEST], () => { project.write('site/own.html', project.read('site/glossary.html')); listAnew('own.html'); }, async () => {
    const [all, not] = await told();
    assert.match(all!, /^everything agrees: .* files drawn again, byte for byte$/);
    assert.match(not!, /^Not drawn again: 1 page of a project's own \(own\.html\); of them numbers and links were checked\.$/);
  });
});

test('on the site, a link in place of a file', async () => {
  await changed(['site/method.html'], () => { rmSync(project.path('site/method.html')); symlinkSync('/etc/hostname', project.path('site/method.html')); }, async () => {
    const { code, faults } = await checked();
    assert.is(code, 3);
    assert.ok(faults.some(({ file, what }) => file === 'method.html' && what === 'a link, not a file'));
    assert.ok(!JSON.stringify(faults).includes('/etc'), 'where it leads is not looked at');
  });
});

/** Signs the site as a statement over its list of files. */
function signSite(subject: { readonly name: string; readonly digest: { readonly sha256: string } }): { readonly pem: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const payload = Buffer.from(JSON.stringify({ _type: 'https://in-toto.io/Statement/v1', subject: [subject], predicateType: 'https://slsa.dev/provenance/v1', predicate: {} }));
  const payloadType = 'application/vnd.in-toto+json';
  const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
  project.makeFolder('site/data/provenance');
  project.write(`site/${STATEMENT_FILE}`, `${JSON.stringify({ payloadType, payload: payload.toString('base64'), signatures: [{ sig: sign(null, preAuthentication(payloadType, payload), privateKey).toString('base64') }] })}\n`);
  project.write(`site/${KEY_FILE}`, pem);
  return { pem };
}

test('on the site, a signature: sound, then each part of it changed', async () => {
  const signature = [`site/${STATEMENT_FILE}`, `site/${KEY_FILE}`];
  const subject = { name: MANIFEST_FILE, digest: { sha256: hash(project.read(MANIFEST)) } };
  await changed(signature, () => { signSite(subject); }, async () => {
    assert.equal(await checked(), { code: 0, faults: [] });
    const told = async (...options: string[]): Promise<string> => { const { code, faults } = await checked(...options); assert.is(code, 3); return faults.map(({ file, what }) => `${file}: ${what}`).join('\n'); };
    await changed(signature, () => replace(`site/${STATEMENT_FILE}`, '"sig":"', '"sig":"AAAA'), async () => assert.match(await told(), /statement\.intoto\.jsonl: no signature of it is by the key/));
    await changed(signature, () => {
      const envelope = JSON.parse(project.read(`site/${STATEMENT_FILE}`).toString()) as { payload: string };
      const payload = Buffer.from(envelope.payload, 'base64').toString().replace(/[0-9a-f]{64}/, 'f'.repeat(64));
      project.write(`site/${STATEMENT_FILE}`, JSON.stringify({ ...envelope, payload: Buffer.from(payload).toString('base64') }));
    }, async () => assert.match(await told(), /no signature of it is by the key/));
    await changed(signature, () => project.write(`site/${KEY_FILE}`, generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' })), async () => assert.match(await told(), /no signature of it is by the key/));
    const trusted = project.path('trusted.pem');
    writeFileSync(trusted, project.read(`site/${KEY_FILE}`));
    // Signed anew by somebody else, key and all: only the key that one knew before tells.
    await changed(signature, () => { signSite(subject); }, async () => {
      assert.equal(await checked(), { code: 0, faults: [] });
      assert.match(await told('--key', trusted), /no signature of it is by the key/);
    });
    await changed([MANIFEST, 'site/method.html'], () => { project.write('site/method.html', Buffer.concat([project.read('site/method.html'), Buffer.from('\n')])); listAnew(); }, async () => assert.match(await told(), /data\/files\.json: sha256 in the statement/));
  });
});

test('unchanged again: every change was put back', async () => {
  assert.equal(await audited(), { code: 0, findings: [] });
  assert.equal(await checked(), { code: 0, faults: [] });
  assert.ok(pack().endsWith('.pack'));
});

test.run();
