/** Computing again in a page, in Chromium: the bits that Node computed, from a file and from a server; what was tampered with is caught; a reader can stop it. */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseReproduction } from '../../provenance/ledger.ts';
import { SIZES_FILE } from '../../reports/manifest.ts';
import { PLAN_FILE } from '../../reports/rerun/plan.ts';
import type { Plan } from '../../reports/rerun/plan.ts';
import { cellPath } from '../../reports/num.ts';
import { notRun } from '../not-run.ts';
import { axeSource, launch, missing, overhear, served } from './chromium.ts';
import type { Browser, Page } from './chromium.ts';
import { computedSite, FORMAT, MODEL, SCORED, textsOf, WRITTEN } from './computed.ts';
import type { ComputedSite } from './computed.ts';
import { violations } from './open.ts';
import { changed, findings, finished, press, said, settings, start, status, tried, until } from './panel.ts';

const absent = missing();
let browser: Browser, site: ComputedSite, server: Awaited<ReturnType<typeof served>>;

test.before(async () => {
  if (absent !== undefined) return;
  site = await computedSite();
  server = await served(site.folder);
  browser = await launch();
});
test.after(async () => {
  if (absent !== undefined) return;
  server.close();
  await browser.close();
  await site.remove();
});

/** Opens a page, presses the button; answers what was asked for until then, and since. */
async function onPage(base: string, path: string, look: (page: Page, requests: string[]) => Promise<void>, options: object = {}): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1000, height: 800 }, ...options });
  const page = await context.newPage(), heard = overhear(page, base), requests: string[] = [];
  page.on('request', (it: { url(): string }) => { requests.push(it.url().slice(base.length)); });
  try {
    await page.goto(base + path);
    await look(page, requests);
    assert.equal(heard, []);
  } finally {
    await context.close();
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** From a file, where no folder is chosen. */
const UNREAD = `the tables and the records were not read: what is computed is compared with what ${PLAN_FILE} says of them`;
for (const [where, base, reads] of [['from a file', () => site.url, false], ['from a server', () => server.url, true]] as const) {
  test(`${where}: nothing is loaded before it is asked for; then the bits are those that Node computed`, async () => {
    if (absent !== undefined) return notRun('a page computes a cell again', absent);
    assert.equal(site.inNode.computedBy.get(SCORED)!['engine'], 'wasm');
    await onPage(base(), cellPath(SCORED), async (page, requests) => {
      const before = [...requests];
      assert.ok(before.every((path) => path.startsWith('cells/') || /^assets\/(?:style\.css|script\.js)$/.test(path) || path === ''), before.join('\n'));
      await press(page);
      assert.equal(requests.slice(before.length), ['assets/rerun.js', PLAN_FILE, SIZES_FILE], 'the panel knows what it would load, and has loaded nothing of it');
      const told = await page.evaluate<string>(`document.querySelector('.panel-rerun .size').textContent`);
      const listed = [...told.matchAll(/((?:assets|data)\/\S+?\.(?:js|csv|sql|ndjson\.gz)), /g)].map(([, path]) => path!).sort();
      await start(page);
      await finished(page);
      assert.equal([...new Set(requests.slice(before.length + 3))].sort(), listed, 'what it loads is what it said');
      const bytes = site.inNode.bytes(SCORED, 'scores');
      assert.equal((await findings(page)).map(({ verdict, what }) => `${verdict} ${what}`), [
        ...(reads ? [] : [`note ${UNREAD}`]), `equal ${SCORED}: the first window of the text, every column`, `equal ${SCORED}: 2 rows of the table windows, every column`, `equal ${SCORED}: the whole result, byte for byte`,
      ]);
      const { detail } = (await findings(page)).at(-1)!;
      assert.ok(detail!.includes(sha256(bytes)) && detail!.includes(`build ${site.inNode.computedBy.get(SCORED)!['build']}`), detail!);
      assert.is(listed.includes('data/windows.csv'), reads);
      assert.is(await status(page), `What was compared agrees: 3 identical. Not compared: the files; the aggregates and pages${reads ? '' : `; part of the computation (${UNREAD})`}.`);
    });
  });
}

test('on the overview a format is chosen; what was written is what Node wrote; the record is one that the ledger takes', async () => {
  if (absent !== undefined) return notRun('a page computes a format again', absent);
  await onPage(site.url, 'index.html', async (page) => {
    await press(page);
    assert.equal(await page.evaluate(`[...document.querySelectorAll('.offers option')].map((it) => it.value)`), ['nf4', 'int8', 'fp16']);
    await start(page);
    await finished(page);
    const found = await findings(page);
    assert.ok(found.every(({ verdict, what }) => verdict === 'equal' || what === UNREAD), JSON.stringify(found, null, 1));
    for (const cell of [QUANTIZED, SCORED, WRITTEN]) assert.ok(found.some(({ what }) => what === `${cell}: the whole result, byte for byte`), cell);
    assert.ok(found.some(({ detail }) => detail?.includes(`artifact has the sha256 ${sha256(site.inNode.bytes(QUANTIZED, 'artifact'))}`)));
    assert.ok(found.some(({ detail }) => detail?.includes(JSON.stringify(textsOf(site, WRITTEN)[0]!.text)) === true));
    await page.fill('.record input', 'A. Reader');
    await page.click('.record button');
    await until(page, `!!document.querySelector('.record a')`);
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('.record a')]);
    const reproduction = parseReproduction(readFileSync(await download.path()), download.suggestedFilename());
    assert.is(reproduction.by, 'A. Reader');
    const plan = planIn(site);
    assert.equal(reproduction.cells, Object.fromEntries([QUANTIZED, SCORED, WRITTEN].map((cell) => [cell, { key: plan.cells[cell]!.key, result: 'equal' }])));
    assert.match(reproduction.cpu, /in a page of the report/);
  });
});

const planIn = ({ folder }: ComputedSite): Plan => JSON.parse(readFileSync(join(folder, PLAN_FILE), 'utf8').replace(/^window\.bitwidthPlan=|;\n$/g, '')) as Plan;
const QUANTIZED = `quantize:${MODEL}/${FORMAT}`;
const artifactPath = `data/rerun/quantize~${MODEL}~${FORMAT}.artifact.js`;

const withPlan = (change: (plan: Plan) => void) => (text: string): string => {
  const plan = JSON.parse(text.replace(/^window\.bitwidthPlan=|;\n$/g, '')) as Plan;
  change(plan);
  return `window.bitwidthPlan=${JSON.stringify(plan)};\n`;
};

const oneBit = (text: string): string => {
  const at = Math.floor(text.length / 2);
  return text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
};
const plus = (cell: string, column: string) => withPlan((plan) => { const row = plan.cells[cell]!.rows['windows']![1] as { [column: string]: number }; row[column] = row[column]! * (1 + 2 ** -50); });

const TAMPERED: readonly (readonly [what: string, path: string, change: (text: string) => string, verdicts: readonly string[], said: RegExp])[] = [
  ['one character of a weight file', artifactPath, oneBit, ['differs'], /quantize~novel-1m~nf4\.artifact\.js is not artifact of quantize:novel-1m\/nf4: its bytes have the sha256 [0-9a-f]{64}, and the record says/],
  ['a weight file that holds another', artifactPath, (text) => text.replace(/\["[0-9a-f]{64}"\]/, '["00"]'), ['differs'], /does not hold artifact of quantize/],
  ['a weight file that is no script any more', artifactPath, () => '<!doctype html>', ['differs'], /does not hold artifact of quantize/],
  ['the last bits of a published row', PLAN_FILE, plus(SCORED, 'kl'), ['equal', 'differs', 'equal'], /^kl of row 2: [\d.e-]+ is published, [\d.e-]+ was computed$/],
  ['the hash of a result', PLAN_FILE, withPlan((plan) => { (plan.cells[SCORED]!.outputs['scores'] as { sha256: string }).sha256 = 'ab'.repeat(32); }), ['equal', 'equal', 'differs'], /the record says (?:ab){32}, computed was [0-9a-f]{64}/],
  ['a setting', PLAN_FILE, withPlan((plan) => { (plan.cells[SCORED]!.params as { windows: number }).windows = 1; }), ['equal', 'differs', 'differs'], /row 2: nothing was computed/],
];
for (const [what, path, change, verdicts, said] of TAMPERED) {
  test(`${what}, changed, is caught`, async () => {
    if (absent !== undefined) return notRun('a page catches what was changed', absent);
    await changed(site.folder, path, change, async () => {
      const context = await browser.newContext();
      const page = await context.newPage();
      try {
        await page.goto(site.url + cellPath(SCORED));
        await press(page);
        await start(page);
        await finished(page);
        const found = await findings(page);
        assert.equal(found.map(({ verdict }) => verdict), ['note', ...verdicts], JSON.stringify(found, null, 1));
        assert.ok(found.some(({ verdict, detail }) => verdict === 'differs' && said.test(detail ?? '')), JSON.stringify(found, null, 1));
        assert.match(await status(page), /does not agree with itself/);
      } finally {
        await context.close();
      }
    });
  });
}

test('a file that is missing is named, and once it is there the same page goes on', async () => {
  if (absent !== undefined) return notRun('a page misses a file', absent);
  const file = join(site.folder, artifactPath), bytes = readFileSync(file);
  const context = await browser.newContext();
  const page = await context.newPage();
  try {
    rmSync(file);
    await page.goto(site.url + cellPath(SCORED));
    await press(page);
    await start(page);
    await finished(page);
    assert.match((await findings(page)).at(-1)!.detail!, /artifact\.js cannot be loaded: it is missing from this copy/);
    writeFileSync(file, bytes);
    await page.click('.panel-rerun > p:last-child button');
    await start(page);
    await finished(page);
    assert.match(await status(page), /^What was compared agrees/);
  } finally {
    writeFileSync(file, bytes);
    await context.close();
  }
});

test('a reader can stop it, and begin again', async () => {
  if (absent !== undefined) return notRun('a reader stops it', absent);
  await onPage(site.url, cellPath(SCORED), async (page) => {
    await press(page);
    // At once, in the page: a test's own click may come when all is done.
    await page.evaluate(`new MutationObserver((_, observer) => {
      if (!document.querySelector('.working .told')?.textContent) return;
      observer.disconnect();
      document.querySelector('.working button').click();
    }).observe(document.querySelector('.panel-rerun'), { childList: true, subtree: true, characterData: true })`);
    await start(page);
    await finished(page);
    assert.match(await status(page), /^Cancelled\./);
    assert.ok((await findings(page)).every(({ what }) => !what.includes('byte for byte')), 'what was stopped has no whole result');
    await page.click('.panel-rerun > p:last-child button');
    assert.match(await page.evaluate<string>(`document.querySelector('.panel-rerun .size').textContent`), /^(?:Start loads|Loads nothing more)/);
    await start(page);
    await finished(page);
    assert.match(await status(page), /^What was compared agrees: 3 identical/);
  });
});

test('with WebGPU, by its own kernels: on SwiftShader a part of a score and of a text, byte for byte what WASM computes', async () => {
  if (absent !== undefined) return notRun('a page computes on a GPU', absent);
  const own = await launch(['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']);
  const context = await own.newContext();
  const page = await context.newPage(), heard = overhear(page, site.url);
  try {
    await page.goto(`${site.url}index.html`);
    if (await page.evaluate<boolean>(`!navigator.gpu`) || await page.evaluate<boolean>(`navigator.gpu.requestAdapter().then((it) => it === null)`)) return notRun('a page computes on a GPU', 'this Chromium gives no adapter');
    await press(page);
    assert.is(await page.evaluate(`document.querySelector('.offers [data-check=gpu] input').checked`), false, 'it is done only if asked');
    await page.click('.offers [data-check=compute] input');
    await page.check('.offers [data-check=gpu] input');
    const artifacts = `[...document.querySelector('.size').textContent.matchAll(/quantize~\\S+?\\.artifact\\.js/g)].join()`;
    assert.is(await page.evaluate(artifacts), `quantize~${MODEL}~${FORMAT}.artifact.js`);
    await page.selectOption('.offers [data-check=compute] select', 'int8');
    assert.is(await page.evaluate(artifacts), `quantize~${MODEL}~int8.artifact.js`, 'of the chosen format alone');
    await start(page);
    await until(page, `!!document.querySelector('.panel-rerun > p[role=status]')?.textContent`, 300_000);
    const found = await findings(page);
    assert.equal(found.map(({ verdict, what }) => `${verdict} ${what}`), [
      `equal ${SCORED.replace(FORMAT, 'int8')} on the GPU: the first 48 tokens of the text, byte for byte what WASM computes`, `equal ${WRITTEN.replace(FORMAT, 'int8')} on the GPU: 8 new tokens after the first prompt, byte for byte what WASM computes`,
    ], JSON.stringify(found));
    assert.ok(found.every(({ detail }) => /engine webgpu, build webgpu-[0-9a-f]{12}-\w+ \(a processor that plays a GPU: browser, .*swiftshader/i.test(detail ?? '')), JSON.stringify(found));
    assert.is(await status(page), 'What was compared agrees: 2 identical. Not compared: the files; the aggregates and pages; the computation.', 'the report was compared with nothing');
    assert.is(await page.evaluate(`document.querySelector('.record')`), null, 'no exact result comes from it');
    assert.equal(heard, []);
  } finally {
    await own.close();
  }
});

test('a cell that no page can compute says so', async () => {
  if (absent !== undefined) return notRun('a cell that no page can compute', absent);
  await onPage(site.url, cellPath(`tokenize:${MODEL}/garden`), async (page) => {
    await press(page);
    assert.match(await page.evaluate<string>(`document.querySelector('.panel-rerun').textContent`), /The rows themselves are not computed again here: from the weights pages compute quantize, score, generate cells of novel-1m/);
  });
});

test('to try: two texts grow, and are what Node wrote with the same prompt and noise; where they part is marked', async () => {
  if (absent !== undefined) return notRun('a page writes texts', absent);
  await onPage(site.url, 'try.html', async (page, requests) => {
    assert.ok(requests.every((path) => path === '' || path === 'try.html' || /^assets\/(?:style\.css|script\.js)$/.test(path)), requests.join());
    await press(page);
    assert.match(await page.evaluate<string>(`document.querySelector('.panel-rerun .size').textContent`), /^The first text loads [\d.]+ MB in \d files of this site\.$/);
    const [base, other] = [`generate:${MODEL}/fp16/T0.7/k0/s1`, `generate:${MODEL}/int8/T0.7/k0/s1`].map((cell) => textsOf(site, cell)) as [ReturnType<typeof textsOf>, ReturnType<typeof textsOf>];
    const { prompts } = planIn(site).cells[WRITTEN]!.params as { readonly prompts: readonly { readonly text: string }[] };
    const nf4 = textsOf(site, WRITTEN);
    let parted = 0;
    for (const [i, { text: prompt }] of prompts.entries()) {
      for (const [format, written] of [[FORMAT, nf4], ['int8', other]] as const) {
        await page.fill('.settings textarea', prompt);
        await settings(page, ['fp16', format], '16');
        await start(page);
        await until(page, `/^They /.test(${said})`);
        const [a, b] = await tried(page) as [Awaited<ReturnType<typeof tried>>[number], Awaited<ReturnType<typeof tried>>[number]];
        assert.equal([a.text, b.text].map((text) => text.replaceAll('↵\n', '\n')), [base[i]!.text, written[i]!.text]);
        const at = base[i]!.ids.findIndex((id, token) => id !== written[i]!.ids[token]);
        assert.is(await page.evaluate(said), at < 0 ? 'They are the same for 16 tokens.' : `They part after ${at} ${at === 1 ? 'token' : 'tokens'}.`);
        if (at < 0) continue;
        parted++;
        assert.equal([a.same, b.same], [base[i]!, base[i]!].map(({ pieces }) => pieces.slice(0, at).join('')));
        assert.equal([a.marked, b.marked], [base[i]!.pieces[at], written[i]!.pieces[at]].map((piece) => piece!.replaceAll('\n', '↵\n')));
      }
    }
    assert.ok(parted > 0, 'none of these texts part: the marks were not looked at');
  });
});

test('to try: what cannot be done is said where it stands; a text can be stopped; what was tampered with is caught', async () => {
  if (absent !== undefined) return notRun('a page that cannot write', absent);
  await onPage(site.url, 'try.html', async (page) => {
    await press(page);
    await page.fill('.settings label:nth-child(4) input', '-1');
    await start(page);
    assert.match(await page.evaluate<string>(said), /^Temperature/);
    await settings(page, ['fp16', FORMAT], '16');
    await page.fill('.settings textarea', '');
    await start(page);
    await until(page, `/^The prompt is empty/.test(${said})`);
    assert.equal(await tried(page), [], 'no empty texts');
    // All of it is counted, as much as a page can; nothing of it is cut off.
    for (const [words, has] of [[512, '51\\d tokens, and may have at most 511'], [3000, '3,00\\d tokens, and may have at most 511'], [200_000, '1,000,000 characters, and may have at most 100,000 characters for its tokens to be counted']] as const) {
      await page.fill('.settings textarea', 'word '.repeat(words));
      await start(page);
      await until(page, `/^The prompt has ${has}: the model reads 512 tokens in all, what it writes included\\. Shorten the prompt\\.$/.test(${said})`);
      assert.equal(await tried(page), []);
    }
    await settings(page, ['fp16', FORMAT], '64');
    await page.fill('.settings textarea', 'word '.repeat(504));
    await start(page);
    await until(page, `/^They .*\\. \\d of 64 new tokens: the model reads 512 in all\\.$/.test(${said})`);
    await page.fill('.settings textarea', 'It was');
    await settings(page, ['fp16', FORMAT], '400');
    // From within the page, as soon as something stands there: all of it takes a tenth of a second, and a driver's click comes later.
    await page.evaluate(`new MutationObserver((_, observer) => {
      if (!(document.querySelector('.panel-rerun .sample > div:last-child')?.textContent.length > 20)) return;
      observer.disconnect();
      [...document.querySelectorAll('.panel-rerun > p > button')].find((it) => it.textContent === 'Stop').click();
    }).observe(document.querySelector('.panel-rerun'), { subtree: true, childList: true, characterData: true })`);
    await start(page);
    await until(page, `/^Stopped\\. They /.test(${said})`);
    const [stopped] = await tried(page);
    await page.waitForTimeout(200);
    assert.equal((await tried(page))[0], stopped, 'nothing goes on');
  });
  await changed(site.folder, artifactPath, oneBit, async () => onPage(site.url, 'try.html', async (page) => {
    await press(page);
    await settings(page, ['fp16', FORMAT], '4');
    await start(page);
    await until(page, `/is not artifact of quantize:novel-1m\\/nf4: its bytes have the sha256/.test(${said})`);
    assert.equal(await tried(page), [], 'nothing was written with it');
  }));
});

for (const [width, colorScheme] of [[1000, 'light'], [360, 'dark']] as const) {
  test(`the page to try can be read at ${width} px, ${colorScheme}`, async () => {
    if (absent !== undefined) return notRun('the page to try with axe', absent);
    await onPage(site.url, 'try.html', async (page) => {
      await page.evaluate(axeSource());
      await press(page);
      assert.equal(await violations(page), []);
      await settings(page, ['fp16', FORMAT], '64');
      await start(page);
      await until(page, `/^They /.test(${said})`);
      assert.equal(await violations(page), []);
      assert.ok(await page.evaluate<number>('document.documentElement.scrollWidth') <= width, 'no sideways scroll');
    }, { viewport: { width, height: 780 }, colorScheme });
  });
}

for (const [width, colorScheme] of [[1000, 'light'], [360, 'dark']] as const) {
  test(`the panel and its findings can be read and reached at ${width} px, ${colorScheme}`, async () => {
    if (absent !== undefined) return notRun('the panel with axe', absent);
    await onPage(site.url, 'index.html', async (page) => {
      const look = async (): Promise<void> => {
        assert.equal(await violations(page), []);
        assert.ok(await page.evaluate<number>('document.documentElement.scrollWidth') <= width, 'no sideways scroll');
      };
      await page.evaluate(axeSource());
      await press(page);
      assert.is(await page.evaluate(`document.activeElement.type`), 'checkbox', 'the focus is in the panel');
      await look();
      await start(page);
      await finished(page);
      await look();
    }, { viewport: { width, height: 780 }, colorScheme });
  });
}

test.run();
