/** The comparison of two runs as a page that stands by itself in a folder: index.html and the report's style and script. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigurationError } from '../stages/dag/index.ts';
import { escapeText, html, lit, trusted } from '../reports/html.ts';
import { writePage } from '../reports/layout.ts';
import { byCause, largestFirst } from './compare.ts';
import { numberText } from './number-text.ts';
import type { Html } from '../reports/html.ts';
import type { ChangedNumber, Comparison } from './compare.ts';
import type { StoredNumber } from './numbers.ts';

/** Of each cause so many numbers are listed. */
const MOST_ROWS = 500;

/** Writes it to a new or empty folder; answers the page's path as it was asked for. Throws ConfigurationError. */
export async function writeDiffPage(to: string, found: Comparison, before: string, after: string): Promise<string> {
  const folder = resolve(to);
  if (existsSync(folder) && readdirSync(folder).length > 0) throw new ConfigurationError(`diff: ${to} is not empty; give a new or empty folder`);
  mkdirSync(join(folder, 'assets'), { recursive: true });
  for (const name of ['style.css', 'script.js']) copyFileSync(fileURLToPath(new URL(`../reports/${name}`, import.meta.url)), join(folder, 'assets', name));
  writeFileSync(join(folder, 'index.html'), writePage('index.html', { title: 'What changed between two runs', alone: true, body: body(found, before, after) }));
  return `${to}/index.html`;
}

/** A number that is told here and bound to its id, not linked: its cell's page belongs to one of the two sites. */
const own = (text: string): Html => trusted(`<span class="own">${escapeText(text)}</span>`);
const count = (n: number): Html => own(String(n));

function body({ compared, changed, added, removed }: Comparison, before: string, after: string): Html {
  const real = changed.filter(({ judgement }) => judgement === 'exact' || judgement === 'beyond noise').length;
  return html`<p class="lead">${changed.length === 0 ? html`All ${count(compared)} numbers that both have are equal.`
    : html`Of ${count(compared)} numbers that both have, ${count(changed.length)} changed, ${real === 0 ? 'none of them' : count(real)} beyond noise.`}</p>
<dl class="facts-list"><dt>earlier</dt><dd>${lit(before, 'name')}</dd><dt>later</dt><dd>${lit(after, 'name')}</dd></dl>
<p class="note">An exact number has no noise: any difference is one of the result. A measured one changed beyond noise where the two intervals have nothing in common.</p>
${byCause(changed).map(({ causes, numbers }) => html`<section><h2>${count(numbers.length)} ${numbers.length === 1 ? 'number' : 'numbers'}, because of</h2>
<ul>${causes.length === 0 ? html`<li>no recorded cause</li>` : causes.map((cause) => html`<li>${lit(cause, 'name')}</li>
`)}</ul>${rows(numbers)}</section>
`)}${only('later', added)}${only('earlier', removed)}`;
}

function rows(numbers: readonly ChangedNumber[]): Html {
  const told = largestFirst(numbers).slice(0, MOST_ROWS);
  return html`<div class="box" tabindex="0" role="region" aria-label="Changed numbers"><table data-sortable><thead><tr><th scope="col">number</th><th scope="col">earlier</th><th scope="col">later</th><th scope="col">change</th><th scope="col">judged</th></tr></thead><tbody>
${told.map(({ id, before, after, relative, judgement }) => html`<tr><th scope="row"><code>${lit(id, 'name')}</code></th><td class="n">${own(numberText(before))}</td><td class="n">${own(numberText(after))}</td>${share(relative)}<td>${judgement}</td></tr>
`)}</tbody></table></div>${told.length < numbers.length ? html`<p class="note">And ${count(numbers.length - told.length)} more, of smaller changes.</p>` : ''}`;
}

/** Sorted by its value, where it has one. */
const share = (relative: number | undefined): Html => trusted(relative === undefined ? '<td class="n"></td>' : `<td class="n" data-value="${relative}"><span class="own">${escapeText(`${relative > 0 ? '+' : ''}${(100 * relative).toPrecision(2)} %`)}</span></td>`);

function only(where: string, numbers: readonly StoredNumber[]): Html {
  if (numbers.length === 0) return html``;
  return html`<section><h2>Only in the ${where}</h2><ul>${numbers.slice(0, MOST_ROWS).map((number) => html`<li><code>${lit(number.id, 'name')}</code> ${own(numberText(number))}</li>
`)}</ul>${numbers.length > MOST_ROWS ? html`<p class="note">And ${count(numbers.length - MOST_ROWS)} more.</p>` : ''}</section>`;
}
