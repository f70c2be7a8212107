/** What the site does in a reader's hands, in Chromium: keyboard, tips, the state in the address, print, a reader's own colours. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { artificialRecords, artificialRows } from '../reports/rows.ts';
import { notRun } from '../not-run.ts';
import { siteFolder } from './artificial.ts';
import type { SiteFolder } from './artificial.ts';
import { launch, missing, overhear, served } from './chromium.ts';
import type { Browser, Context, Page } from './chromium.ts';

const absent = missing();
let browser: Browser, context: Context, site: SiteFolder, server: Awaited<ReturnType<typeof served>>;

test.before(async () => {
  if (absent !== undefined) return;
  const rows = artificialRows();
  site = await siteFolder({ rows, records: artificialRecords(rows) });
  server = await served(site.folder);
  browser = await launch();
  context = await browser.newContext({ viewport: { width: 1000, height: 800 }, reducedMotion: 'reduce' });
});
test.after(async () => {
  if (absent !== undefined) return;
  server.close();
  await browser.close();
  await site.remove();
});

/** A test on a page of the site; fails on whatever the page says or asks for besides. */
function onPage(name: string, path: string, body: (page: Page) => Promise<void>, options: { readonly context?: object; readonly base?: () => string } = {}): void {
  test(name, async () => {
    if (absent !== undefined) { notRun(name, absent); return; }
    const own = options.context ? await browser.newContext(options.context) : context, base = (options.base ?? (() => site.url))();
    const page = await own.newPage(), heard = overhear(page, base);
    try {
      await page.goto(base + path);
      await body(page);
      assert.equal(heard, []);
    } finally {
      await page.close();
      if (options.context) await own.close();
    }
  });
}

/** Waits until an expression holds. Not Playwright's way, which the site's policy forbids: it evaluates text inside the page. */
async function until(page: Page, expression: string): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end; await page.waitForTimeout(20)) {
    if (await page.evaluate<boolean>(expression).catch(() => false)) return;
  }
  throw new Error(`not within ten seconds: ${expression}`);
}
const active = <T>(page: Page, of: string): Promise<T> => page.evaluate(`((it) => ${of})(document.activeElement)`);
const tipText = (page: Page): Promise<string | null> => page.evaluate(`(document.querySelector('.tip') || { textContent: null }).textContent`);
const order = (page: Page): Promise<string[]> => page.evaluate(`[...document.querySelectorAll('table[data-sortable] tbody')].map((it) => [...it.rows].map((row) => row.textContent).join('|'))`);
const query = (page: Page): string => decodeURIComponent(new URL(page.url()).search);

onPage('the first Tab offers to skip to the content, and Enter does', 'index.html', async (page) => {
  await page.keyboard.press('Tab');
  assert.is(await active(page, 'it.textContent'), 'Skip to the content');
  assert.ok(await active<boolean>(page, 'it.getBoundingClientRect().left >= 0 && it.getBoundingClientRect().top >= 0'), 'it is seen');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  assert.ok(await active<boolean>(page, `document.querySelector('main').contains(it)`));
});

for (const path of ['index.html', 'dag.html', 'claims.html']) {
  onPage(`every link, fold, button and field of ${path} is reached by Tab, in order, and shows that it has the focus`, path, async (page) => {
    const wanted = await page.evaluate<number>(`window.__wanted = [...document.querySelectorAll('a[href], summary, button, input, [tabindex="0"]')].filter((it) => it.checkVisibility() && it.getClientRects().length > 0), window.__wanted.length`);
    const seen: number[] = [];
    for (let i = 0; i < wanted; i++) {
      await page.keyboard.press('Tab');
      const [index, shown] = await active<[number, boolean]>(page, `[window.__wanted.indexOf(it), getComputedStyle(it).outlineStyle !== 'none' && parseFloat(getComputedStyle(it).outlineWidth) >= 2]`);
      assert.ok(shown, `no visible focus on ${await active<string>(page, 'it.outerHTML.slice(0, 160)')}`);
      seen.push(index);
    }
    assert.equal(seen, Array.from({ length: wanted }, (_, i) => i));
  });
}

onPage('a number tells on hover what it is, the pointer may go onto that, Escape closes it', 'quality.html', async (page) => {
  const number = `a.num[data-tip*="["]`;
  await page.hover(number);
  const id = await page.evaluate<string>(`document.querySelector('${number}').id`);
  const text = (await tipText(page))!;
  assert.match(text, /\[.*, .*\], n\u00a0=\u00a015,330 in 30 clusters/);
  assert.ok(text.includes(id) && text.includes('computed by summarize:artificial-'), text);
  assert.is(await page.evaluate(`document.querySelector('${number}').getAttribute('aria-describedby')`), 'tip');
  await page.hover('.tip');
  await page.waitForTimeout(400);
  assert.is(await tipText(page), text);
  await page.keyboard.press('Escape');
  assert.is(await tipText(page), null);
  await page.hover(number);
  await page.mouse.move(0, 0);
  await until(page, `!document.querySelector('.tip')`);
});

onPage('the focus shows the same; a number that the page derives says how', 'index.html', async (page) => {
  await page.focus('a.num[data-tip]');
  assert.match((await tipText(page))!, /computed by/);
  await page.keyboard.press('Escape');
  assert.is(await tipText(page), null);
  await page.focus('.facts a.num[href^="#derived"]');
  const how = await page.evaluate<string>(`document.getElementById(document.activeElement.hash.slice(1)).textContent`);
  assert.is(await tipText(page), how);
  await page.focus('.site a');
  assert.is(await tipText(page), null);
  for (const at of await page.evaluate<number[]>(`[...document.querySelectorAll('a.num')].map((it, i) => i).filter((i) => i % 9 === 0)`)) {
    await page.evaluate(`[...document.querySelectorAll('a.num')].filter((it) => it.checkVisibility())[${at}]?.focus()`);
    assert.ok(await page.evaluate<boolean>(`(() => { const it = document.querySelector('.tip'); if (!it) return true; const box = it.getBoundingClientRect(); return box.left >= 0 && box.right <= innerWidth; })()`), 'a tip stays inside the window');
  }
});

onPage('on touch the first tap shows it with a link, the second follows the number', 'quality.html', async (page) => {
  const number = 'main a.num[data-tip]';
  const before = page.url();
  await page.tap(number);
  assert.match((await tipText(page))!, /computed by[\s\S]*open its record/);
  assert.is(page.url(), before);
  await page.tap('h1');
  assert.is(await tipText(page), null);
  await page.tap(number);
  await page.tap('.tip a');
  await until(page, `location.pathname.includes('/cells/')`);
  // A page that is left before all of it is there has requests that fail.
  await page.waitForLoadState('load');
  await page.goBack();
  await page.tap(number);
  await page.tap(number);
  await until(page, `location.pathname.includes('/cells/')`);
}, { context: { hasTouch: true, isMobile: true, viewport: { width: 360, height: 780 } } });

for (const [where, base] of [['from a file', () => site.url], ['from a server', () => server.url]] as const) {
  onPage(`sorting, filtering and folds stand in the address, ${where}: loaded again, the page is the same`, 'index.html', async (page) => {
    const first = await order(page);
    await page.click('figure summary');
    await page.click('table[data-sortable] thead th:nth-child(4) button');
    assert.is(query(page), '?sort.pareto=4&open=pareto');
    const rising = await order(page);
    await page.click('table[data-sortable] thead th:nth-child(4) button');
    await page.fill('input.filter', 'NF4  dq');
    await until(page, `location.search.includes('filter')`);
    assert.is(query(page), '?sort.pareto=-4&filter.pareto=NF4++dq&open=pareto');
    const falling = await order(page);
    assert.not.equal(rising, first);
    assert.not.equal(falling, rising);
    const shown = `[...document.querySelectorAll('table[data-sortable] tbody tr')].filter((it) => !it.hidden).map((it) => it.textContent)`;
    const rows = await page.evaluate<string[]>(shown);
    assert.ok(rows.length > 0 && rows.every((row) => row.includes('nf4-dq')), rows.join('\n'));
    assert.match(await page.evaluate<string>(`document.querySelector('[role=status]').textContent`), new RegExp(`^${rows.length} of \\d+ rows$`));

    const again = await context.newPage();
    try {
      await again.goto(page.url());
      assert.equal(await order(again), falling);
      assert.equal(await again.evaluate(shown), rows);
      assert.is(await again.evaluate(`document.querySelector('input.filter').value`), 'NF4  dq');
      assert.ok(await again.evaluate(`document.querySelector('#pareto details').open`));
      assert.is(await again.evaluate(`document.querySelector('th[aria-sort]').getAttribute('aria-sort')`), 'descending');
      // Nothing of the state is left when it is taken back.
      await again.fill('input.filter', '');
      await until(again, `!location.search.includes('filter')`);
    } finally {
      await again.close();
    }
  }, { base });
}

onPage('back and forward: an anchor followed and left keeps what was sorted; a page left and come back to is as it was', 'index.html', async (page) => {
  await page.click('figure summary');
  await page.click('table[data-sortable] thead th:nth-child(3) button');
  const sorted = await order(page);
  await page.click('.facts a.num[href^="#derived"]');
  assert.match(page.url(), /\?sort\.pareto=3&open=pareto&open=\w.*#derived\./);
  assert.equal(await order(page), sorted, 'a click on an anchor leaves the order');
  await page.goBack();
  await until(page, `location.hash === ''`);
  assert.equal(await order(page), sorted);
  await page.click('.site a:not([aria-current])');
  await until(page, `!document.querySelector('.facts')`);
  // A page that is left before all of it is there has requests that fail.
  await page.waitForLoadState('load');
  await page.goBack();
  await until(page, `document.querySelector('.facts')`);
  await page.waitForLoadState('load');
  assert.equal(await order(page), sorted);
  assert.ok(await page.evaluate(`document.querySelector('#pareto details').open`));
});

onPage('a link to a number in a closed fold opens it and scrolls there, also where a filter hides its row', 'glossary.html', async (page) => {
  // The last number of the figure's data, which the page shows nowhere else.
  const id = lastIdOf(new TextDecoder().decode(site.site.files.get('index.html')!));
  const inView = `(() => { const it = document.getElementById(${JSON.stringify(id)}), box = it.getBoundingClientRect(); return it.checkVisibility() && box.top >= 0 && box.bottom <= innerHeight; })()`;
  await page.goto(`${site.url}index.html#${id}`);
  assert.ok(await page.evaluate(inView), id);
  await page.goto(`${site.url}index.html?filter.pareto=nothing-like-it#${id}`);
  assert.ok(await page.evaluate(inView), 'with a filter');
  await page.goto(`${site.url}index.html#nothing%`);
});
const lastIdOf = (html: string): string => [...html.slice(html.indexOf('<table data-sortable>'), html.indexOf('</table>')).matchAll(/<a class="num" id="([^"]*)"/g)].at(-1)![1]!;

onPage('an address with nonsense for a state does no harm', 'index.html?sort.pareto=99&sort.none=1&filter.pareto=%3Cimg%3E&open=constructor&open=%00#%E0', async (page) => {
  assert.is(await page.evaluate(`document.querySelectorAll('th[aria-sort], main img').length`), 0);
  assert.is(await page.evaluate(`document.querySelector('input.filter').value`), '<img>');
});

onPage('who wants no motion gets none', 'index.html', async (page) => {
  assert.is(await page.evaluate(`getComputedStyle(document.documentElement).scrollBehavior`), 'auto');
  await page.emulateMedia({ reducedMotion: 'no-preference' });
  assert.is(await page.evaluate(`getComputedStyle(document.documentElement).scrollBehavior`), 'smooth');
  assert.equal(await page.evaluate(`[...document.querySelectorAll('*')].filter((it) => getComputedStyle(it).animationName !== 'none' || parseFloat(getComputedStyle(it).transitionDuration) > 0).length`), 0);
});

onPage('in a reader’s own colours text has them, and the swatches and verdicts keep their hues', 'index.html', async (page) => {
  await page.emulateMedia({ forcedColors: 'active', colorScheme: 'dark' });
  const [paper, ink, mute] = await page.evaluate<string[]>(`[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('h1')).color, getComputedStyle(document.querySelector('.note, .quiet')).color]`) as [string, string, string];
  assert.not.equal(paper, ink);
  assert.is(mute, ink);
  const swatches = await page.evaluate<string[]>(`[...new Set([...document.querySelectorAll('.swatch')].map((it) => getComputedStyle(it).backgroundColor))]`);
  assert.ok(swatches.length >= 4 && !swatches.includes(paper), swatches.join(' '));
});

onPage('on paper: no navigation, numbers in prose with their ids, nothing dark, nothing that must not break higher than a page', 'quality.html', async (page) => {
  // An A4 page without its margins, at 96 px an inch.
  await page.setViewportSize({ width: 718, height: 1047 });
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  assert.is(await page.evaluate(`[...document.querySelectorAll('.site, .skip, .foot nav, .filter, thead button')].filter((it) => it.checkVisibility()).length`), 0);
  assert.is(await page.evaluate(`getComputedStyle(document.body).backgroundColor`), 'rgb(255, 255, 255)');
  const number = `document.querySelector('p .num[id]')`;
  assert.match(await page.evaluate<string>(`getComputedStyle(${number}, '::after').content`), /\[/);
  assert.ok(await page.evaluate(`[...document.querySelectorAll('.derivations li')].every((it) => it.checkVisibility())`), 'how the page’s own numbers were made');
  const higher = await page.evaluate<string[]>(`[...document.querySelectorAll('figure, .panel, tr')].filter((it) => it.getBoundingClientRect().height > 1000).map((it) => it.id || it.className || it.outerHTML.slice(0, 80))`);
  assert.equal(higher, []);
  assert.ok(await page.evaluate(`[...document.querySelectorAll('figure, .panel, tr')].every((it) => getComputedStyle(it).breakInside === 'avoid')`));
  assert.ok(await page.evaluate<number>('document.documentElement.scrollWidth') <= 718, 'nothing is cut off at the right');
  assert.equal(await page.evaluate<string[]>(`(${FAINT})()`), []);
});

/** Hues whose contrast to white paper is under 3:1; contrast is of luminance, so it says what greyscale shows. */
const FAINT = `() => {
  const style = getComputedStyle(document.documentElement), probe = document.body.appendChild(document.createElement('i'));
  const light = (name) => {
    probe.style.color = style.getPropertyValue(name);
    const [r, g, b] = getComputedStyle(probe).color.match(/\\d+/g).map((it) => it / 255).map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return ['--base', '--base-2', '--int8', '--nf4', '--nf4-dq', '--fp4', '--fp4-dq', '--other', '--good', '--bad', '--unsure', '--quiet'].filter((name) => 1.05 / (light(name) + 0.05) < 3);
}`;

test.run();
