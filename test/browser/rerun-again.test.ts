/** Computing again in a page on a slow line, in Chromium: what a reader stops while a file loads, and begins again; a click too many; a program that is damaged. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PLAN_FILE } from '../../reports/rerun/plan.ts';
import { STUDY_PROGRAM } from '../../reports/rerun/compute.ts';
import { cellPath } from '../../reports/num.ts';
import { notRun } from '../not-run.ts';
import { broken, launch, missing, overhear, served } from './chromium.ts';
import type { Browser, Page } from './chromium.ts';
import { computedSite, FORMAT, MODEL, SCORED } from './computed.ts';
import type { ComputedSite } from './computed.ts';
import { changed, findings, finished, onlyComputing, press, said, settings, start, status, tried, until } from './panel.ts';

const absent = missing();
const ARTIFACT = `data/rerun/quantize~${MODEL}~${FORMAT}.artifact.js`;
let browser: Browser, site: ComputedSite, server: Awaited<ReturnType<typeof served>>;
/** What the server waits with, and for what. */
let held: string | undefined, released: Promise<void>, release: () => void;

function hold(path: string): void {
  held = path;
  released = new Promise((resolve) => { release = resolve; });
}

test.before(async () => {
  if (absent !== undefined) return;
  site = await computedSite();
  server = await served(site.folder, (path) => path === held ? released : undefined);
  browser = await launch();
});
test.after.each(() => { held = undefined; });
test.after(async () => {
  if (absent !== undefined) return;
  server.close();
  await browser.close();
  await site.remove();
});

/** Answers what was asked for of the server. */
async function onPage(path: string, look: (page: Page) => Promise<void>, mayFail = false): Promise<readonly string[]> {
  const context = await browser.newContext();
  const page = await context.newPage(), heard = overhear(page, server.url), requests: string[] = [];
  page.on('request', (it: { url(): string }) => { requests.push(it.url().slice(server.url.length)); });
  try {
    await page.goto(server.url + path);
    await press(page);
    await look(page);
    if (!mayFail) assert.equal(heard, []);
    return requests;
  } finally {
    await context.close();
  }
}

test('stopped while weights load, and begun again: the second run has them, and all is identical', async () => {
  if (absent !== undefined) return notRun('a reader begins again', absent);
  const requests = await onPage(cellPath(SCORED), async (page) => {
    hold(ARTIFACT);
    const loads = `/loads .*${FORMAT}\\.artifact\\.js/.test(document.querySelector('.working .told')?.textContent)`;
    await start(page);
    await until(page, loads);
    await page.click('.working button');
    await finished(page);
    assert.is(await status(page), 'Cancelled. Nothing was found until then.');
    await page.click('.panel-rerun > p:last-child button');
    await onlyComputing(page);
    await start(page);
    await until(page, loads);
    release();
    await finished(page);
    const found = await findings(page);
    assert.equal(found.map(({ verdict }) => verdict), ['equal', 'equal', 'equal'], JSON.stringify(found, null, 1));
    assert.is(await status(page), 'What was compared agrees: 3 identical. Not compared: the files; the aggregates and pages.');
  });
  assert.is(requests.filter((path) => path === ARTIFACT).length, 1);
});

test('two clicks on Start are one', async () => {
  if (absent !== undefined) return notRun('two clicks', absent);
  await onPage(cellPath(SCORED), async (page) => {
    await page.evaluate(`(() => {
      window.runs = 0;
      new MutationObserver((all) => { for (const { addedNodes } of all) for (const node of addedNodes) if (node.className === 'working') window.runs++; }).observe(document.querySelector('.panel-rerun'), { childList: true });
      const start = document.querySelector('.panel-rerun > p > button');
      start.click();
      start.click();
      start.dispatchEvent(new MouseEvent('click', { bubbles: true }));
    })()`);
    await finished(page);
    assert.is(await page.evaluate('window.runs'), 1);
    assert.is((await findings(page)).length, 3);
  });
});

test('a program that is damaged is named, and once it is whole the same page goes on', async () => {
  if (absent !== undefined) return notRun('a damaged program', absent);
  const sentence = `${STUDY_PROGRAM} is damaged or not of this report`;
  const half = (text: string): string => text.slice(0, text.length / 2);
  await onPage(cellPath(SCORED), async (page) => {
    await changed(site.folder, STUDY_PROGRAM, half, async () => {
      await start(page);
      await finished(page);
      assert.equal((await findings(page)).map(({ detail }) => detail), [sentence]);
      assert.match(await status(page), /^Nothing was compared\. Not compared: .*the computation \(assets\/study\.js is damaged or not of this report\)\.$/);
    });
    await page.click('.panel-rerun > p:last-child button');
    await onlyComputing(page);
    await start(page);
    await finished(page);
    assert.match(await status(page), /^What was compared agrees: 3 identical/);
  }, true);
  await changed(site.folder, STUDY_PROGRAM, half, async () => {
    await onPage('try.html', async (page) => {
      await start(page);
      await until(page, `${said} === ${JSON.stringify(sentence)}`);
    }, true);
  });
});

for (const [what, path, sentence] of [
  ['the program of the button', 'assets/rerun.js', 'The program cannot be loaded: assets/rerun.js is missing from this copy of the report, or the connection broke.'],
  ['the plan', PLAN_FILE, `${PLAN_FILE} cannot be loaded: it is missing from this copy of the report, or the connection broke`],
] as const) {
  test(`where ${what} cannot be loaded that is said once, and the button stays`, async () => {
    if (absent !== undefined) return notRun('a page offline', absent);
    const context = await browser.newContext();
    const page = await context.newPage();
    try {
      await page.goto(`${server.url}index.html`);
      await broken(page, `**/${path}`, async () => {
        for (let i = 0; i < 2; i++) {
          await page.click('section.rerun > p > button');
          await until(page, `!document.querySelector('section.rerun > p > button').disabled`);
          assert.is((await page.evaluate<string>(`document.querySelector('section.rerun > p > button').parentElement.textContent`)).replace('Re-run', '').trim(), sentence);
        }
      });
      await press(page);
    } finally {
      await context.close();
    }
  });
}

test('over plain http from another machine, where browsers compute no hashes, that is said at once and nothing is offered', async () => {
  if (absent !== undefined) return notRun('a page over plain http', absent);
  const own = await launch(['--host-resolver-rules=MAP report.test 127.0.0.1']);
  try {
    const page = await (await own.newContext()).newPage(), requests: string[] = [], url = server.url.replace('127.0.0.1', 'report.test');
    for (const path of ['index.html', 'try.html']) {
      await page.goto(url + path);
      page.on('request', (it: { url(): string }) => { requests.push(it.url()); });
      await page.click('section.rerun > p > button');
      await until(page, `/ Nothing can be compared here: this browser computes no hashes for a page that came over http\\. /.test(document.querySelector('section.rerun > p > button').parentElement.textContent)`);
      assert.is(await page.evaluate(`document.querySelector('.panel-rerun')`), null);
    }
    assert.equal([...new Set(requests)].sort(), ['assets/rerun.js', 'assets/script.js', 'assets/style.css', 'try.html'].map((path) => url + path));
  } finally {
    await own.close();
  }
});

test('to try: Stop while a file loads, then again; any temperature; a refused setting has no texts; each text in its own direction', async () => {
  if (absent !== undefined) return notRun('a page that writes on a slow line', absent);
  await onPage('try.html', async (page) => {
    const press = (text: string): Promise<void> => page.evaluate(`[...document.querySelectorAll('.panel-rerun > p > button')].find((it) => it.textContent === '${text}').click()`);
    const temperature = '.settings label:nth-child(4) input';
    await settings(page, ['fp16', FORMAT], '8');
    hold(ARTIFACT);
    await start(page);
    await until(page, `/^Loads .*${FORMAT}\\.artifact\\.js/.test(${said})`);
    await press('Stop');
    await until(page, `${said} === 'Stopped.'`);
    await start(page);
    await until(page, `/^Loads .*${FORMAT}\\.artifact\\.js/.test(${said})`);
    release();
    await until(page, `/^They /.test(${said})`);
    for (const value of ['0', '0.25', '1e-40', '1.2345678', '5']) {
      await page.fill(temperature, value);
      await start(page);
      await until(page, `/^They /.test(${said})`);
    }
    assert.equal(await page.evaluate(`['textarea', '.sample > :last-child'].map((it) => document.querySelector('.panel-rerun ' + it).dir)`), ['auto', 'auto']);
    await page.fill(temperature, '5.1');
    await start(page);
    assert.match(await page.evaluate<string>(said), /^Temperature \(0: always the likeliest token\): /);
    assert.equal(await tried(page), []);
  });
});

test.run();
