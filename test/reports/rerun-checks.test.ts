/** What a page of the report finds out about its own site, in Node: an untouched one holds whole, and each thing that is changed is named. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCsv } from '../../reports/csv.ts';
import { MANIFEST_FILE } from '../../reports/manifest.ts';
import { cellPath } from '../../reports/num.ts';
import { RECORDS_FILE } from '../../reports/records-file.ts';
import { csvName } from '../../reports/tables.ts';
import { notRun } from '../not-run.ts';
import { aggregatesCheck } from '../../reports/rerun/aggregates.ts';
import { filesCheck } from '../../reports/rerun/files.ts';
import { logitsApart } from '../../reports/rerun/gpu.ts';
import { KeptFiles } from '../../reports/rerun/kept.ts';
import { DRAWN_WITH_FILE } from '../../reports/drawn-with-file.ts';
import { MissingFile } from '../../reports/rerun/objects.ts';
import { KEY_FILE, STATEMENT_FILE, preAuthentication } from '../../reports/statement.ts';
import { claims } from '../../stages/quantization/claims.ts';
import { aggregates } from '../../stages/quantization/in-page/aggregates.ts';
import { filesIn, planIn, read } from './reader.ts';
import type { Instead, Read } from './reader.ts';
import { smallStudy } from './small-study.ts';
import type { Finding } from '../../reports/rerun/checks.ts';
import type { Envelope } from '../../reports/statement.ts';

const test = suite('report: a page checks its own site');

let folder: string;
test.before(async () => { ({ folder } = await smallStudy()); });

const text = (path: string): string => readFileSync(join(folder, path), 'utf8');
const told = ({ findings }: Read): string => findings.map(({ verdict, what, detail }) => `${verdict} ${what}${detail === undefined ? '' : ` (${detail})`}`).join('\n');
/** Without what they come to. */
const SUMS = /^in all: |^\w+: [\d,]+ rows? computed again/;
const differing = ({ findings }: Read): readonly Finding[] => findings.filter(({ verdict, what }) => verdict === 'differs' && !SUMS.test(what));

/** One finding and no other speaks of a difference, and says this. */
function caught(found: Read, ...said: readonly RegExp[]): void {
  const lines = differing(found).map(({ what, detail }) => `${what} (${detail ?? ''})`);
  assert.is(lines.length, said.length, told(found));
  said.forEach((pattern, i) => assert.match(lines[i]!, pattern));
}

/** A line of a CSV, or of one that is packed, changed. */
function withLine(path: string, begins: string | RegExp, change: (line: string) => string | undefined): Instead {
  const packed = path.endsWith('.gz');
  const lines = (packed ? gunzipSync(readFileSync(join(folder, path))).toString() : text(path)).split('\n');
  const at = lines.findIndex((line) => typeof begins === 'string' ? line.startsWith(begins) : begins.test(line));
  assert.ok(at > 0, `${path} has no line that begins with ${String(begins)}`);
  const after = change(lines[at]!);
  assert.not.equal(after, lines[at]);
  lines.splice(at, 1, ...(after === undefined ? [] : after.split('\n')));
  return { [path]: packed ? gzipSync(lines.join('\n')) : lines.join('\n') };
}

/** One more in the sixth digit of a field. */
const more = (field: number, by = 1 + 1e-6) => (line: string): string => line.split(',').map((value, i) => i === field ? String(Number(value) * by) : value).join(',');

function flipped(path: string): Instead {
  const bytes = new Uint8Array(readFileSync(join(folder, path)));
  bytes[bytes.length >> 1]! ^= 1;
  return { [path]: bytes };
}

test('the files of an untouched site, and its signature', async () => {
  for (const chosen of [false, true]) {
    const found = await read(filesCheck, folder, { chosen });
    const listed = Object.keys((JSON.parse(text(MANIFEST_FILE)) as { files: object }).files);
    assert.equal(found.findings.map(({ verdict, what }) => `${verdict} ${what}`), [`equal ${listed.length} files, each with the size and the sha256 that ${MANIFEST_FILE} gives it`, 'equal signature 1 of 1 holds'], told(found));
    assert.equal([...found.asked].sort(), filesIn(folder).sort());
    assert.match(found.told.at(-1)!, /^(\d+) of \1 bytes$/);
  }
});

test('what systems leave in folders is no part of a copy that somebody chose', async () => {
  const found = await read(filesCheck, folder, { chosen: true, instead: { '.DS_Store': 'x', 'cells/._index.html': 'x', 'data/Thumbs.db': 'x', 'desktop.ini': 'x' } });
  assert.equal(differing(found), [], told(found));
  assert.ok(found.findings.some(({ verdict, what, detail }) => verdict === 'note' && what.startsWith('4 files in the folder that systems leave') && detail!.includes('cells/._index.html')), told(found));
  caught(await read(filesCheck, folder, { chosen: true, instead: { '.DS_Store.html': 'x' } }), /^\.DS_Store\.html \(it is in the folder/);
});

test('a server that unpacks what is packed keeps it from being hashed, which is said; what it holds is compared', async () => {
  const packed = [RECORDS_FILE, `data/${csvName('token_scores')}`];
  const arrives = Object.fromEntries(packed.map((path) => [path, gunzipSync(readFileSync(join(folder, path)))]));
  const found = await read(filesCheck, folder, { instead: arrives, unpacked: packed });
  assert.equal(differing(found), [], told(found));
  assert.ok(found.findings.some(({ unfinished, what, detail }) => unfinished && packed.every((path) => what.includes(path)) && detail!.includes('check-site')), told(found));
  assert.equal(differing(await read(aggregatesCheck, folder, { instead: arrives, unpacked: packed })), []);
  // Of other files it is no excuse, nor where the server says nothing of it.
  caught(await read(filesCheck, folder, { instead: { [packed[0]!]: arrives[packed[0]!] } }), /records\.ndjson\.gz \(it has \d+ bytes/);
});

test('a connection that breaks: what was compared until then is said, and what was not', async () => {
  const listed = Object.keys((JSON.parse(text(MANIFEST_FILE)) as { files: object }).files);
  for (const [instead, verdicts] of [[{}, ['equal', 'note']], [{ [listed[0]!]: 'x' }, ['differs', 'differs', 'note']]] as const) {
    const { findings } = await read(filesCheck, folder, { broken: RECORDS_FILE, instead });
    assert.equal(findings.map(({ verdict }) => verdict), verdicts);
    const { what, detail, unfinished } = findings.at(-1)!, [, left] = /^([\d,]+) more files and the signature: not looked at, broken off$/.exec(what)!;
    assert.equal([detail, unfinished], [`${RECORDS_FILE} cannot be loaded`, true]);
    const looked = /(\d+) files, each|of (\d+) files/.exec(findings.at(-2)!.what)!;
    assert.is(Number(left) + Number(looked[1] ?? looked[2]), listed.length);
  }
  // Of pages, too, it is no difference: what breaks a check off is told by the panel.
  for (const path of [DRAWN_WITH_FILE, 'quality.html']) {
    const failure = await read(aggregatesCheck, folder, { broken: path }).then(() => undefined, (error: Error) => error.message);
    assert.is(failure, `${path} cannot be loaded`);
  }
});

test('what it says that it loads is what it loads', async () => {
  for (const [check, beside] of [[filesCheck, [MANIFEST_FILE]], [aggregatesCheck, []]] as const) {
    for (const cell of [undefined, 'summarize:novel-1m/nf4/fidelity']) {
      const offer = check.offer({ cell }, planIn(folder), { has: () => false, reads: true });
      if (offer === undefined || !('downloads' in offer)) throw new Error('it offers nothing');
      const said = offer.downloads(undefined).filter(({ path }) => !/^assets\/(?:study|pages)\.js$/.test(path) || check === filesCheck);
      const { asked } = await read(check, folder, cell === undefined ? {} : { cell });
      assert.equal([...asked].filter((path) => path !== STATEMENT_FILE && path !== KEY_FILE).sort(), said.map(({ path }) => path).sort(), `${check.name} of ${cell ?? 'all'}`);
      // How long the list itself is, nobody has said exactly.
      for (const { path, bytes } of said) if (![...beside, 'data/files.js'].includes(path)) assert.is(bytes, readFileSync(join(folder, path)).length, path);
    }
  }
});

const weights = (): string => filesIn(folder).find((path) => path.startsWith('data/rerun/quantize~'))!;

test('a file of each kind with one other bit, a missing one, a longer one, one more', async () => {
  for (const path of ['index.html', 'data/metrics.parquet', 'data/token_scores.csv.gz', 'data/results.duckdb', 'assets/study.js', weights()]) {
    caught(await read(filesCheck, folder, { instead: flipped(path) }), new RegExp(`^${path.replaceAll('.', '\\.')} \\(its bytes have the sha256 [0-9a-f]{64}, and ${MANIFEST_FILE} says [0-9a-f]{64}\\)$`));
  }
  caught(await read(filesCheck, folder, { instead: { 'data/metrics.csv': undefined } }), /^data\/metrics\.csv \(there is no/);
  caught(await read(filesCheck, folder, { instead: { 'data/metrics.csv': `${text('data/metrics.csv')}\n` } }), /^data\/metrics\.csv \(it has \d+ bytes, and data\/files\.json says \d+\)$/);
  caught(await read(filesCheck, folder, { instead: { 'more.html': 'x' }, chosen: true }), /^more\.html \(it is in the folder, and not in data\/files\.json\)$/);
});

test('the list of files, changed: the signature is not of it; what is no list says so', async () => {
  const sha256 = 'ab'.repeat(32);
  const listed = text(MANIFEST_FILE).replace(/("data\/metrics\.csv":\{"bytes":\d+,"sha256":")[0-9a-f]{64}/, `$1${sha256}`);
  caught(await read(filesCheck, folder, { instead: { [MANIFEST_FILE]: listed } }), /^data\/metrics\.csv /, /^signature 1 of 1 \(data\/files\.json has the sha256 [0-9a-f]{64}, and what is signed says [0-9a-f]{64}: it was changed after it was signed\)$/);
  caught(await read(filesCheck, folder, { instead: { [MANIFEST_FILE]: '{}' } }), /it is no list of files/);
  caught(await read(filesCheck, folder, { instead: { [MANIFEST_FILE]: undefined } }), /there is no data\/files\.json/);
});

test('the statement: another signer, a changed one, another type, none', async () => {
  const line = JSON.parse(text(STATEMENT_FILE)) as Envelope;
  const other = generateKeyPairSync('ed25519');
  caught(await read(filesCheck, folder, { instead: { [KEY_FILE]: String(other.publicKey.export({ type: 'spki', format: 'pem' })) } }), /no signature of it is by the key [0-9a-f]{16}/);
  const payload = Buffer.from(Buffer.from(line.payload, 'base64').toString().replace('data/files.json', 'data/files.jsoN'));
  caught(await read(filesCheck, folder, { instead: { [STATEMENT_FILE]: JSON.stringify({ ...line, payload: payload.toString('base64') }) } }), /no signature of it is by the key/);
  // Signed, by whom the key beside it says, and of something else.
  const signed = { ...line, payload: payload.toString('base64'), signatures: [{ sig: sign(null, preAuthentication(line.payloadType, payload), other.privateKey).toString('base64') }] };
  caught(await read(filesCheck, folder, { instead: { [STATEMENT_FILE]: JSON.stringify(signed), [KEY_FILE]: String(other.publicKey.export({ type: 'spki', format: 'pem' })) } }), /it names neither data\/files\.json nor index\.html/);
  caught(await read(filesCheck, folder, { instead: { [STATEMENT_FILE]: 'x' } }), /a line is no JSON/);
  caught(await read(filesCheck, folder, { instead: { [STATEMENT_FILE]: '{}' } }), /no DSSE envelope/);
  caught(await read(filesCheck, folder, { instead: { [KEY_FILE]: 'x' } }), /it is no public key in PEM form/);
  caught(await read(filesCheck, folder, { instead: { [KEY_FILE]: String(generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' })) } }), /it is no key for Ed25519/);
  caught(await read(filesCheck, folder, { instead: { [KEY_FILE]: undefined } }), /the key that signed it, .* is missing/);
  const unsigned = await read(filesCheck, folder, { instead: { [STATEMENT_FILE]: undefined } });
  caught(unsigned);
  assert.match(told(unsigned), /note no signature is published/);
});

test('every aggregate of an untouched site follows from its rows, bit for bit, and all that it shows is drawn again, byte for byte', async () => {
  const found = await read(aggregatesCheck, folder);
  caught(found);
  const counts = Object.fromEntries(found.findings.flatMap(({ verdict, what }) => /^(\w+): [\d,]+ rows? computed again from what is published: ([\d,]+) identical, 0 within 1e-12 of their size, 0 differ$/.exec(what)?.slice(1, 3).map((it, i) => i === 0 ? `${verdict} ${it}` : it) ?? []).reduce<[string, string][]>((all, it, i, list) => i % 2 === 0 ? [...all, [it, list[i + 1]!.replaceAll(',', '')]] : all, []));
  const rows = (table: string): number => parseCsv(text(`data/${table}.csv`)).length - 1;
  for (const table of aggregates.tables) assert.is(Number(counts[`equal ${table}`] ?? (rows(table) === 0 ? 0 : 'none')), rows(table), told(found));
  assert.is(rows('claims'), claims.length);
  // Nothing is left out, and none is there only by name.
  assert.not.match(told(found), /not computed again/);
  for (const quantity of ['bits_per_byte', 'bits_per_byte_all', 'time_to_first_token', 'decode_latency_p50', 'held_bytes', 'floor_kl_mean', 'floor_top1_agreement']) assert.match(text('data/metrics.csv'), new RegExp(`^${quantity},`, 'm'));
  for (const quantity of ['judge_nll', 'judge_nll_shift', 'base_quality', 'null_shift_mean', 'null_shift_most']) assert.match(text('data/sweep_metrics.csv'), new RegExp(`^${quantity},`, 'm'));
  assert.ok(/,accuracy,|^accuracy,/m.test(text('data/metrics.csv')), 'answers to choices are among them');
  const pages = filesIn(folder).filter((path) => path.endsWith('.html')).length;
  const [, drawn, cells, numbers] = /equal (\d+) pages, (\d+) pages of cells, ARTIFACT\.md, CITATION\.cff and data\/numbers\.tex: drawn again from the tables, the records and data\/drawn-with\.json, each the same, byte for byte \(([\d,]+) numbers on them, each as its row has it\)/.exec(told(found))!;
  assert.is(Number(drawn) + Number(cells), pages);
  for (const said of [/equal the published rows of \d+ cells make their whole results, byte for byte/, /equal data\/rerun\.js: \d+ cells as data\/records\.ndjson\.gz has them, and \d+ rows as the tables have them/, /equal [\d,]+ records: each key follows from what the record says of code, parameters and inputs, and each input is what another wrote/]) assert.match(told(found), said);
  assert.ok(Number(numbers!.replaceAll(',', '')) > 3000, numbers);
});

const TOKEN = 'novel-1m,nf4,garden,1,100,';

test('a row that was changed is caught by what no longer follows from it', async () => {
  const kl = 8;
  const found = await read(aggregatesCheck, folder, { instead: withLine('data/token_scores.csv.gz', TOKEN, more(kl)) });
  const names = differing(found).map(({ what }) => what);
  for (const name of ['windows.kl.novel-1m.nf4.garden.w1 in data/windows.csv', 'kl_mean.novel-1m.nf4 in data/metrics.csv', 'kl_mean.novel-1m.nf4.garden in data/metrics.csv']) assert.ok(names.includes(name), told(found));
  assert.ok(names.every((name) => name.includes('nf4')), told(found));
  // What it has nothing to do with still follows.
  assert.match(told(found), /equal survival: /);
});

/** A number of a list that is a field: the first one. */
const moreOfFirst = (by: number) => (line: string): string => line.replace(/\[(-?[\d.e-]+)/, (_, first: string) => `[${Number(first) * by}`);
const moreOfAll = (by: number) => (line: string): string => line.replace(/"\[.*\]"/, (list) => `"[${(JSON.parse(list.slice(1, -1)) as number[]).map((value) => value * by).join(', ')}]"`);

/** Of each table that aggregates are made of: a row, how it is changed, and what on the page of which cell no longer follows. */
const ROWS: readonly (readonly [cell: string, table: string, begins: string | RegExp, change: (line: string) => string, name: RegExp])[] = [
  ['summarize:novel-1m/nf4/fidelity', 'token_scores', TOKEN, (line) => line.replace(/,(\d+),score:/, (_, bytes: string) => `,${Number(bytes) + 1},score:`), /^bits_per_byte\.novel-1m\.nf4 /],
  ['score:novel-1m/nf4/garden', 'token_scores', TOKEN, (line) => line.replace(/,(\d+),score:/, (_, bytes: string) => `,${Number(bytes) + 1},score:`), /^windows\.\w+\.novel-1m\.nf4\.garden\.w1 /],
  ['worst-tokens:novel-1m/nf4', 'worst_tokens', 'novel-1m,nf4,1,', more(5, 2), /^worst_tokens\.kl\.novel-1m\.nf4/],
  ['summarize:novel-1m/nf4/weights', 'artifacts', 'novel-1m,nf4,', more(4, 1.5), /^bits_per_weight_linear\.novel-1m\.nf4 /],
  ['summarize:novel-1m/nf4/T0.7/k0', 'sampling_windows', 'novel-1m,nf4,garden,0,0.7,', more(7, 1.5), /^total_variation\.novel-1m\.nf4\.T0\.7\.k0 /],
  ['summarize:novel-1m/fp16/T0.7/k0', 'sampling_windows', 'novel-1m,fp16,garden,0,0.7,', more(11), /^base_quality\.novel-1m\.fp16\.T0\.7\.k0 /],
  ['summarize:novel-1m/nf4/null/T0.7', 'null_windows', 'novel-1m,nf4,garden,0,0.7,', moreOfFirst(2), /^null_shift_mean\.novel-1m\.nf4\.T0\.7\.k0 /],
  ['floor:novel-1m', 'floor_windows', 'novel-1m,fp16,fast,0,', more(5), /^floor_kl_mean\.novel-1m\.fp16/],
  ['summarize:novel-1m/nf4/choices/cloze', 'choices', 'novel-1m,nf4,', more(5, -100), /^accuracy|^answer/],
  ['tabulate:choices', 'choices', 'novel-1m,nf4,', (line) => line.replace(/(true|false),choose:/, (_, was: string) => `${was === 'true' ? 'false' : 'true'},choose:`), /^choices\.cell\.novel-1m\.nf4/],
  // Of a text its first token, and its last one.
  ['tabulate:generations', 'generations', /^novel-1m,nf4,.*,\d+(?: \d+){4,},.*,(?:[1-9]\d*)?,generate:/, (line) => line.replace(/,\d+((?: \d+){3,}),/, ',1$1,'), /^generations\.cell\.novel-1m\.nf4/],
  ['summarize:novel-1m/nf4/texts/T0.7/k0', 'generations', /^novel-1m,nf4,[^,]*,1,0\.7,.*,\d+(?: \d+){4,},/, (line) => line.replace(/,(\d+(?: \d+){3,}) \d+,/, ',$1,'), /cannot be computed/],
  ['tabulate:generations', 'generations', /^novel-1m,nf4,.*,(?:[1-9]\d*)?,generate:/, (line) => line.replace(/,\d*,generate:/, ',0,generate:'), /^generations\.cell\.novel-1m\.nf4/],
  ['summarize:novel-1m/nf4/texts/T0.7/k0', 'judgements', /^novel-1m,nf4,[^,]*,1,0\.7,/, moreOfFirst(1.5), /^judge_nll\.novel-1m\.nf4\.T0\.7\.k0/],
  ['summarize:novel-1m/speed', 'speed_samples', 'novel-1m,nf4,', more(9, 1e-6), /_tokens_per_second\.novel-1m\.nf4|_ratio/],
  ['summarize:novel-1m/speed', 'speed_samples', /^novel-1m,nf4,[^,]*,[^,]*,decode,/, moreOfAll(1000), /^decode_latency_\w+\.novel-1m\.nf4/],
  ['summarize:novel-1m/speed', 'speed_memory', /^novel-1m,nf4,.*,weights,/, more(5, 2), /^held_bytes\.novel-1m\.nf4/],
  ['tabulate:speed_runs', 'speed_blocks', 'novel-1m,', more(4), /^speed_runs\.\w+\.novel-1m/],
  ['tabulate:speed_runs', 'speed_memory', /^novel-1m,fp16,.*,weights,/, more(5, 2), /^speed_runs\.\w+\.novel-1m/],
  ['tabulate:speed_runs', 'machine_caches', /^[^,]*,2,/, more(2, 0), /^speed_runs\.\w+\.novel-1m/],
  ['summarize:novel-1m/speed', 'machines', 'machine-', (line) => `another-${line}`, /cannot be computed/],
  ['claims:fewer-bits', 'speed_runs', 'novel-1m,', more(5, 3), /^claims\./],
  // The text of a query goes over lines.
  ...claims.map(({ id }) => [`claims:${id}`, 'claims', `${id},`, (line: string) => line.replace(/,(\d+),/, (_, position: string) => `,${Number(position) + 1},`), /^claims\./] as const),
];

/** Where the first change may leave what is summarized where it was, the other way must move it. */
const OTHERWISE: { readonly [table: string]: (line: string) => string } = { speed_samples: more(9, 1e6), machine_caches: more(2, 1e6) };

test('so is one of every other table that aggregates are made of', async () => {
  for (const [cell, table, begins, change, name] of ROWS) {
    const path = `data/${csvName(table)}`;
    // Not measured where no compiler is, or not told by the system.
    if (['floor_windows', 'machine_caches'].includes(table) && parseCsv(text(path)).length === 1) {
      notRun(`a changed row of ${table}`, 'this machine has none');
      continue;
    }
    let found = await read(aggregatesCheck, folder, { cell, instead: withLine(path, begins, change) });
    const again = OTHERWISE[table];
    if (again !== undefined && differing(found).length === 0) found = await read(aggregatesCheck, folder, { cell, instead: withLine(path, begins, again) });
    assert.ok(differing(found).some(({ what }) => name.test(what)), `${table} of ${cell}: ${told(found)}`);
  }
  // This study has no peers: test/study/published-timings.test.ts.
  assert.equal([...aggregates.from].filter((table) => table !== 'peers' && !ROWS.some(([, of]) => of === table)), [], 'tables without a change here');
});

test('rows that make no whole are refused, and named', async () => {
  const found = await read(aggregatesCheck, folder, { instead: withLine('data/token_scores.csv.gz', TOKEN, () => undefined) });
  assert.ok(differing(found).some(({ what, detail }) => what.startsWith('summarize:novel-1m/nf4/fidelity cannot be computed') && /token_scores has \d+ rows of score:novel-1m\/nf4\/garden/.test(detail!)), told(found));
  const text = await read(aggregatesCheck, folder, { instead: { 'data/metrics.csv': 'x' } });
  caught(text, /the tables cannot be read \(data\/metrics\.csv: its columns are x/);
  caught(await read(aggregatesCheck, folder, { instead: { 'data/schema.sql': 'CREATE TABLE models (model);' } }), /the tables cannot be read \(data\/schema\.sql: /);
  caught(await read(aggregatesCheck, folder, { instead: { 'data/records.ndjson.gz': undefined } }), /the tables cannot be read \(there is no data\/records/);
  caught(await read(aggregatesCheck, folder, { instead: { 'data/token_scores.csv.gz': new Uint8Array([1, 2, 3]) } }), /token_scores\.csv\.gz: it cannot be unpacked/);
});

const KL = 'kl_mean,novel-1m,nf4,,';

const FIDELITY = 'summarize:novel-1m/nf4/fidelity';

test('an aggregate that was changed, taken away, added or doubled is caught, on the pages that show it too', async () => {
  const changed = (change: (line: string) => string | undefined): Promise<Read> => read(aggregatesCheck, folder, { cell: FIDELITY, instead: withLine('data/metrics.csv', KL, change) });
  // Its page lists its rows.
  const listed = parseCsv(text('data/metrics.csv')).filter((row) => row.at(-1) === FIDELITY).length;
  const rowsOf = (n: number): readonly RegExp[] => [new RegExp(`a heading \\(it shows metrics: ${listed} rows, and drawn again metrics: ${listed + n} rows\\)$`)];
  for (const field of [8, 9, 10]) {
    caught(await changed(more(field, 1.25)), new RegExp(`^kl_mean\\.novel-1m\\.nf4 in data/metrics\\.csv \\(${['value', 'low', 'high'][field - 8]}: [\\d.e-]+ is published, [\\d.e-]+ follows from what is published\\)$`), /^cells\/summarize~novel-1m~nf4~fidelity\.html: (?:the number kl_mean\.novel-1m\.nf4|(?:low|high) in row \d+ of metrics) \(it shows /);
  }
  caught(await changed((line) => line.replace(',nats,', ',bits,')), /unit: "bits" is published, "nats" follows/, /: unit in row \d+ of metrics \(it shows nats, and drawn again bits\)$/);
  caught(await changed((line) => `${line}\n${line.replace('kl_mean', 'kl_meen')}`), /^kl_meen\.novel-1m\.nf4 .*it is published, and does not follow/, ...rowsOf(1));
  caught(await changed((line) => `${more(8)(line)}\n${line}`), /^kl_mean\.novel-1m\.nf4 in data\/metrics\.csv \(it is published twice\)$/, ...rowsOf(1));
  const gone = await changed(() => undefined);
  assert.match(differing(gone)[0]!.detail!, /^it follows from what is published, and is not published$/);
  assert.ok(differing(gone).some(({ what }) => what.startsWith(cellPath(FIDELITY))), `and its page shows what no row says: ${told(gone)}`);
  const forged = await read(aggregatesCheck, folder, { instead: withLine('data/metrics.csv', KL, (line) => line.replace(/summarize:\S+$/, 'summarize:novel-1m/nf5/fidelity')) });
  assert.ok(differing(forged).some(({ detail }) => detail === 'no record of summarize:novel-1m/nf5/fidelity says how it came to be'), told(forged));
});

test('the last bit of an aggregate is within tolerance, and not called identical; the page that lists it shows the other one', async () => {
  const found = await read(aggregatesCheck, folder, { cell: FIDELITY, instead: withLine('data/metrics.csv', KL, more(8, 1 + 2 ** -51)) });
  caught(found, /^cells\/summarize~novel-1m~nf4~fidelity\.html: the number kl_mean\.novel-1m\.nf4 \(it shows [\d.]+, and drawn again [\d.]+\)$/);
  assert.match(told(found), /^within metrics: .* 1 within 1e-12 of their size, 0 differ/m);
});

test('a number that a page shows otherwise is caught, and so are its tip and where it leads', async () => {
  const page = 'quality.html', id = 'kl_mean.novel-1m.nf4';
  const anchor = new RegExp(`<a class="num" id="${id}"[^>]*>[^<]*`).exec(text(page))![0];
  const shows = (change: (anchor: string) => string): Instead => ({ [page]: text(page).replace(anchor, change) });
  const digit = (of: string): string => of.replace(/\d(?=[^\d<>]*$)/, (d) => String((Number(d) + 1) % 10));
  caught(await read(aggregatesCheck, folder, { instead: shows((it) => digit(it)) }), /^quality\.html: the number kl_mean\.novel-1m\.nf4 \(it shows [\d.]+.*, and drawn again [\d.]+/);
  caught(await read(aggregatesCheck, folder, { instead: shows((it) => it.replace(/data-tip="/, 'data-tip="1').replace('nf4~fidelity.html', 'int8~fidelity.html')) }),
    /^quality\.html: the number kl_mean\.novel-1m\.nf4, in what is marked, linked or drawn \(it shows “.*int8~fidelity\.html.*”, and drawn again “.*nf4~fidelity\.html/, /^quality\.html: a link \(it shows none, and it should be an element kl_mean\.novel-1m\.nf4 in cells\/summarize~novel-1m~int8~fidelity\.html\)$/);
  // Row and page changed alike: the row does not follow, and whatever else shows the number has another.
  const both = await read(aggregatesCheck, folder, { instead: { ...withLine('data/metrics.csv', KL, more(8, 1.25)), ...shows((it) => digit(it)) } });
  assert.match(differing(both)[0]!.what, /^kl_mean\.novel-1m\.nf4 in data\/metrics\.csv$/);
  for (const path of ['index.html', 'tables/metrics.html', 'data/numbers.tex']) assert.ok(differing(both).some(({ what }) => what.startsWith(`${path}: `)), path);
});

test('on a cell\'s page: its aggregates and its own numbers, and nothing of others', async () => {
  const cell = FIDELITY;
  const found = await read(aggregatesCheck, folder, { cell });
  assert.match(told(found), /^equal metrics: \d+ rows computed again.*\nequal 1 record: its key .*\nequal 1 page of a cell: drawn again from the tables, the records and data\/drawn-with\.json, the same, byte for byte \(\d+ numbers on it, each as its row has it\)$/);
  assert.ok([...found.asked].filter((path) => path.endsWith('.html')).join() === cellPath(cell));
  caught(await read(aggregatesCheck, folder, { cell, instead: withLine('data/token_scores.csv.gz', TOKEN, (line) => line.replace(/,\d+,(\d+,score:)/, ',1,$1')) }).then((it) => ({ ...it, findings: it.findings.filter(({ what }) => what.startsWith('top1_agreement')) })), /^top1_agreement\.novel-1m\.nf4 /);
  caught(await read(aggregatesCheck, folder, { cell: 'summarize:novel-1m/int8/fidelity', instead: withLine('data/token_scores.csv.gz', TOKEN, more(8)) }));
  caught(await read(filesCheck, folder, { cell, instead: flipped(cellPath(cell)) }), /^cells\/summarize~novel-1m~nf4~fidelity\.html \(its bytes/);
  caught(await read(filesCheck, folder, { cell, instead: flipped('quality.html') }));
  // Of a cell that makes no aggregates its page is read.
  assert.match(told(await read(aggregatesCheck, folder, { cell: 'quantize:novel-1m/nf4' })), /^equal 1 page of a cell: drawn again/m);
});

test('what two checks read is loaded once and let go after the second; what cannot be loaded is tried again', async () => {
  const loads: string[] = [];
  const planned = (...paths: string[]) => paths.map((path) => ({ path, bytes: 1 }));
  const kept = new KeptFiles([planned('a', 'b', 'c'), planned('a', 'c', 'c')], async (path) => {
    loads.push(path);
    if (path === 'c' && loads.length < 4) throw new MissingFile('there is no c');
    return Uint8Array.of(loads.length);
  });
  const [first] = [await kept.file('a'), await kept.file('b'), await kept.file('c').catch((error: Error) => assert.match(error.message, /no c/))];
  assert.is(await kept.file('a'), first, 'the very bytes that were hashed');
  assert.equal(await kept.file('c'), Uint8Array.of(4));
  assert.equal(loads, ['a', 'b', 'c', 'c']);
  await kept.file('a');
  assert.is(loads.length, 5, 'nothing is kept for nobody');
});

test('how far logits lie apart: as a share of the largest, and without bound where one is none', () => {
  const exact = [Float32Array.of(1, -20, 3), Float32Array.of(0.5)];
  assert.equal(logitsApart(exact, exact), { share: 0 });
  assert.equal(logitsApart(exact, [Float32Array.of(1, -20, 3.5), Float32Array.of(0.25)]), { share: 0.5 / 20 });
  assert.equal(logitsApart(exact, [Float32Array.of(1, -20, NaN), Float32Array.of(0.5)]), { share: Infinity });
  assert.equal(logitsApart(exact, [Float32Array.of(1, -20, Infinity), Float32Array.of(0.5)]), { share: Infinity });
  assert.equal(logitsApart(exact, exact.slice(1)), { share: Infinity });
  assert.is(logitsApart([], []), undefined);
});

test('it stops when it is asked to', async () => {
  for (const [check, stopAt] of [[filesCheck, 3], [aggregatesCheck, 2], [aggregatesCheck, 40], [aggregatesCheck, 90]] as const) {
    let error: unknown;
    await read(check, folder, { stopAt }).catch((it: unknown) => { error = it; });
    assert.is((error as Error | undefined)?.name, 'AbortError', `${check.name} at ${stopAt}`);
  }
});

test.run();
