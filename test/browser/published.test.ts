/** What is published, in Chromium: an old version says that it is one and marks what was found wrong since; the one file stands alone. */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hashOf } from '../../provenance/pack-format.ts';
import { filesToPublish, publishTo } from '../../provenance/publish.ts';
import { singleFile } from '../../provenance/single-file.ts';
import { MANIFEST_FILE, manifestText } from '../../reports/manifest.ts';
import { artificialRecords, artificialRows } from '../reports/rows.ts';
import { notRun } from '../not-run.ts';
import { siteFolder } from './artificial.ts';
import type { SiteFolder } from './artificial.ts';
import { launch, missing, overhear } from './chromium.ts';
import type { Browser, Page } from './chromium.ts';

const absent = missing();
const NUMBER = 'kl_mean.artificial-10m.nf4';
let browser: Browser, folder: string, paths: readonly string[] = [];
const sites: SiteFolder[] = [];

test.before(async () => {
  if (absent !== undefined) return;
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'bitwidth-published-')));
  const rows = artificialRows();
  for (const errata of [[], [{ number: NUMBER, date: '2026-01-31', wrong: 'the last window was counted twice', successor: null, cell: 'tabulate:errata' }]]) {
    const own = { ...rows, errata };
    const site = await siteFolder({ rows: own, records: artificialRecords(own), errata: errata.map(({ number }) => number) });
    sites.push(site);
    // Downloads and the list of files are other stages'.
    mkdirSync(join(site.folder, 'data'), { recursive: true });
    writeFileSync(join(site.folder, 'data/errata.csv'), `number,date\n${errata.map(({ number, date }) => `${number},${date}\n`).join('')}`);
    paths = [...site.site.files.keys()];
    writeFileSync(join(site.folder, MANIFEST_FILE), manifestText(new Map([...paths, 'data/errata.csv'].map((path) => { const bytes = readFileSync(join(site.folder, path)); return [path, { bytes: bytes.length, sha256: hashOf(bytes) }]; }))));
    publishTo(join(folder, 'public'), site.folder, filesToPublish(site.folder), { title: 'A study', today: '2026-02-01' });
  }
  browser = await launch();
});
test.after(async () => {
  if (absent !== undefined) return;
  await browser.close();
  for (const site of sites) await site.remove();
  rmSync(folder, { recursive: true });
});

async function at(address: string, base: string, look: (page: Page) => Promise<void>): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage(), heard = overhear(page, base);
  try {
    await page.goto(address);
    await look(page);
    assert.equal(heard, []);
  } finally {
    await context.close();
  }
}

const textAt = (page: Page, selector: string): Promise<string | null> => page.evaluate(`(document.querySelector(${JSON.stringify(selector)}) || { textContent: null }).textContent`);

test('an old version says so, and marks the number that was found wrong since; the newest speaks of it itself', async () => {
  if (absent !== undefined) return notRun('published versions', absent);
  const base = `${pathToFileURL(join(folder, 'public')).href}/`;
  await at(`${base}v1/quality.html`, base, async (page) => {
    await page.waitForLoadState('load');
    for (let tries = 0; tries < 100 && await textAt(page, '.old-version') === null; tries++) await page.waitForTimeout(50);
    assert.match(await textAt(page, '.old-version') ?? '', /^This is version v1, kept as it was\. The newest is v2\. 1 number on this page was found wrong since, marked ‡\.$/);
    assert.equal(await page.evaluate(`[...document.querySelectorAll('a.erratum')].map((it) => [it.previousSibling.id, new URL(it.href).pathname.split('/').slice(-2).join('/')])`), [[NUMBER, `errata/${NUMBER}.html`]]);
  });
  for (const version of ['v2', 'latest']) {
    await at(`${base}${version}/quality.html`, base, async (page) => {
      assert.is(await textAt(page, '.old-version'), null);
      assert.match(await page.evaluate<string>(`document.getElementById(${JSON.stringify(NUMBER)}).textContent`), /‡$/);
    });
  }
});

test('one file: a page at a time by the address alone, with and without JavaScript, and nothing is asked for', async () => {
  if (absent !== undefined) return notRun('the report in one file', absent);
  const file = join(folder, 'report.html');
  writeFileSync(file, singleFile({ paths, read: (path) => readFileSync(join(sites[1]!.folder, path), 'utf8') }, { title: 'A "study" <b>', manifest: 'ab'.repeat(32) }));
  const address = pathToFileURL(file).href;
  const shown = (page: Page): Promise<string[]> => page.evaluate(`[...document.querySelectorAll('section.page')].filter((it) => getComputedStyle(it).display !== 'none').map((it) => it.id)`);
  for (const javaScriptEnabled of [true, false]) {
    const context = await browser.newContext({ javaScriptEnabled });
    const page = await context.newPage(), heard = overhear(page, address);
    await page.goto(address);
    assert.equal(await shown(page), ['index.html']);
    await page.click('nav.site a:has-text("Quality")');
    assert.equal(await shown(page), ['quality.html']);
    await page.goto(`${address}#${encodeURIComponent(`quality.html~${NUMBER}`)}`);
    assert.equal(await shown(page), ['quality.html']);
    assert.is(await page.evaluate('document.title'), 'A "study" <b>');
    assert.equal(heard, []);
    await context.close();
  }
  const text = readFileSync(file, 'utf8');
  // What computes in a page is nothing without the files beside it.
  assert.ok(paths.includes('try.html') && readFileSync(join(sites[1]!.folder, 'index.html'), 'utf8').includes('class="rerun"'));
  assert.not.match(text, /<section class="rerun"|<button|try\.html|With JavaScript/);
  assert.match(text, /Left out: [^.]*“Re-run” and “Try it”\)\./);
  assert.is([...text.matchAll(/<nav class="site"[\s\S]*?<\/nav>/g)].length, [...text.matchAll(/<section class="page"/g)].length);
  for (const [nav] of text.matchAll(/<nav class="site"[\s\S]*?<\/nav>/g)) assert.equal(nav.match(/<a (?!class="name")[^>]*href="#[^"]*"[^>]*>[^<]*<\/a>/g)!.length, 9);
  const ids = [...text.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id!), known = new Set(ids);
  assert.is(ids.length, known.size, 'ids are unique');
  for (const [, to] of text.matchAll(/ href="#([^"]*)"/g)) assert.ok(known.has(to!), `#${to!}`);
  assert.not.match(text, / href="(?!#|data:)/, 'no link leads out of the file');
});

test.run();
