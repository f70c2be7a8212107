/**
 * A report that somebody changed and whose lists of hashes and sizes were made anew, with no signature: every file is as it is listed, and what was changed
 * is caught all the same, by what it no longer agrees with. In Node, by the modules that a page runs and the program that the site publishes.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MANIFEST_FILE, SIZES_FILE } from '../../reports/manifest.ts';
import { cellPath } from '../../reports/num.ts';
import { RECORDS_FILE } from '../../reports/records-file.ts';
import { aggregatesCheck } from '../../reports/rerun/aggregates.ts';
import { computeCheck } from '../../reports/rerun/compute.ts';
import { filesCheck } from '../../reports/rerun/files.ts';
import { PLAN_FILE } from '../../reports/rerun/plan.ts';
import { keyOf } from '../../stages/dag/key.ts';
import { filesIn, listedAnew, planIn, read } from './reader.ts';
import { smallStudy } from './small-study.ts';
import type { Check, Finding, Refusal } from '../../reports/rerun/checks.ts';
import type { PublishedCell } from '../../reports/records-file.ts';
import type { Plan } from '../../reports/rerun/plan.ts';
import type { Instead, ReadOptions } from './reader.ts';

const test = suite('report: a changed copy that nobody signed');

let folder: string;
test.before(async () => { ({ folder } = await smallStudy()); });

const SCORED = 'score:novel-1m/nf4/garden', WRITTEN = 'generate:novel-1m/nf4/T0.7/k0/s1', QUANTIZED = 'quantize:novel-1m/nf4', INT8 = 'score:novel-1m/int8/garden', HOUND = 'score:novel-1m/nf4/hound', CLAIM = 'claims:fewer-bits';
const text = (path: string): string => readFileSync(join(folder, path), 'utf8');
const line = ({ verdict, what, detail }: Finding): string => `${verdict} ${what}${detail === undefined ? '' : ` (${detail})`}`;

/** One place in a file, changed. */
function edited(path: string, from: string | RegExp, to: string): Instead {
  const before = path.endsWith('.gz') ? gunzipSync(readFileSync(join(folder, path))).toString() : text(path);
  const after = before.replace(from, () => to);
  assert.not.equal(after, before, `${path} holds ${String(from)}`);
  return { [path]: path.endsWith('.gz') ? gzipSync(after) : after };
}

function planned(change: (plan: Plan) => void): Instead {
  const { files: _, ...plan } = planIn(folder);
  change(plan);
  return { [PLAN_FILE]: `window.bitwidthPlan=${JSON.stringify(plan)};\n` };
}

/** The line of a cell in the records, changed. */
function recorded(cell: string, change: (line: PublishedCell) => void): Instead {
  return edited(RECORDS_FILE, new RegExp(`^\\{"is":"cell","cell":"${cell}".*$`, 'm'), changedLine());
  function changedLine(): string {
    const found = gunzipSync(readFileSync(join(folder, RECORDS_FILE))).toString().split('\n').find((it) => it.startsWith(`{"is":"cell","cell":"${cell}"`));
    const own = JSON.parse(found!) as PublishedCell;
    change(own);
    return JSON.stringify(own);
  }
}

const all = async (instead: Instead, options: Omit<ReadOptions, 'instead'> = {}, checks: readonly Check[] = [filesCheck, aggregatesCheck, computeCheck]): Promise<readonly string[]> => {
  const lines: string[] = [];
  for (const check of checks) {
    const place = options.cell, offer = check.offer({ cell: place }, planIn(folder), { has: () => false, reads: true });
    if (offer !== undefined && 'downloads' in offer) lines.push(...(await read(check, folder, { choice: 'nf4', ...options, instead })).findings.map(line));
  }
  return lines;
};

test('untouched, all of it agrees', async () => {
  for (const options of [{}, ...[SCORED, WRITTEN, QUANTIZED, CLAIM].map((cell) => ({ cell }))]) {
    const lines = await all(listedAnew(folder, {}), options);
    assert.equal(lines.filter((it) => !it.startsWith('equal ')), ['note no signature is published (nobody has signed this copy (data/provenance/statement.intoto.jsonl is not there): the list of files says of itself what it is)'], JSON.stringify(options));
  }
});

interface Case { readonly what: string; readonly change: () => Instead; /** On this cell's page; else on the overview. */ readonly cell?: string; readonly said: RegExp; /** The checks of which each alone finds it; default: of aggregates and numbers. */ readonly by?: readonly Check[] }

const CELL = cellPath(SCORED), TEXTS = cellPath(WRITTEN);
const first = (path: string, pattern: RegExp): string => { const found = pattern.exec(text(path)); assert.ok(found, `${path} has ${String(pattern)}`); return found![0]; };
/** One more in its last digit. */
const other = (shown: string): string => shown.replace(/\d(?=\D*$)/, (digit) => String((Number(digit) + 1) % 10));
/** The first point of a curve. */
const curve = (): string => first('sensitivity.html', / d="M\d+,[\d.]+L[\d.]+,[\d.]+/);
const macro = (): string => first('data/numbers.tex', /^\\bwdefine\{kl_mean\.novel-1m\.nf4\}.*$/m);
const klOn = (): string => first(CELL, /<span class="own">\d+\.\d{6,}<\/span>/);

const CASES: readonly Case[] = [
  { what: 'a number that the page of a score lists', cell: SCORED, change: () => edited(CELL, klOn(), other(klOn())), said: /^differs cells\/score~novel-1m~nf4~garden\.html: \w+ in row 1 of windows \(it shows [\d.]+, and drawn again [\d.]+\)$/ },
  { what: 'the same, found on the overview', change: () => edited(CELL, klOn(), other(klOn())), said: /^differs cells\/score~novel-1m~nf4~garden\.html: \w+ in row 1 of windows/ },
  { what: 'a number that the page of a written text lists', cell: WRITTEN, change: () => edited(TEXTS, /<span class="own">16<\/span>/, '<span class="own">17</span>'), said: /^differs cells\/generate~novel-1m~nf4~T0\.7~k0~s1\.html: max_new_tokens in row 1 of generations \(it shows 17, and drawn again 16\)$/ },
  { what: 'a row that the page of a score does not list any more', cell: SCORED, change: () => edited(CELL, /<tr><td[^]*?<\/tr>\n/, ''), said: /rows of windows \(it shows 2, and drawn again 3\)$/ },
  { what: 'the rows that a cell wrote, taken from its page', cell: SCORED, change: () => edited(CELL, /<h2 id="numbers">[^]*?<\/table><\/div>/, ''), said: /^differs cells\/score~novel-1m~nf4~garden\.html: a heading \(it shows Inputs, and drawn again What it wrote\)$/ },
  { what: 'a hash on a cell\'s page', cell: SCORED, change: () => edited(CELL, /output scores<\/dt><dd><span class="hash"><span class="lit hash">[0-9a-f]{8}/, 'output scores</dt><dd><span class="hash"><span class="lit hash">00000000'), said: /^differs cells\/score~novel-1m~nf4~garden\.html: output scores/ },
  { what: 'a text in the table of texts', change: () => edited('data/generations.csv', 'found himself tired of emotion', 'found himself fond of emotion'), by: [aggregatesCheck, computeCheck], said: /^differs generate:novel-1m\/nf4\/T0\.7\/k0\/s1: .*(?:data\/generations\.csv is not what data\/rerun\.js has|3 rows of the table generations; 1 of them differ from data\/generations\.csv) \(text of row 1: .*fond of emotion.*himself tired/ },
  { what: 'the same, on its own page', cell: WRITTEN, change: () => edited('data/generations.csv', 'found himself tired of emotion', 'found himself fond of emotion'), by: [aggregatesCheck, computeCheck], said: /^differs generate:novel-1m\/nf4\/T0\.7\/k0\/s1: .*text of row 1/ },
  { what: 'a piece of a text in the table of texts', change: () => edited('data/generations.csv', /(?<=\[' of', ' the', )' two'/, '\' ten\''), by: [computeCheck], said: /^differs generate:novel-1m\/nf4\/T0\.7\/k0\/s1: .* differ from data\/generations\.csv \(pieces of row 1/ },
  { what: 'an error of a tensor', change: () => edited('data/tensor_errors.csv', /^(?:novel-1m,nf4,.*,)(\d+\.\d+)(?=,novel|,quantize|,\d)/m, 'novel-1m,nf4,x,0.5'), by: [computeCheck], said: /^differs (?:quantize:novel-1m\/nf4: 28 rows of the table tensor_errors|the tables and the records cannot be read)/ },
  { what: 'the size of an artifact', change: () => edited('data/artifacts.csv', ',442368,', ',442367,'), by: [computeCheck], said: /^differs quantize:novel-1m\/nf4: 1 row of the table artifacts; 1 of them differ from data\/artifacts\.csv \(linear_bytes of row 1: 442367 is published, 442368 was computed\)$/ },
  { what: 'a row of a window', change: () => edited('data/windows.csv', /(?<=^novel-1m,nf4,garden,0,\d+,)\d+/m, '7'), by: [aggregatesCheck, computeCheck], said: /^differs .*(?:windows\.scored_bytes|windows).*scored_bytes/ },
  { what: 'which token a format finds likeliest, where no sum shows it', change: () => edited('data/token_scores.csv.gz', /(?<=^novel-1m,nf4,garden,1,100,(?:[^,]+,){6})(\d+),\d+(?=,\d+,score:)/m, '77,77'), said: /^differs the published rows of score:novel-1m\/nf4\/garden do not make its result \(scores made of them has the sha256 [0-9a-f]{64} and \d+ bytes, and data\/records\.ndjson\.gz says [0-9a-f]{64} and \d+ bytes\)$/ },
  { what: 'the key of a cell that pages compute', change: () => planned((plan) => { (plan.cells[SCORED] as { key: string }).key = 'ab'.repeat(32); }), by: [aggregatesCheck, computeCheck], said: /^differs score:novel-1m\/nf4\/garden is not in data\/rerun\.js as its record has it \(its key: "(?:ab){32}" in data\/rerun\.js, "[0-9a-f]{64}" in data\/records\.ndjson\.gz\)$/ },
  { what: 'that of one that is not computed here', change: () => planned((plan) => { (plan.cells[INT8] as { key: string }).key = 'ab'.repeat(32); }), said: /^differs score:novel-1m\/int8\/garden is not in data\/rerun\.js as its record has it \(its key: / },
  { what: 'the record of a result, and the plan with it', change: () => ({ ...planned((plan) => { (plan.cells[SCORED]!.outputs['scores'] as { sha256: string }).sha256 = 'ab'.repeat(32); }), ...edited(RECORDS_FILE, new RegExp(planIn(folder).cells[SCORED]!.outputs['scores']!.sha256, 'g'), 'ab'.repeat(32)) }), by: [aggregatesCheck, computeCheck], said: /^differs (?:the published rows of score:novel-1m\/nf4\/garden do not make its result|score:novel-1m\/nf4\/garden: the result has other bytes than its record says)/ },
  { what: 'a verdict on the overview', change: () => edited('index.html', '>not testable here</span><span><a href="claims.html#b">', '>supported</span><span><a href="claims.html#b">'), said: /^differs index\.html: what stands under “The claims, .*” \(it shows “supportednf4 and fp4 respond .*”, and drawn again “not testable herenf4 and fp4 respond .*”\)$/ },
  { what: 'two claims on the overview that changed places', change: () => edited('index.html', /(<li>.*claims\.html#a-memory.*<\/li>\n)(<li>.*claims\.html#a-speed.*<\/li>\n)/, first('index.html', /<li>.*claims\.html#a-speed.*<\/li>\n/) + first('index.html', /<li>.*claims\.html#a-memory.*<\/li>\n/)), said: /^differs index\.html: what stands under “The claims, .*” \(it shows “.* equally fast .*”, and drawn again “.* same memory / },
  { what: 'a claim that the overview does not list any more', change: () => edited('index.html', /<li>.*claims\.html#c1.*<\/li>\n/, ''), said: /^differs index\.html: what stands under “The claims, .*0\.5 to 0\.8 .*, and drawn again .*0\.1 to 0\.5 / },
  { what: 'all verdicts, under another name', change: () => edited('index.html', '<ul class="verdicts">', '<ul class="others">'), said: /^differs index\.html: its markup \(it shows “[^]*<ul class="others">[^]*and drawn again “[^]*<ul class="verdicts">/ },
  { what: 'a verdict where the claim is explained', change: () => edited('claims.html', '>not testable here</span>', '>supported</span>'), said: /^differs claims\.html: what stands under “.*” \(it shows “supported in .*, and drawn again “not testable here in / },
  { what: 'what would change a verdict', change: () => edited('claims.html', 'Intervals of both quantities inside their margins', 'Intervals of one quantity inside their margins'), said: /^differs claims\.html: would change it \(.*Intervals of one .*, and drawn again .*Intervals of both/ },
  { what: 'a text that the page of samples quotes', change: () => edited('samples.html', 'found himself tired of emotion', 'found himself fond of emotion'), said: /^differs samples\.html: what stands under “.*” \(it shows “…?nf4 .*fond of emotion.*”, and drawn again “.*tired of emotion/ },
  { what: 'the mark where a text parts', change: () => edited('samples.html', '<mark> of</mark> the two', ' of the two'), said: /^differs samples\.html: what stands under “.*”, in what is marked, linked or drawn \(it shows “.*, and drawn again “.*<mark> of<\/mark>/ },
  { what: 'which format wrote a text', change: () => edited('samples.html', '<h4>nf4 ', '<h4>int8 '), said: /^differs samples\.html: a heading \(it shows int8 same as the base, and drawn again nf4 same as the base\)$/ },
  { what: 'the setting of texts', change: () => edited('samples.html', '<p class="kicker">greedy</p>', '<p class="kicker">seed 7</p>'), said: /^differs samples\.html: what stands under “.*” \(it shows seed 7, and drawn again greedy\)$/ },
  { what: 'a page, taken from the site and from both lists', change: () => ({ 'quality.html': undefined }), said: /^differs \S+: a link, and [\d,]+ more links to the same file \(it shows quality\.html, and it should be a file of the site\)$/ },
  { what: 'a table, taken from the site and from both lists', change: () => ({ 'data/sources.csv': undefined }), said: /^differs data\.html: a link, and 1 more link to the same file \(it shows data\/sources\.csv, / },
  { what: 'the page of a cell, taken from the site and from both lists', change: () => ({ [CELL]: undefined }), said: /^differs cells\/score~novel-1m~nf4~garden\.html: missing \(it shows nothing, and it should be a file of the site\)$/ },
  { what: 'an object that pages compute with, taken from the site and from both lists', change: () => ({ 'data/rerun/quantize~novel-1m~nf4.artifact.js': undefined }), by: [filesCheck], said: /^differs data\/rerun\/quantize~novel-1m~nf4\.artifact\.js \(a report has such a file, and data\/files\.json does not list it\)$/ },
  { what: 'the records, taken from the site and from both lists', change: () => ({ [RECORDS_FILE]: undefined }), by: [filesCheck], said: /^differs data\/records\.ndjson\.gz \(a report has such a file/ },
  { what: 'a script from elsewhere', change: () => edited('quality.html', '<main', '<script src="https://example.org/x.js"></script><main'), said: /^differs quality\.html: <script> \(it shows https:\/\/example\.org\/x\.js, and it should be nothing from outside the site\)$/ },
  { what: 'what a page concludes', change: () => edited('quality.html', '<p class="lead">', '<p class="lead">Nothing was lost. '), said: /^differs quality\.html: what stands under “.*” \(it shows “?Nothing was lost/ },
  { what: 'a figure\'s title', change: () => edited('quality.html', '<span class="title">', '<span class="title">Better: '), said: /^differs quality\.html: / },
  { what: 'a curve of a figure', change: () => edited('sensitivity.html', curve(), other(curve())), said: /^differs sensitivity\.html: the figure .* by .*, in what is marked, linked or drawn \(/ },
  { what: 'an anchor that numbers lead to', change: () => edited('glossary.html', ' id="absmax"', ' id="abs"'), said: /^differs glossary\.html: .*, in what is marked, linked or drawn \(it shows <dt id="abs">absmax<\/dt>, and drawn again <dt id="absmax">absmax<\/dt>\)$/ },
  { what: 'a macro for papers', change: () => edited('data/numbers.tex', macro(), macro().replace(/\d(?=\}$)/, '99')), said: /^differs data\/numbers\.tex: line \d+ \(it shows “.*\{\d+99\}”, and drawn again “/ },
  { what: 'a macro, taken away', change: () => edited('data/numbers.tex', `${macro()}`, ''), said: /^differs data\/numbers\.tex: line \d+ / },
  { what: 'a verdict in ARTIFACT.md', change: () => edited('ARTIFACT.md', 'not testable here', 'supported'), said: /^differs ARTIFACT\.md: line \d+ \(/ },
  { what: 'what the pages were drawn with', change: () => edited('data/drawn-with.json', '"nf4"', '"nf5"'), said: /^differs formats\/nf4\.html: / },
  { what: 'the list of what pages were drawn with, which is none', change: () => ({ 'data/drawn-with.json': '[]' }), said: /^differs the report cannot be drawn again \(data\/drawn-with\.json: it does not say what pages were drawn with\)$/ },
  { what: 'a parameter in a record, and nothing else', change: () => recorded(HOUND, ({ params, record }) => { for (const of of [params, record!.fields.params]) Object.assign(of, { windows: 7 }); }), said: /^differs data\/records\.ndjson\.gz: key of score:novel-1m\/nf4\/hound \(it says [0-9a-f]{64}, and it should be [0-9a-f]{64}\)$/ },
  { what: 'what a cell read, which no other wrote', cell: 'summarize:novel-1m/nf4/fidelity', change: () => recorded('summarize:novel-1m/nf4/fidelity', ({ inputs }) => { Object.assign(inputs['scores.garden']![0]!, { sha256: 'ab'.repeat(32) }); }), said: /^differs data\/records\.ndjson\.gz: input scores\.garden of summarize:novel-1m\/nf4\/fidelity \(it says / },
  { what: 'the rows of a table, which cannot be drawn', change: () => edited('data/claims.csv', /not testable here/, '7'), said: /^differs (?:index|claims)\.html: it cannot be drawn again from the tables and the records: the number "7" / },
  { what: 'what the report is as a work, left out of the list', change: () => ({ ...edited('data/drawn-with.json', /,"about":\{.*\}(?=,"omitted")/, ''), ...edited('ARTIFACT.md', 'not testable here', 'supported') }), said: /^differs ARTIFACT\.md: it cannot be drawn again .*data\/drawn-with\.json does not say what the report is as a work/ },
  { what: 'a page of a cell that no record names', change: () => ({ 'cells/score~novel-1m~nf4~evil.html': text(CELL) }), said: /^differs cells\/score~novel-1m~nf4~evil\.html: it cannot be drawn again .*no record names its cell/ },
  { what: 'a byte order mark', change: () => ({ 'quality.html': `\ufeff${text('quality.html')}` }), said: /^differs quality\.html: / },
  { what: 'the hash of a source', change: () => edited('data/sources.csv', /(?<=^data\/models\/novel-1m\/model\.safetensors,.*,)[0-9a-f]{64}(?=,)/m, 'ab'.repeat(32)), said: /^differs data\/sources\.csv: the source data\/models\/novel-1m\/model\.safetensors \(it says (?:ab){32}, \d+ bytes, and it should be [0-9a-f]{64}, \d+ bytes\)$/ },
  { what: 'a licence', change: () => edited('data/sources.csv', ',Apache-2.0,', ',Proprietary,'), said: /^differs data\/sources\.csv: licence of the source data\/models\/novel-1m\/config\.json \(it says Proprietary, and it should be Apache-2\.0\)$/ },
  { what: 'a source, taken away', change: () => edited('data/sources.csv', /^data\/texts\/garden\.txt.*\n/m, ''), said: /^differs data\/sources\.csv: the source data\/texts\/garden\.txt \(it says none, and it should be a row\)$/ },
  { what: 'what a format is called', change: () => edited('data/formats.csv', /(?<=^nf4,\d+,)[^,]+/m, 'lossless'), said: /^differs \S+ in data\/formats\.csv \(title: "lossless" is published, "NormalFloat 4-bit" follows/ },
  { what: 'the year of a text', change: () => edited('data/texts.csv', /(?<=^garden,.*,)1911(?=,)/m, '1912'), said: /^differs \S+ in data\/texts\.csv \(year: 1912 is published, 1911 follows/ },
  { what: 'an input that a cell is said to have read, which no record has', change: () => recorded(HOUND, ({ inputs }) => { Object.assign(inputs, { weights: [{ file: 'models/other.safetensors', sha256: 'ab'.repeat(32) }, { cell: 'fetch:ghost', output: 'weights' }] }); }), said: /^differs data\/records\.ndjson\.gz: input weights of score:novel-1m\/nf4\/hound \(.*fetch:ghost, of which there is no record/ },
  { what: 'an input of the key, not named any more', change: () => recorded(HOUND, ({ inputs }) => { delete (inputs as { weights?: unknown })['weights']; }), said: /^differs data\/records\.ndjson\.gz: input weights of score:novel-1m\/nf4\/hound \(it says nothing, and it should be what has the hash / },
  { what: 'how a cell ended', change: () => recorded(HOUND, (line) => { Object.assign(line.record!, { status: 'failed' }); Object.assign(line, { failure: { code: 'crashed', sentence: 'x' } }); }), said: /^differs data\/records\.ndjson\.gz: outputs of score:novel-1m\/nf4\/hound \(it says scores, and it should be none: it failed\)/ },
  { what: 'a failure of a cell that has a result', change: () => recorded(HOUND, (line) => { Object.assign(line, { failure: { code: 'crashed', sentence: 'x' } }); }), said: /^differs data\/records\.ndjson\.gz: how score:novel-1m\/nf4\/hound ended \(it says done, and it should be no result: it has a failure\)/ },
  { what: 'a cell recorded twice', change: () => edited(RECORDS_FILE, /^\{"is":"cell".*$/m, `${gunzipSync(readFileSync(join(folder, RECORDS_FILE))).toString().split('\n').filter((it) => it.startsWith('{"is":"cell"')).slice(0, 1).flatMap((it) => [it, it]).join('\n')}`), said: /^differs data\/records\.ndjson\.gz: the record of \S+ \(it says two lines, and it should be one line\)/ },
  { what: 'which format a cell is of, its key made anew', change: () => recorded(HOUND, (line) => { for (const of of [line.params, line.record!.fields.params]) Object.assign(of, { format: 'fp4' }); Object.assign(line.record!, { key: keyOf(line.record!.fields) }); }), said: /^differs data\/windows\.csv: format of what score:novel-1m\/nf4\/hound wrote \(it says nf4, and it should be fp4, as its record has it\)/ },
  { what: 'a page under another ending', change: () => ({ 'INDEX.HTM': '<p>It holds.' }), said: /^note 1 page of a project's own is not drawn again: INDEX\.HTM/ },
  { what: 'the size of a result', change: () => recorded(HOUND, ({ record }) => { Object.assign(record!.outputs['scores']!, { bytes: 7 }); }), said: /^differs the published rows of score:novel-1m\/nf4\/hound do not make its result / },
];

for (const { what, change, cell, said, by = [aggregatesCheck] } of CASES) {
  test(what, async () => {
    const instead = listedAnew(folder, change());
    for (const check of by) {
      const lines = await all(instead, cell === undefined ? {} : { cell }, [check]);
      assert.ok(lines.some((it) => said.test(it)), `${check.name}: ${String(said)}\n${lines.filter((it) => !it.startsWith('equal ')).join('\n')}`);
    }
    if (by.includes(filesCheck)) return;
    assert.equal((await all(instead, {}, [filesCheck])).map((it) => it.slice(0, it.indexOf(' '))), ['equal', 'note'], 'the lists are those of what is there');
  });
}

test('the two lists, where they are not of the same files', async () => {
  const unlisted = async (path: string, change: (before: string) => string, ...said: readonly RegExp[]): Promise<void> => {
    const before = text(path), after = change(before);
    assert.not.equal(after, before);
    const lines = (await all({ ...listedAnew(folder, {}), [path]: after }, {}, [filesCheck])).filter((it) => it.startsWith('differs '));
    for (const pattern of said) assert.ok(lines.some((it) => pattern.test(it)), `${String(pattern)}\n${lines.join('\n')}`);
  };
  await unlisted(MANIFEST_FILE, (it) => it.replace(/"quality\.html":.*\n/, ''), /^differs quality\.html \(it is in data\/files\.js, and not in data\/files\.json: nothing says which bytes it should have\)$/);
  await unlisted(SIZES_FILE, (it) => it.replace('"quality.html":', '"quantity.html":'), /^differs quality\.html \(it is in data\/files\.json, and not in data\/files\.js\)$/, /^differs quantity\.html \(it is in data\/files\.js, and not in data\/files\.json: /);
  await unlisted(SIZES_FILE, (it) => it.replace(/("quality\.html":)\d+/, '$17'), /^differs quality\.html \(data\/files\.js says that it has 7 bytes, and data\/files\.json says \d+\)$/);
});

test('what is not told beforehand is not loaded, also where one list names more', async () => {
  const sizes = text(SIZES_FILE).replace(/"quality\.html":\d+,/, '');
  const { asked } = await read(filesCheck, folder, { instead: { [SIZES_FILE]: sizes } });
  assert.not.ok(asked.has('quality.html'));
  for (const cell of [undefined, SCORED]) {
    const offer = computeCheck.offer({ cell }, planIn(folder), { has: () => false, reads: true });
    if (offer === undefined || !('downloads' in offer)) throw new Error('it offers nothing');
    const loaded = await read(computeCheck, folder, { choice: 'nf4', ...(cell === undefined ? {} : { cell }) });
    assert.equal([...loaded.asked, 'assets/study.js'].sort(), offer.downloads('nf4').map(({ path }) => path).sort());
    for (const { path, bytes } of offer.downloads('nf4')) assert.is(bytes, readFileSync(join(folder, path)).length, path);
  }
});

test('where no file can be read, what is computed is compared with the plan, and that is said', async () => {
  const { findings, asked } = await read(computeCheck, folder, { cell: SCORED, alone: true });
  assert.equal(findings.map(({ verdict }) => verdict), ['note', 'equal', 'equal', 'equal']);
  assert.match(findings[0]!.what, /^the tables and the records were not read: what is computed is compared with what data\/rerun\.js says of them$/);
  assert.ok([...asked].every((path) => path.startsWith('data/rerun/')));
  const all = await read(computeCheck, folder, { choice: 'nf4', alone: true });
  assert.equal(all.findings.slice(1).filter(({ verdict }) => verdict !== 'equal'), [], 'of what no plan has no row nothing is said');
});

test('a page that nothing draws again is not called identical', async () => {
  const path = 'own.html', instead = { [path]: '<!doctype html><main><p>It holds.</p></main>' };
  const { findings } = await read(aggregatesCheck, folder, { instead: listedAnew(folder, instead) });
  assert.equal(findings.filter(({ verdict }) => verdict !== 'equal').map(line), [`note 1 page of a project's own is not drawn again: ${path} (of them only numbers that name their row were compared)`]);
});

test('on the page of a cell that no page computes: what is compared all the same, and what is not', () => {
  const plan = planIn(folder), { files: _, ...bare } = plan;
  const said = (cell: string, of: Plan = plan): Refusal => {
    assert.ok(filesIn(folder).includes(cellPath(cell)), cell);
    const offer = computeCheck.offer({ cell }, of, { has: () => false, reads: true });
    if (offer === undefined || 'downloads' in offer) throw new Error('it says nothing');
    return offer;
  };
  assert.match(said(CLAIM).note, /^The checks above hold this page to the published rows, and compute again from those rows what aggregates this cell made of them\. The rows themselves are not computed again here: from the weights pages compute quantize, score, generate cells of novel-1m, and no others, .*\. The command on this page computes this one/);
  assert.match(said(CLAIM, bare).note, /^This cell is not computed again here: /);
  // Of what pages compute cells of, why not this one.
  assert.is(said('quantize:novel-1m/fp16').because, 'fp16 is the type of novel-1m’s own weights, and nothing is quantized; of the quantize cells of novel-1m pages compute those that change weights, int8, nf4');
  assert.is(said('score:novel-1m/nf4/hound').because, 'to load and compute little, pages compute 3 of the score cells of novel-1m, such as score:novel-1m/fp16/garden, and this is none of them');
  assert.is(said(CLAIM, { ...plan, cells: {} }).because, 'this report publishes no weights for pages to compute with');
});

test.run();
