/** A page checks its own site, in Chromium: an untouched one passes whole, from a server and from a folder; a weight file, a row and a number that were changed are caught. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cellPath } from '../../reports/num.ts';
import { PLAN_FILE } from '../../reports/rerun/plan.ts';
import { STATEMENT_FILE } from '../../reports/statement.ts';
import { notRun } from '../not-run.ts';
import { filesIn, listedAnew } from '../reports/reader.ts';
import { smallStudy } from '../reports/small-study.ts';
import { broken, launch, missing, overhear, served } from './chromium.ts';
import type { Browser, Page } from './chromium.ts';

const test = suite('a page checks its own site, in Chromium');
const absent = missing();
const CELL = 'summarize:novel-1m/nf4/fidelity';
let browser: Browser, folder: string, server: Awaited<ReturnType<typeof served>>;

test.before(async () => {
  if (absent !== undefined) return;
  // A copy, to change.
  folder = mkdtempSync(join(tmpdir(), 'bitwidth-verify-'));
  cpSync((await smallStudy()).folder, folder, { recursive: true });
  server = await served(folder);
  browser = await launch();
});
test.after(async () => {
  if (absent !== undefined) return;
  server.close();
  await browser.close();
  rmSync(folder, { recursive: true });
});

async function until(page: Page, expression: string): Promise<void> {
  for (const end = Date.now() + 120_000; Date.now() < end; await page.waitForTimeout(30)) if (await page.evaluate<boolean>(expression)) return;
  throw new Error(`not in time: ${expression}\n${await page.evaluate<string>(`document.querySelector('section.rerun').textContent`)}`);
}

interface Found { readonly lines: readonly string[]; readonly status: string; readonly heard: readonly string[]; readonly requests: readonly string[]; readonly size: string }

/** Opens a page, presses the button, chooses these checks (and the folder, from a file), starts; answers what it came to. */
async function checked(base: string, path: string, checks: readonly string[], before = ''): Promise<Found> {
  const context = await browser.newContext();
  const page = await context.newPage(), heard = overhear(page, base), requests: string[] = [];
  try {
    await page.goto(base + path);
    page.on('request', (it: { url(): string }) => { requests.push(decodeURI(it.url().slice(base.length))); });
    await page.click('section.rerun > p > button');
    await until(page, `!!document.querySelector('.panel-rerun .offers')`);
    requests.length = 0;
    await page.evaluate(`document.querySelectorAll('.offers li').forEach((li) => { const box = li.querySelector('input'); if (box.checked !== ${JSON.stringify(checks)}.includes(li.dataset.check)) box.click(); })`);
    if (base.startsWith('file:')) {
      assert.is(await page.evaluate(`document.querySelector('.panel-rerun > p > button').disabled`), true, 'from a file the folder comes first');
      await page.setInputFiles('#rerun-folder', folder);
      await until(page, `!document.querySelector('.panel-rerun > p > button').disabled`);
    }
    const size = await page.evaluate<string>(`document.querySelector('.panel-rerun .size').textContent`);
    assert.equal(requests, [], 'nothing is loaded before it starts');
    await page.evaluate(before);
    await page.click('.panel-rerun > p > button');
    await until(page, `!!document.querySelector('.panel-rerun > p[role=status]')?.textContent`);
    return {
      lines: await page.evaluate(`[...document.querySelectorAll('.findings li')].map((it) => it.className + ' ' + it.textContent)`),
      status: await page.evaluate(`document.querySelector('.panel-rerun > p[role=status]').textContent`), heard, requests, size,
    };
  } finally {
    await context.close();
  }
}

const BOTH = ['files', 'aggregates'];
const fileUrl = (): string => `${pathToFileURL(folder).href}/`;

for (const [where, base] of [['from a server', () => server.url], ['from a file, of the folder that the reader chose', fileUrl]] as const) {
  test(`${where}: an untouched site passes whole`, async () => {
    if (absent !== undefined) return notRun('a page checks its site', absent);
    const { lines, status, heard, requests, size } = await checked(base(), 'index.html', BOTH);
    assert.equal(heard, []);
    assert.ok(lines.every((line) => /^equal /.test(line)), lines.join('\n'));
    for (const said of [/equal .*\d+ files, each with the size and the sha256/, /equal .*signature 1 of 1 holds/, /equal .*metrics: \d+ rows computed again/, /equal .*survival: /, /equal .*\d+ pages, \d+ pages of cells, ARTIFACT\.md, CITATION\.cff and data\/numbers\.tex: drawn again from the tables, the records and data\/drawn-with\.json, each the same, byte for byte/]) assert.ok(lines.some((line) => said.test(line)), `${String(said)}\n${lines.join('\n')}`);
    assert.match(status, /^What was compared agrees: \d+ identical\. Not compared: the computation\.$/);
    assert.match(size, /^Start loads [\d.]+ MB in \d+ files of this site\./);
    // From a file nothing is fetched but the programs.
    // What both checks read is loaded once. A program is a file to hash, and a script to run, which a page loads by itself.
    if (where === 'from a server') assert.equal([...requests].sort(), [...filesIn(folder), 'assets/pages.js', 'assets/study.js'].sort());
    else assert.equal([...requests].sort(), ['assets/pages.js', 'assets/study.js']);
  });
}

test('the page of a cell that no page computes: why not is said at the end, too', async () => {
  if (absent !== undefined) return notRun('a page checks a cell', absent);
  const { status } = await checked(server.url, cellPath('quantize:novel-1m/fp16'), BOTH);
  assert.match(status, /^What was compared agrees: \d+ identical\. Not compared: the computation \(fp16 is the type of novel-1m’s own weights, and nothing is quantized; .*\)\.$/);
});

test('a copy is consistent once all of it was compared', async () => {
  if (absent !== undefined) return notRun('a page checks and computes its site', absent);
  const { lines, status } = await checked(server.url, 'index.html', [...BOTH, 'compute']);
  assert.ok(lines.every((line) => /^equal /.test(line)), lines.join('\n'));
  assert.match(status, /^All that was compared agrees: \d+ identical\. This copy of the report is consistent; for independence compute it from the sources with "npx bitwidth reproduce"\.$/);
});

/** With a file of the site changed. */
async function changed(path: string, change: (bytes: Buffer) => Uint8Array | string, look: () => Promise<void>): Promise<void> {
  const file = join(folder, path), before = readFileSync(file);
  const after = Buffer.from(change(before) as string);
  assert.ok(!after.equals(before));
  try {
    writeFileSync(file, after);
    await look();
  } finally {
    writeFileSync(file, before);
  }
}

/** Opens a page and the panel; answers the page's status and findings when `look` has ended. */
async function inPanel(address: string, look: (page: Page) => Promise<void>): Promise<void> {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(address);
    await page.click('section.rerun > p > button');
    await until(page, `!!document.querySelector('.panel-rerun .offers')`);
    await look(page);
  } finally {
    await context.close();
  }
}
const onlyFiles = (page: Page): Promise<void> => page.evaluate(`document.querySelectorAll('.offers li').forEach((li) => { const box = li.querySelector('input'); if (box.checked !== (li.dataset.check === 'files')) box.click(); })`);
const startable = `!document.querySelector('.panel-rerun > p > button').disabled`, problem = `document.querySelector('.panel-rerun .problem').textContent`;

test('from a file, the folder of another report is refused, and what to do is said; another folder can be chosen at any time', async () => {
  if (absent !== undefined) return notRun('another folder', absent);
  const other = mkdtempSync(join(tmpdir(), 'bitwidth-other-')), copy = join(other, 'copy'), version = join(other, 'version');
  try {
    for (const to of [copy, version]) cpSync(folder, to, { recursive: true });
    // Sound by itself, and another one.
    for (const [path, text] of Object.entries(listedAnew(folder, { 'quality.html': `${readFileSync(join(folder, 'quality.html'), 'utf8')}\n` }))) {
      if (text === undefined) rmSync(join(version, path)); else writeFileSync(join(version, path), text);
    }
    await inPanel(`${fileUrl()}index.html`, async (page) => {
      await onlyFiles(page);
      const choose = async (of: string, becomes: string): Promise<void> => {
        await page.setInputFiles('#rerun-folder', of);
        await until(page, becomes);
      };
      await choose(version, `${problem} !== ''`);
      const said = await page.evaluate<string>(problem);
      assert.match(said, /^“version” is the folder of another report, or of another version of this one: its data\/files\.js is not the one beside this page\. Choose the folder from which this page was opened\. To check the other report, open its own index\.html; /);
      assert.is(await page.evaluate(startable), false);
      await choose(join(folder, 'cells'), `/^The folder “cells” has no data\\/rerun\\.js\\. Choose the one that holds this report’s index\\.html\\.$/.test(${problem})`);
      await choose(copy, startable);
      assert.is(await page.evaluate(problem), '');
      assert.match(await page.evaluate<string>(`document.querySelector('label[for=rerun-folder]').textContent`), /^The site’s files are read in the folder “copy”\. To read them in another one, choose it: $/);
      // What was accepted before is not what is checked after a refusal.
      await choose(version, `${problem} !== ''`);
      assert.is(await page.evaluate(startable), false);
      await choose(folder, startable);
      await page.click('.panel-rerun > p > button');
      await until(page, `!!document.querySelector('.panel-rerun > p[role=status]')?.textContent`);
      assert.match(await page.evaluate<string>(`document.querySelector('.panel-rerun > p[role=status]').textContent`), /^What was compared agrees: 2 identical\./);
      await page.click('.panel-rerun > p:last-child button');
      assert.ok(await page.evaluate(`document.querySelector('#rerun-folder').checkVisibility()`), 'after a run, too');
    });
  } finally {
    rmSync(other, { recursive: true });
  }
});

test('a connection that breaks: the file is named, what was compared until then is said, and the same page goes on', async () => {
  if (absent !== undefined) return notRun('a connection breaks', absent);
  await inPanel(`${server.url}index.html`, async (page) => {
    const run = async (): Promise<Pick<Found, 'lines' | 'status'>> => {
      await page.click('.panel-rerun > p > button');
      await until(page, `!!document.querySelector('.panel-rerun > p[role=status]')?.textContent`);
      return { lines: await page.evaluate(`[...document.querySelectorAll('.findings li')].map((it) => it.className + ' ' + it.textContent)`), status: await page.evaluate(`document.querySelector('.panel-rerun > p[role=status]').textContent`) };
    };
    const gone = 'data/records\\.ndjson\\.gz cannot be loaded: the connection broke, or the server does not answer';
    await broken(page, '**/data/records.ndjson.gz', async () => {
      const { lines, status } = await run();
      assert.equal(lines.map((line) => /^(\w+) /.exec(line)![1]), ['equal', 'note', 'note', 'note'], lines.join('\n'));
      for (const [i, said] of ['\\d+ files, each with the size and the sha256', `\\d+ more files and the signature: not looked at, broken off${gone}$`, `the aggregates and pages: broken off after [\\d.]+ s${gone}$`, `the computation: broken off after [\\d.]+ s${gone}$`].entries()) assert.match(lines[i]!, new RegExp(said));
      assert.match(status, new RegExp(`^What was compared agrees: 1 identical\\. Not compared: part of the files \\(${gone}\\); the aggregates and pages \\(${gone}\\); the computation \\(${gone}\\)\\.$`));
    });
    await page.click('.panel-rerun > p:last-child button');
    assert.match((await run()).status, /^All that was compared agrees/);
  });
});

const weights = (): string => filesIn(folder).find((path) => path.startsWith('data/rerun/quantize~'))!;
const oneBit = (bytes: Buffer): Uint8Array => { const other = Buffer.from(bytes); other[other.length >> 1]! ^= 1; return other; };
const row = (bytes: Buffer): Uint8Array => gzipSync(gunzipSync(bytes).toString().replace(/^(novel-1m,nf4,garden,1,100,\d+,[\d.]+,)[\d.]+/m, '$13.25'));
const number = (bytes: Buffer): string => bytes.toString().replace(/(<a class="num" id="kl_mean\.novel-1m\.nf4"[^>]*>)(\D*)(\d)/, (_, anchor: string, sign: string, digit: string) => `${anchor}${sign}${(Number(digit) + 1) % 10}`);

const TAMPERED: readonly (readonly [what: string, path: () => string, change: (bytes: Buffer) => Uint8Array | string, page: string, checks: readonly string[], said: readonly RegExp[]])[] = [
  ['a weight file', weights, oneBit, 'index.html', ['files'], [/^differs .*data\/rerun\/quantize~.*its bytes have the sha256/]],
  ['a row', () => 'data/token_scores.csv.gz', row, cellPath(CELL), ['aggregates'], [/^differs .*(?:delta_nll|nll)\.novel-1m\.nf4 in data\/metrics\.csv.* is published, .* follows from what is published/]],
  ['a number on a page', () => 'quality.html', number, 'index.html', ['aggregates'], [/^differs .*quality\.html: the number kl_mean\.novel-1m\.nf4it shows .*, and drawn again [\d.]+/]],
  ['the statement', () => STATEMENT_FILE, (bytes) => bytes.toString().replace(/"payload":"(.)/, (_, first: string) => `"payload":"${first === 'e' ? 'f' : 'e'}`), cellPath(CELL), ['files'], [/^differs .*signature 1 of 1no signature of it is by the key/]],
];
for (const [what, path, change, page, checks, said] of TAMPERED) {
  test(`${what}, changed, is caught`, async () => {
    if (absent !== undefined) return notRun('a page catches what was changed', absent);
    await changed(path(), change, async () => {
      const { lines, status, heard } = await checked(server.url, page, checks);
      assert.equal(heard, []);
      for (const pattern of said) assert.ok(lines.some((line) => pattern.test(line)), `${String(pattern)}\n${lines.join('\n')}`);
      assert.match(status, /this copy of the report does not agree with itself\.$/);
    });
  });
}

/** A field of the first line that begins so, one more in its sixth digit; of a list its first number. */
const moreIn = (begins: RegExp, field: number | 'list') => (bytes: Buffer): string => bytes.toString().split('\n').map((line, i, lines) => lines.findIndex((one) => begins.test(one)) !== i ? line
  : field === 'list' ? line.replace(/\[(-?[\d.e-]+)/, (_, first: string) => `[${Number(first) + 1}`) : line.split(',').map((value, at) => at === field ? String(Math.ceil(Number(value) * 1.001 * 1e6) / 1e6) : value).join(',')).join('\n');
const oneByteMore = (bytes: Buffer): Uint8Array => gzipSync(gunzipSync(bytes).toString().replace(/^(novel-1m,nf4,garden,1,100,.*,)(\d+)(,score:)/m, (_, before: string, count: string, after: string) => `${before}${Number(count) + 1}${after}`));

/** A row of each table on which aggregates rest beside scores and texts, and what no longer follows. */
const ROWS: readonly (readonly [table: string, change: (bytes: Buffer) => Uint8Array | string, said: RegExp])[] = [
  ['token_scores.csv.gz', oneByteMore, /bits_per_byte\.novel-1m\.nf4 in data\/metrics\.csv/],
  ['sampling_windows.csv', moreIn(/^novel-1m,fp16,garden,0,0\.7,/, 11), /base_quality\.novel-1m\.fp16\.T0\.7\.k0 in/],
  ['null_windows.csv', moreIn(/^novel-1m,nf4,garden,0,0\.7,/, 'list'), /null_shift_mean\.novel-1m\.nf4\.T0\.7\.k0 in/],
  ['judgements.csv', moreIn(/^novel-1m,nf4,mary,1,0\.7,/, 'list'), /judge_nll\.novel-1m\.nf4\.T0\.7\.k0\.n16 in/],
  ['speed_memory.csv', moreIn(/^novel-1m,nf4,.*,weights,/, 5), /held_bytes\.novel-1m\.nf4\.\w+ in/],
  ['speed_blocks.csv', moreIn(/^novel-1m,/, 4), /speed_runs\.\w+\.novel-1m\.\S+ in/],
  ['floor_windows.csv', moreIn(/^novel-1m,fp16,fast,0,/, 5), /floor_kl_mean\.novel-1m\.fp16\.fast in/],
  ['claims.csv', (bytes) => bytes.toString().replace(/^fewer-bits,11,/m, 'fewer-bits,12,'), /claims\.\w+\.fewer-bits\.\S+ in/],
];
test('a row of every other table that aggregates rest on, changed, is caught', async () => {
  if (absent !== undefined) return notRun('a page catches changed rows', absent);
  // Where no compiler is, no floor was measured.
  const rows = ROWS.filter(([table]) => table !== 'floor_windows.csv' || readFileSync(join(folder, 'data', table)).length > 200);
  const look = async (): Promise<void> => {
    const { lines, heard } = await checked(server.url, 'index.html', ['aggregates']);
    assert.equal(heard, []);
    for (const [table, , said] of rows) assert.ok(lines.some((line) => line.startsWith('differs ') && said.test(line)), `${table}: ${String(said)}\n${lines.join('\n')}`);
  };
  await rows.reduce<() => Promise<void>>((next, [table, change]) => () => changed(`data/${table}`, change, next), look)();
});

const SCORED = 'score:novel-1m/nf4/garden', INT8 = 'score:novel-1m/int8/garden';
const digit = (before: string, pattern: RegExp): string => before.replace(pattern, (all) => all.replace(/\d(?=\D*$)/, (last) => String((Number(last) + 1) % 10)));

/** Each changed alone, the lists of files then made anew of all of it. */
const UNSIGNED: readonly (readonly [path: string, change: (before: string) => string, said: RegExp])[] = [
  [cellPath(SCORED), (it) => digit(it, /<span class="own">\d+\.\d{6,}(?=<\/span>)/), /^differs .*cells\/score~novel-1m~nf4~garden\.html: \w+ in row 1 of windows/],
  ['data/generations.csv', (it) => it.replace('tired of emotion', 'fond of emotion'), /^differs .*generate:novel-1m\/nf4\/T0\.7\/k0\/s1: 3 rows of the table generations; 1 of them differ from data\/generations\.csv.*text of row 1/],
  [PLAN_FILE, (it) => it.replace(new RegExp(`("cell":"${INT8}".*?"key":")[0-9a-f]{8}`), '$100000000'), /^differs .*score:novel-1m\/int8\/garden is not in data\/rerun\.js as its record has it.*its key: /],
  ['index.html', (it) => it.replace('not testable here</span><span><a href="claims.html#b">', 'supported</span><span><a href="claims.html#b">'), /^differs .*index\.html: what stands under “The claims.*supported/],
  ['samples.html', (it) => it.replace('tired of emotion', 'full of emotion'), /^differs .*samples\.html: what stands under “.*full of emotion/],
];

test('a copy that was changed, with lists made anew and no signature: what was changed is named, on the overview and on a cell\'s page', async () => {
  if (absent !== undefined) return notRun('a page catches what was changed where nobody signed', absent);
  const instead = Object.fromEntries(UNSIGNED.map(([path, change]) => {
    const before = readFileSync(join(folder, path), 'utf8'), after = change(before);
    assert.not.equal(after, before, path);
    return [path, after];
  }));
  // A page that is gone, of which neither list says anything.
  const written = listedAnew(folder, { ...instead, 'method.html': undefined });
  const were = new Map(Object.keys(written).map((path) => [path, readFileSync(join(folder, path))]));
  try {
    for (const [path, bytes] of Object.entries(written)) if (bytes === undefined) rmSync(join(folder, path)); else writeFileSync(join(folder, path), bytes);
    const { lines, status, heard, size, requests } = await checked(server.url, 'index.html', [...BOTH, 'compute']);
    assert.ok(lines.some((it) => /^equal .*files, each with the size and the sha256/.test(it)), 'the lists are those of what is there');
    for (const said of [...UNSIGNED.map((one) => one[2]), /^differs .*: a link, and [\d,]+ more links to the same file.*method\.html/]) assert.ok(lines.some((it) => said.test(it)), `${String(said)}\n${lines.join('\n')}`);
    assert.match(status, /this copy of the report does not agree with itself\.$/);
    // That nobody signed is seen by asking for it.
    assert.equal(heard.filter((it) => !/statement|404/.test(it)), []);
    assert.is(Number(/in (\d+) files/.exec(size)![1]) + 1, new Set(requests).size, 'what it said that it loads, and the statement that is not there');
    const own = await checked(server.url, cellPath(SCORED), ['aggregates']);
    assert.ok(own.lines.some((it) => UNSIGNED[0]![2].test(it)), own.lines.join('\n'));
  } finally {
    for (const [path, bytes] of were) writeFileSync(join(folder, path), bytes);
  }
});

test('a copy that nobody signed says so, and holds otherwise', async () => {
  if (absent !== undefined) return notRun('an unsigned site', absent);
  const file = join(folder, STATEMENT_FILE), statement = readFileSync(file);
  try {
    rmSync(file);
    const { lines, status } = await checked(fileUrl(), cellPath(CELL), ['files']);
    assert.ok(lines.some((line) => /^note .*no signature is published/.test(line)), lines.join('\n'));
    assert.match(status, /^What was compared agrees: \d+ identical\. Not compared: the aggregates and pages; the computation \(from the weights pages compute .*\)\.$/);
  } finally {
    writeFileSync(file, statement);
  }
});

test('a server that answers with a page for what it has not: nobody signed, and no more', async () => {
  if (absent !== undefined) return notRun('a server that has a page for everything', absent);
  await inPanel(`${server.url}${cellPath(CELL)}`, async (page) => {
    await page.route('**/data/provenance/**', (route) => route.fulfill({ status: 200, contentType: 'text/html; charset=utf-8', body: '<!doctype html><title>Home</title>' }));
    await onlyFiles(page);
    await page.click('.panel-rerun > p > button');
    await until(page, `!!document.querySelector('.panel-rerun > p[role=status]')?.textContent`);
    const lines = await page.evaluate<string[]>(`[...document.querySelectorAll('.findings li')].map((it) => it.className + ' ' + it.textContent)`);
    assert.equal(lines.map((line) => /^\w+/.exec(line)![0]), ['equal', 'note'], lines.join('\n'));
    assert.match(lines[1]!, /no signature is published/);
    assert.is(await page.evaluate('document.activeElement.textContent'), 'Do something else', 'the keyboard goes on where the reader was');
  });
});

test('a page that lies where another belongs is not taken for that one', async () => {
  if (absent !== undefined) return notRun('a page in another\'s place', absent);
  await changed(cellPath('score:novel-1m/int8/garden'), () => readFileSync(join(folder, cellPath('score:novel-1m/nf4/garden'))), async () => {
    for (const base of [server.url, fileUrl()]) {
      const context = await browser.newContext();
      try {
        const page = await context.newPage();
        await page.goto(base + cellPath('score:novel-1m/int8/garden'));
        await page.click('section.rerun > p > button');
        await until(page, `document.querySelector('section.rerun span[role=status]')?.textContent !== ''`);
        assert.is(await page.evaluate(`document.querySelector('section.rerun span[role=status]').textContent`),
          ' This copy of the report does not agree with itself: this page says that it is about score:novel-1m/nf4/garden, whose page is cells/score~novel-1m~nf4~garden.html, and it lies at cells/score~novel-1m~int8~garden.html.');
      } finally {
        await context.close();
      }
    }
  });
});

test('a reader can stop it', async () => {
  if (absent !== undefined) return notRun('a reader stops a check', absent);
  // At once, in the page: a test's own click may come when all is done.
  const { lines, status } = await checked(server.url, 'index.html', ['aggregates'], `new MutationObserver(() => {
    if (/cells computed again/.test(document.querySelector('.working .told')?.textContent ?? '')) document.querySelector('.working button').click();
  }).observe(document.querySelector('.panel-rerun'), { childList: true, subtree: true, characterData: true })`);
  assert.match(status, /^Cancelled\. Nothing was found until then\.$/);
  assert.equal(lines, []);
});

test.run();
