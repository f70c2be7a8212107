/** The frame of every page: head, navigation, foot. */
import { escapeText, html, late, link, pageState, trusted } from './html.ts';
import type { Content, Html } from './html.ts';
import { ownLinks } from './own-links.ts';
import { legend, markOf } from './verdicts.ts';
import type { Verdicts } from './verdicts.ts';

export interface PageContent {
  /** Plain text: the browser's title and, unless `heading` is given, the page's. */
  readonly title: string;
  readonly heading?: Html;
  /** A short line above the heading: where one is. */
  readonly kicker?: Content;
  readonly body: Html;
  /** It stands by itself, outside a site: no links to other pages. */
  readonly alone?: boolean;
  /** It computes in the reader's browser when asked to: it may read the site's own files, and run WebAssembly. */
  readonly computes?: boolean;
}

const LONGEST_NAME = 200;

const NAVIGATION: readonly (readonly [path: string, title: string])[] = [
  ['quality.html', 'Quality'], ['sensitivity.html', 'Sensitivity'], ['speed.html', 'Speed and memory'], ['samples.html', 'Samples'], ['try.html', 'Try it'], ['claims.html', 'Claims'],
  ['formats/index.html', 'Formats'], ['models/index.html', 'Models'], ['compare/index.html', 'Compare'], ['method.html', 'Method'],
];
const FOOTER: readonly (readonly [path: string, title: string])[] = [
  ['data.html', 'Data'], ['dag.html', 'This run'], ['cost.html', 'Machines and cost'], ['failures.html', 'Failed and missing'], ['errata.html', 'Errata'], ['glossary.html', 'Glossary'],
  ...ownLinks,
];

/**
 * Nothing is loaded but the site's own style and script, nothing is sent, no markup that slipped into a page can run. As an element, because a
 * page from file:// and most static hosts send no headers; 'self' holds for file:// in Chromium and Firefox.
 */
const POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; base-uri 'none'; form-action 'none'";
/** Of a page that computes: also the site's files as data, and programs in WebAssembly, which the script must compile. */
const COMPUTING_POLICY = POLICY.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'");

/** Tables are numbered where they are written; what stands above one, a heading or a figure's title, tells a screen reader more: 'Table 3: By text'. */
function tablesNamed(markup: string): string {
  let above = '';
  return markup.replace(/<h[1-6][^>]*>(.*?)<\/h[1-6]>|<span class="title">(.*?)<\/span><span class="subtitle">|(aria-label="Table \d+)"/gs, (whole, heading: string | undefined, title: string | undefined, table: string | undefined) => {
    if (table === undefined) above = (heading ?? title ?? '').replace(/<[^>]*>/g, '').trim();
    return table === undefined || above === '' || above.length > LONGEST_NAME ? whole : `${table}: ${above}"`;
  });
}

/**
 * A whole page as text. `path` is from the site's root; links in it are relative, so any base path and file:// work. `accepted`: cells
 * whose numbers stand under a waiver; `verdicts`: what others found, where anybody has computed it again; `errata`: ids of numbers
 * that were wrong once.
 */
export function writePage(path: string, content: PageContent, accepted?: ReadonlySet<string>, verdicts?: Verdicts, errata?: ReadonlySet<string>): string {
  const root = '../'.repeat(path.split('/').length - 1);
  const page = pageState(root, accepted, verdicts === undefined ? undefined : (cell) => markOf(verdicts, cell), errata);
  const entry = ([to, title]: readonly [string, string]): Html =>
    html`<a href="${late((p) => escapeText(p.root + to))}"${path === to ? html` aria-current="page"` : ''}>${title}</a>
`;
  const main = html`${content.kicker ? html`<p class="kicker">${content.kicker}</p>` : ''}
<h1>${content.heading ?? content.title}</h1>
${content.body}`.render(page);
  const named = tablesNamed(main);
  // Derived numbers are known only once the body is written; writing their list may add terms and ids, not numbers.
  const derivations = [...page.derived].map(([id, how]) => html`<li id="${id}">${how}</li>
`);
  const derived = derivations.length === 0 ? '' : html`<details class="derivations"><summary>How this page's own sums were made</summary><ul>
${derivations}</ul></details>`.render(page);
  const title = path === 'index.html' ? content.title : `${content.title} · bitwidth`;
  const head = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${trusted(content.computes === true ? COMPUTING_POLICY : POLICY)}"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="${root}assets/style.css"></head>
<body><a class="skip" href="#main">Skip to the content</a>
${content.alone ? '' : html`<nav class="site" aria-label="Pages"><a class="name" href="${root}index.html"${path === 'index.html' ? html` aria-current="page"` : ''}>bitwidth</a>
${NAVIGATION.map(entry)}</nav>
`}<main id="main">
`.render(page);
  const foot = html`${page.accepted.shown ? html`<p class="note">† Computed, it or what it is computed from, before a change of the code or of an input that a person judged harmless: the page of its cell says who, when and why.</p>
` : ''}${page.errata.shown ? html`<p class="note">‡ A number that was published under this name turned out to be wrong: ${link('errata.html', 'errata')} say what was, and what stands in its place.</p>
` : ''}${page.claimed.shown ? html`<p class="note">¶ Claimed, not derived: another program gave this number, and a file of the project says so. Nothing else on this site rests on it, no verdict either: ${link('tables/claimed.html', 'all of them')}.</p>
` : ''}${page.marks?.shown === true ? legend() : ''}
</main>
${content.alone ? '' : html`<footer class="foot"><nav aria-label="About this report">${FOOTER.map((item, i) => html`${i > 0 ? ' · ' : ''}${link(item[0], item[1])}`)}</nav>
<p>Every number links to the cell that computed it. Exact numbers have the same bytes on every machine; measured ones name theirs.</p></footer>
`}<script src="${root}assets/script.js" defer></script></body></html>
`.render(page);
  return head + named + derived + foot;
}
