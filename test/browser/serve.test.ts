/** The page of `serve`, in Chromium: that it shows a long task alive, figures in the study's order, what failed, and the page that a reader is at. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import { serveStudy } from '../../provenance/serve-server.ts';
import { cell, pipeline, stage } from '../../stages/dag/index.ts';
import { Project } from '../dag/project.ts';
import { notRun } from '../not-run.ts';
import { launch, missing, overhear } from './chromium.ts';
import type { Browser, Page } from './chromium.ts';

const absent = missing();

const summary = stage({ name: 'summary', title: 'Sum up', determinism: 'exact', module: 'summary.ts', outputs: ['metrics'] });
const long = stage({ name: 'long', title: 'Take long', determinism: 'exact', module: 'long.ts', outputs: ['out'] });
/** The small model is declared first; of it a figure lands last. */
const declare = () => ({ name: 'served', cells: [
  ...['small', 'large'].flatMap((model) => ['nf4', 'fp4'].map((format) => cell(summary, `${model}/${format}`, { batch: 'all', params: { model, format } }))),
  ...[0, 1, 2].map((i) => cell(long, String(i), { batch: 'all', params: { i } })),
] });

const SUMMARY = `export const run = async (cells, io) => {
  const row = ({ model, format }, quantity, text, value) => ({ quantity, model, format, text, value, low: null, high: null, unit: '' });
  for (const one of [...cells].reverse()) await io.commit(one.id, { metrics: JSON.stringify([row(one.params, 'base_entropy', null, 1), row(one.params, 'kl_mean', 'hound', 2), row(one.params, 'kl_mean', null, 3)]) });
};\n`;
const LONG = (go: string) => `import { existsSync } from 'node:fs';
export const run = async (cells, io) => {
  await io.commit(cells[0].id, { out: '0' });
  io.progress(1, 3, 'steps');
  for (let i = 0; i < 600 && !existsSync(${JSON.stringify(go)}); i++) await new Promise((resolve) => setTimeout(resolve, 50));
  for (const one of cells.slice(1)) await io.commit(one.id, { out: String(one.params.i) });
};\n`;

async function becomes(page: Page, script: string, what: RegExp): Promise<string> {
  let text = '';
  for (let i = 0; i < 200 && !what.test(text); i++) {
    // While the page is loaded again there is nothing to ask.
    text = await page.evaluate<string>(script).catch(() => '');
    await page.waitForTimeout(50);
  }
  assert.match(text, what, text);
  return text;
}
const textOf = (selector: string): string => `document.querySelector('${selector}').innerText`;

test('a long task\'s time goes on between what its run tells; figures come as the report leads and the study has them, and a choice stays', async () => {
  if (absent !== undefined) return notRun('the page of serve in Chromium', absent);
  const project = new Project('faults', declare);
  project.write('summary.ts', SUMMARY);
  project.write('long.ts', LONG(project.path('go')));
  const served = await serveStudy(pipeline({ ...declare(), root: project.root } as never), 0);
  const browser: Browser = await launch();
  try {
    const page = await (await browser.newContext({ viewport: { width: 360, height: 780 } })).newPage();
    const heard = overhear(page, served.url);
    await page.goto(served.url);
    await becomes(page, textOf('#now'), /^No run is going/);
    const run = project.run();
    const first = await becomes(page, textOf('#tasks'), /long:0 and 2 more\t\d+ s\t1\/3 steps\t1 of 3/);
    assert.match(await page.evaluate(textOf('summary')), /At work for \d+ s: long/);
    const shown = Number(/(\d+) s\t1\/3/.exec(first)![1]);
    await becomes(page, textOf('#tasks'), new RegExp(`\\t${shown + 2} s\\t1/3 steps`));
    await becomes(page, textOf('#figures'), /^Format\tsmall\tlarge\s*nf4\t3\t3\s*fp4\t3\t3$/);
    assert.equal(await page.evaluate('[...document.querySelectorAll("option")].map((one) => one.text)'), ['kl mean', 'base entropy', 'overall', 'hound', 'all 2 settings']);
    await page.selectOption('#quantity', 'base_entropy');
    project.write('go', '');
    await run;
    await becomes(page, textOf('summary'), /^No run is going/);
    assert.is(await page.evaluate('document.querySelector("#quantity").value'), 'base_entropy');
    assert.ok(await page.evaluate<number>('document.documentElement.scrollWidth') <= 360);
    // That no report was published yet is an answer 404.
    assert.equal(heard.filter((line) => !line.includes('404')), []);
    await served.close();
    await becomes(page, textOf('summary'), /^bitwidth serve does not answer/);
    assert.is(await page.evaluate(textOf('#for')), '');
  } finally {
    await browser.close();
    await served.close().catch(() => undefined);
    project.remove();
  }
});

/** A cell that fails where a file says so, and a site of the pages in a folder. */
const failing = stage({ name: 'failing', title: 'Fail', determinism: 'exact', module: 'failing.ts', outputs: ['out'] });
const site = stage({ name: 'site', title: 'Site', determinism: 'exact', module: 'site.ts', outputs: ['site'] });
const sited = cell(site, 'all', {});
const declareSite = () => ({ name: 'sited', cells: [...Array.from({ length: 300 }, (_, i) => cell(failing, String(i), { batch: 'all', params: { i } })), sited], exports: [{ to: 'reports/site', from: [{ kind: 'output' as const, cell: sited.id, output: 'site' }] }] });
const FAILING = `export const run = async (cells, io) => { for (const one of cells) { if (one.params.i < 2) await io.fail(one.id, { code: 'bad-input', sentence: 'no good' }); else await io.commit(one.id, { out: '' }); } };\n`;
const SITE = (words: string, names: readonly string[]) => `const page = (name) => '<!doctype html><title>' + name + '</title><p>${words} ' + name + '</p><a href="b.html#end">on</a><textarea></textarea><p id="end">';
export const run = async (cells, io) => { for (const one of cells) await io.commit(one.id, { site: { tree: new Map(${JSON.stringify(names)}.map((name) => [name + '.html', page(name)])) } }); };\n`;
const framed = (script: string): string => `(() => { const page = document.querySelector('iframe').contentDocument; return ${script}; })()`;
const WORDS = framed('page.querySelector("p")?.innerText ?? ""');
const HASH = 'location.hash';

test('cells that failed are counted where the rest is, and no bar looks full with them', async () => {
  if (absent !== undefined) return notRun('the page of serve in Chromium', absent);
  await withSite(async ({ project, page }) => {
    await becomes(page, textOf('summary'), /^No run is going\. *299 of 301 cells, 2 failed$/);
    assert.is(await page.evaluate('document.querySelector("#live").open'), false);
    assert.ok(await page.evaluate<number>('document.querySelector("#progress").value') < 0.98);
    project.write('failing.ts', FAILING.replace('< 2', '< 0'));
    await becomes(page, textOf('summary'), /; "bitwidth run" computes what is open\. *1 of 301 cells$/);
    await project.run();
    await becomes(page, textOf('summary'), /^No run is going\. *301 of 301 cells$/);
    assert.is(await page.evaluate('document.querySelector("#progress").value'), 1);
  });
});

test('the page that is open stands in the address, and loading it again, Back and an edited address keep it; one that is gone gives way to the overview', async () => {
  if (absent !== undefined) return notRun('the page of serve in Chromium', absent);
  await withSite(async ({ project, page, url }) => {
    await becomes(page, WORDS, /^old index$/);
    assert.is(page.url(), url);
    await page.evaluate(framed('page.querySelector("a").click()'));
    await becomes(page, HASH, /^#b\.html#end$/);
    await page.evaluate('location.reload()').catch(() => undefined);
    await becomes(page, WORDS, /^old b$/);
    assert.is(page.url(), `${url}#b.html#end`);
    await page.evaluate(framed('(page.querySelector("a").href = "c.html", page.querySelector("a").click())'));
    await becomes(page, HASH, /^#c\.html$/);
    await page.goBack();
    await becomes(page, HASH, /^#b\.html#end$/);
    assert.is(await page.evaluate(WORDS), 'old b');
    await page.evaluate('{ location.hash = "c.html"; }');
    await becomes(page, WORDS, /^old c$/);
    for (const outside of ['../live.js', '//example.com/', 'https://example.com/', 'http://[', '..%2f..%2f', 'javascript:alert(1)']) {
      await page.evaluate(`{ location.hash = ${JSON.stringify(outside)}; }`);
      await becomes(page, WORDS, /^old index$/);
      await page.evaluate('{ location.hash = "c.html"; }');
      await becomes(page, WORDS, /^old c$/);
    }
    // Republished without the page that is open.
    project.write('site.ts', SITE('new', ['index', 'b']));
    await project.run();
    await becomes(page, WORDS, /^new index$/);
    assert.is(page.url(), url);
  });
});

test('a report that was published anew is shown at once, but where a panel is open only when the reader says so', async () => {
  if (absent !== undefined) return notRun('the page of serve in Chromium', absent);
  // The panels of Re-run and of Try it are known by this class.
  for (const name of ['panel', 'try']) assert.match(readFileSync(new URL(`../../reports/rerun/page/${name}.ts`, import.meta.url), 'utf8'), /element = make\('div', { class: 'panel-rerun' }\)/);
  await withSite(async ({ project, page }) => {
    await becomes(page, WORDS, /^old index$/);
    await page.evaluate(framed('page.querySelector("textarea").value = "mine", page.querySelector("textarea").outerHTML'));
    project.write('site.ts', SITE('new', ['index', 'b']));
    await project.run();
    await becomes(page, WORDS, /^new index$/);
    await page.evaluate(framed('page.querySelector("textarea").value = "mine", page.body.insertAdjacentHTML("beforeend", "<div class=panel-rerun></div>")'));
    project.write('site.ts', SITE('newest', ['index', 'b']));
    await project.run();
    await becomes(page, 'String(document.querySelector("#newer").hidden)', /^false$/);
    assert.equal(await page.evaluate(`[${framed('page.querySelector("textarea").value')}, ${WORDS}, ${textOf('#newer')}]`), ['mine', 'new index', 'The report has changed: show it']);
    await page.click('#newer button');
    await becomes(page, WORDS, /^newest index$/);
    await becomes(page, 'String(document.querySelector("#newer").hidden)', /^true$/);
  });
});

/** Served after a first run, of which two cells fail; nothing is complained of but what is not there. */
async function withSite(act: (served: { readonly project: Project; readonly page: Page; readonly url: string }) => Promise<void>): Promise<void> {
  const project = new Project('faults', declareSite);
  project.write('failing.ts', FAILING);
  project.write('site.ts', SITE('old', ['index', 'b', 'c']));
  await project.run();
  const { url, close } = await serveStudy(pipeline({ ...declareSite(), root: project.root } as never), 0);
  const browser: Browser = await launch();
  try {
    const page = await (await browser.newContext()).newPage();
    const heard = overhear(page, url);
    await page.goto(url);
    await act({ project, page, url });
    assert.equal(heard.filter((line) => !/404|events$/.test(line)), []);
  } finally {
    await browser.close();
    await close();
    project.remove();
  }
}

test.run();
