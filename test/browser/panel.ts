/** What a reader does with the panel that opens under the button, and what it says. Test use only. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Page } from './chromium.ts';

export interface Found { readonly verdict: string; readonly what: string; readonly detail: string | null }
const FINDINGS = `[...document.querySelectorAll('.findings li')].map((it) => ({ verdict: it.className, what: [...it.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join('').trim(), detail: it.querySelector('.detail')?.textContent ?? null }))`;
export const findings = (page: Page): Promise<readonly Found[]> => page.evaluate(FINDINGS);
export const status = (page: Page): Promise<string> => page.evaluate(`document.querySelector('.panel-rerun > p[role=status]')?.textContent ?? ''`);

export async function until(page: Page, expression: string, ms = 60_000): Promise<void> {
  for (const end = Date.now() + ms; Date.now() < end; await page.waitForTimeout(30)) if (await page.evaluate<boolean>(expression)) return;
  throw new Error(`not within ${ms} ms: ${expression}`);
}

export async function press(page: Page): Promise<void> {
  await page.click('section.rerun > p > button');
  await until(page, `!!document.querySelector('.panel-rerun')`);
  await onlyComputing(page);
}
/** What is checked without computing is another test's (verify.test.ts). */
export async function onlyComputing(page: Page): Promise<void> {
  await page.evaluate(`document.querySelectorAll('.offers :is([data-check=files], [data-check=aggregates]) input').forEach((box) => { if (box.checked) box.click(); })`);
}
export async function start(page: Page): Promise<void> {
  await page.click('.panel-rerun > p > button');
}
export const finished = (page: Page): Promise<void> => until(page, `!!document.querySelector('.panel-rerun > p[role=status]')?.textContent`);

/** The two texts of the page to try: what both have alike, what is marked, all of it. */
const TEXTS = `[...document.querySelectorAll('.panel-rerun .sample')].map((it) => ({ same: it.querySelector('.same')?.textContent ?? '', marked: it.querySelector('mark')?.textContent ?? '', text: [...it.children].at(-1).textContent }))`;
export const tried = (page: Page): Promise<readonly { readonly same: string; readonly marked: string; readonly text: string }[]> => page.evaluate(TEXTS);
export const said = `document.querySelector('.panel-rerun [role=status]').textContent`;

/** Chooses formats and the settings of a cell that Node computed. */
export async function settings(page: Page, formats: readonly [string, string], newTokens: string): Promise<void> {
  await page.selectOption('.settings label:nth-child(2) select', formats[0]);
  await page.selectOption('.settings label:nth-child(3) select', formats[1]);
  for (const [place, value] of [[4, '0.7'], [5, '1'], [6, newTokens]] as const) await page.fill(`.settings label:nth-child(${place}) input`, value);
}

/** With a file of the site changed. */
export async function changed(folder: string, path: string, change: (text: string) => string, look: () => Promise<void>): Promise<void> {
  const file = join(folder, path), before = readFileSync(file, 'utf8');
  try {
    const after = change(before);
    assert.not.equal(after, before);
    writeFileSync(file, after);
    await look();
  } finally {
    writeFileSync(file, before);
  }
}
