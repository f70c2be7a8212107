/**
 * The report as one HTML file: its pages as sections, one shown at a time by the address alone (`#quality.html`), styles and script inside, nothing asked
 * of anywhere. Pages of single cells, rows of tables, downloads and what computes in the reader's browser stay out; each number says in its place which cell computed it.
 */
import { createHash } from 'node:crypto';

/** What it is made of. Throws what reading throws. */
export interface SiteFiles {
  readonly paths: readonly string[];
  read(path: string): string;
}

/** Pages that stay out: one for each cell, one for each table's rows, and the one that is nothing without the programs beside it. */
const LEFT_OUT = /^(?:(?:cells|tables)\/|try\.html$)/;
const FIRST = 'index.html';

/** The file's text. Pages follow the order of `paths`, the overview first. Throws Error for a page that is none of this program's. */
export function singleFile({ paths, read }: SiteFiles, about: { readonly title: string; readonly manifest: string }): string {
  const pages = [FIRST, ...paths.filter((path) => path.endsWith('.html') && path !== FIRST && !LEFT_OUT.test(path))];
  const inside = new Set(pages);
  // One document: a page's own links become links to its section, and ids say whose they are.
  const sections = pages.map((path) => section(path, read(path), inside));
  const style = `${read('assets/style.css')}\n${SHOWN}`;
  const script = read('assets/script.js').replaceAll('</script', '<\\/script');
  const policy = `default-src 'none'; style-src '${hashOf(style)}'; script-src '${hashOf(script)}'; img-src data:; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(about.title)}</title><link rel="icon" href="data:,"><style>${style}</style></head>
<body>${sections.join('\n')}
<footer class="foot"><p>One file of the report whose list of files has the sha256 <code>${about.manifest}</code>. Left out: the pages of single cells, the tables' rows, everything to download (Parquet, CSV, DuckDB, records), and what computes in the reader’s browser from the files beside it (“Re-run” and “Try it”). A number names on hover, and in <code>title</code>, the cell that computed it; “npx bitwidth audit” follows it in the project.</p></footer>
<script>${script}</script></body></html>
`;
}

/** Only what the address asks for, else the overview; all of it on paper, and where a browser cannot tell. */
const SHOWN = `@supports selector(:has(*)) { @media screen {
  section.page { display: none; }
  section.page:target, section.page:has(:target), body:not(:has(section.page:target, section.page :target)) > section.page:first-of-type { display: block; }
} }
@media print { section.page { break-before: page; } }
section.page > nav.site { break-after: avoid; }
`;

/** A page's navigation, content and foot under one element. */
function section(path: string, text: string, inside: ReadonlySet<string>): string {
  const body = /<body>([\s\S]*)<\/body>/.exec(text)?.[1];
  const own = body?.replace(/<a class="skip"[\s\S]*?<\/a>/, '').replace(/<script\b[\s\S]*?<\/script>/g, '').replace(/<section class="rerun"[\s\S]*?<\/section>\n?/g, '')
    .replace(/<nav class="site"[\s\S]*?<\/nav>/, (nav) => nav.replace(/<a href="([^"]*)"[^>]*>[^<]*<\/a>\n?/g, (link, href: string) => inside.has(resolved(href, path)) ? link : ''));
  if (own === undefined || !/<main id="main">/.test(own)) throw new Error(`${path} is no page of this program's`);
  return `<section class="page" id="${escaped(path)}" aria-label="${escaped(/<title>([^<]*)<\/title>/.exec(text)?.[1]?.replace(/&[#\w]+;/g, ' ') ?? path)}">${own.replace(TAG, (tag) => rewritten(tag, path, inside))}</section>`;
}

/** A tag with its attributes, whose values hold no quote of their kind and no markup. */
const TAG = /<[a-zA-Z][^\s>]*(?:\s+[^\s=>]+(?:="[^"]*")?)*\s*\/?>/g;

function rewritten(tag: string, path: string, inside: ReadonlySet<string>): string {
  return tag.replace(/ (id|for|aria-labelledby|aria-describedby|aria-controls)="([^"]*)"/g, (_, name: string, value: string) => ` ${name}="${value.split(' ').map((id) => `${path}~${id}`).join(' ')}"`)
    .replace(/ href="([^"]*)"/, (_, href: string) => linked(href, path, inside));
}

/** Where a link leads in one document; to what is left out none, but its name. */
function linked(href: string, from: string, inside: ReadonlySet<string>): string {
  const [file = '', anchor] = href.split('#');
  const to = file === '' ? from : resolved(file, from);
  if (inside.has(to)) return ` href="#${to}${anchor === undefined ? '' : `~${anchor}`}"`;
  const name = to.startsWith('cells/') ? `${to.slice('cells/'.length, -'.html'.length).replace('~', ':').replaceAll('~', '/')}` : to;
  return ` title="${name}"`;
}

function resolved(file: string, from: string): string {
  return new URL(file, `http://site/${from}`).pathname.slice(1);
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
/** As a policy names what may stand in the page. */
const hashOf = (text: string): string => `sha256-${createHash('sha256').update(text).digest('base64')}`;
