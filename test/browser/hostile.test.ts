/** Text from outside is text, whatever it is: pages of hostile rows, in Chromium, are held against pages of harmless rows of the same shape. */
import { readFile } from 'node:fs/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spelledOut } from '../../reports/html.ts';
import { report } from '../../reports/index.ts';
import { notRun } from '../not-run.ts';
import { FORMATS, MODELS, artificialRecords, artificialRows } from '../reports/rows.ts';
import { siteFolder } from './artificial.ts';
import type { SiteFolder } from './artificial.ts';
import { launch, missing, overhear } from './chromium.ts';
import type { Browser, Page } from './chromium.ts';
import { HARMLESS, PAYLOAD, longRows, spoiledRecords, spoiledRows } from './hostile.ts';
import type { Reach } from './hostile.ts';

const absent = missing();
const schema = await readFile(new URL('../../data/schema.sql', import.meta.url), 'utf8');
/** One model, and of its cells one of each stage. */
const all = artificialRows();
const rows = Object.fromEntries(Object.entries(all).map(([table, list]) => [table, list.filter((row) => !('model' in row) || row['model'] === MODELS[0] || row['model'] === null)]));
const records = artificialRecords(all).filter((one, i, every) => one.failure !== undefined || every.findIndex((other) => other.stage === one.stage) === i);

let browser: Browser;
test.before(async () => { if (absent === undefined) browser = await launch(); });
test.after(async () => { if (absent === undefined) await browser.close(); });

interface Seen { readonly heard: readonly string[]; readonly elements: { readonly [tagAndAttribute: string]: number }; readonly text: string; readonly title: string; readonly width: number }

/** Each element by its tag, and each attribute by its tag and name; the text outside of drawings, whose labels are cut. */
const SHAPE = `(() => {
  const elements = {}, count = (what) => { elements[what] = (elements[what] || 0) + 1; };
  for (const it of document.querySelectorAll('*')) {
    count(it.localName);
    for (const { name } of it.attributes) count(it.localName + '@' + name);
  }
  const body = document.body.cloneNode(true);
  for (const svg of body.querySelectorAll('svg')) svg.remove();
  return { elements, text: body.textContent, title: document.title, width: document.documentElement.scrollWidth };
})()`;

const TOUCH_ALL = `(() => {
  for (const it of document.querySelectorAll('body *')) it.dispatchEvent(new MouseEvent('mouseover'));
  const focusable = [...document.querySelectorAll('a, summary, button, input')], every = Math.ceil(focusable.length / 40);
  focusable.forEach((it, i) => { if (i % every === 0) it.focus({ preventScroll: true }); });
  document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
})()`;

async function seen(site: SiteFolder, width: number, which: (path: string) => boolean = () => true): Promise<Map<string, Seen>> {
  const context = await browser.newContext({ viewport: { width, height: 780 } });
  const found = new Map<string, Seen>();
  try {
    const left = [...site.site.files.keys()].filter((path) => path.endsWith('.html') && which(path));
    await Promise.all([0, 1].map(async () => {
      const page: Page = await context.newPage(), heard = overhear(page, site.url);
      for (let path = left.shift(); path !== undefined; path = left.shift()) {
        await page.goto(site.url + path);
        // What a reader's pointer and focus would set off.
        await page.evaluate(TOUCH_ALL);
        const shape = await page.evaluate<Omit<Seen, 'heard'>>(SHAPE);
        found.set(path, { heard: heard.splice(0), ...shape });
      }
    }));
  } finally {
    await context.close();
  }
  return found;
}

const times = (text: string, what: string): number => text.split(what).length - 1;
/**
 * How the payload may be shown. Half a pair of surrogates is no character: rows, which are UTF-8 in the end, have the sign for that; records are
 * told as they are, and a parameter that is a list as JSON.
 */
const shownPayloads = [PAYLOAD.replace('\uD800', '\uFFFD'), PAYLOAD, JSON.stringify(PAYLOAD).slice(1, -1)].map(spelledOut);

const inFolder = (path: string): boolean => path.includes('/');
/** Pages of one model, format or cell are named as those are, so their names stay; pages of all have rows of any name. */
const pagesOf: { readonly [reach in Reach]: (path: string) => boolean } = { texts: inFolder, names: (path) => !inFolder(path), kinds: (path) => !inFolder(path) };

for (const [reach, which] of Object.entries(pagesOf) as [Reach, (path: string) => boolean][]) {
  test(`hostile ${reach} in every column: no request, no dialog, no message, no element or attribute more, and all of it shown`, async () => {
    if (absent !== undefined) { notRun('hostile texts in Chromium', absent); return; }
    const stages = ['page', 'run-page', 'assets', ...(reach === 'texts' ? ['cell-pages'] : [])];
    const build = (what: string): Promise<SiteFolder> => siteFolder({ rows: spoiledRows(schema, rows, what, reach), records: spoiledRecords(records, what), stages });
    const [hostile, harmless] = [await build(PAYLOAD), await build(HARMLESS)];
    try {
      const [bad, good] = [await seen(hostile, 1280, which), await seen(harmless, 1280, which)];
      assert.equal([...bad.keys()].sort(), [...good.keys()].sort());
      let shown = 0;
      for (const [path, page] of bad) {
        const other = good.get(path)!;
        assert.equal(page.heard, [], path);
        const differing = [...new Set([...Object.keys(page.elements), ...Object.keys(other.elements)])].filter((what) => page.elements[what] !== other.elements[what]);
        assert.equal(differing.map((what) => `${what}: ${page.elements[what] ?? 0}, not ${other.elements[what] ?? 0}`), [], path);
        const expected = times(other.text, HARMLESS), found = shownPayloads.reduce((sum, payload) => sum + times(page.text, payload), 0);
        assert.is(found, expected, `${path}: shown ${found} times, not ${expected}`);
        assert.not.match(page.text + page.title, /[\u0000\u200B\u202E\u2066\uFEFF\u00AD]/, path);
        shown += found;
      }
      assert.ok(shown > 50, `shown ${shown} times`);
    } finally {
      await Promise.all([hostile.remove(), harmless.remove()]);
    }
  });
}

test('texts of a million characters are cut and say so; pages stay small and 360 px wide, the downloads have all', async () => {
  const long = `<i>${'W'.repeat(1e6)}`;
  const site = await siteFolder({ rows: longRows(schema, rows, long), records: spoiledRecords(records, long), stages: ['page', 'run-page', 'cell-pages', 'assets', 'exports'] });
  const usual = await siteFolder({ rows, records });
  try {
    const csv = (table: string): number => site.site.files.get(`data/${table}.csv`)!.length;
    for (const table of ['texts', 'generations', 'claims', 'sources']) assert.ok(csv(table) > 1e6, table);
    let cuts = 0;
    for (const [path, bytes] of site.site.files) {
      if (!path.endsWith('.html')) continue;
      const html = new TextDecoder().decode(bytes), more = bytes.length - usual.site.files.get(path)!.length;
      assert.ok(more < 250_000, `${path} is ${more} bytes larger`);
      assert.not.match(html, /W{5000}/, path);
      cuts += times(html, 'the data have ');
    }
    assert.ok(cuts > 100, `${cuts} cuts are told`);
    if (absent !== undefined) { notRun('long texts in Chromium', absent); return; }
    for (const [path, page] of await seen(site, 360)) {
      assert.equal(page.heard, [], path);
      assert.ok(page.width <= 360, `${path} is ${page.width} px wide at 360 px`);
    }
  } finally {
    await Promise.all([site.remove(), usual.remove()]);
  }
});

test('names that become names of files are refused where they are declared', () => {
  const tables = new Map([['models', { kind: 'output', cell: 'tabulate:models', output: 'rows' } as const]]);
  assert.throws(() => report({ tables, cells: ['a:b'], formats: FORMATS, models: ['a"><svg onload=alert(1)>'] }), /svg/);
  assert.throws(() => report({ tables, cells: ['a:b'], formats: ['../../x'], models: MODELS }), /\.\./);
});

test.run();
