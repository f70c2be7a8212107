/** The page of `serve`, in Chromium: that it shows a long task alive, and figures in the study's order. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
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
    text = await page.evaluate<string>(script);
    await page.waitForTimeout(50);
  }
  assert.match(text, what);
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

test.run();
