/**
 * HTML that cannot be assembled wrongly: everything interpolated is text unless it is Html, and a number is refused.
 *
 * Two rules are held here, by construction, for the whole site:
 *   - Text from outside (generated text, names, sentences of other stages) is escaped, and characters that could
 *     disguise it (controls, bidirectional overrides, zero-width marks) are spelled out. A very long one is cut, and says so.
 *   - A number derived from data reaches a page only through num() (num.ts). Interpolating a number, or a string that
 *     is only a number, throws; so does a bare number in a template's own prose. What is truly a literal (a parameter's
 *     value, a constant of a definition) says so with lit().
 */

/** What one page knows while it is written out. */
export interface PageState {
  /** '' for pages at the site's root, '../' for those one folder down. */
  readonly root: string;
  /** Cells whose numbers stand under a waiver, and whether the page shows one. */
  readonly accepted: { readonly cells: ReadonlySet<string>; shown: boolean };
  /** Ids of numbers of which an erratum speaks, and whether the page shows one. */
  readonly errata: { readonly numbers: ReadonlySet<string>; shown: boolean };
  /** Whether the page shows a number that another program gave. */
  readonly claimed: { shown: boolean };
  /** What stands beside a number of a cell for what others found; undefined: nobody has computed anything again. */
  readonly marks: { readonly of: (cell: string) => string; shown: boolean } | undefined;
  /** Element ids given so far: the first occurrence of a number carries its id. */
  readonly ids: Set<string>;
  /** Glossary terms linked so far: the first use of each links. */
  readonly terms: Set<string>;
  /** Numbers derived on this page from others, by id (num.ts). */
  readonly derived: Map<string, Html>;
  /** Tables so far, so that each has a name of its own for a screen reader. */
  readonly tables: { count: number };
}

const NONE: ReadonlySet<string> = new Set();

/** @param root '' or '../': how the page reaches the site's root. @param accepted cells whose numbers stand under a waiver. @param mark a cell's mark. @param errata ids of numbers that were wrong once. */
export function pageState(root: string, accepted: ReadonlySet<string> = NONE, mark?: (cell: string) => string, errata: ReadonlySet<string> = NONE): PageState {
  return { root, accepted: { cells: accepted, shown: false }, errata: { numbers: errata, shown: false }, claimed: { shown: false }, marks: mark === undefined ? undefined : { of: mark, shown: false }, ids: new Set(), terms: new Set(), derived: new Map(), tables: { count: 0 } };
}

type Part = string | ((page: PageState) => string);

/** A piece of finished markup, some of it decided only when its page is known (relative links, first uses). */
export class Html {
  readonly parts: readonly Part[];
  constructor(parts: readonly Part[]) { this.parts = parts; }
  render(page: PageState): string {
    let out = '';
    for (const part of this.parts) out += typeof part === 'string' ? part : part(page);
    return out;
  }
}

/** What a template takes. Absent values print nothing. */
export type Content = Html | string | null | undefined | false | readonly Content[];

/** Markup made by our own drawing code (SVG); never from outside text. */
export const trusted = (markup: string): Html => new Html([markup]);

/** Markup that needs its page: links, ids, first uses. */
export const late = (write: (page: PageState) => string): Html => new Html([write]);

const ESCAPES: { readonly [character: string]: string } = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
// C0 but tab and newline, DEL, C1, soft hyphen, zero-width, directional and filler marks, line separators, overrides, isolates,
// annotation and tag characters, the byte order mark, halves of surrogate pairs. What emoji and scripts join with stays.
const DISGUISES = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff]|[\u{e0000}-\u{e01ef}]/gu;

/** Disguising characters shown as `‹U+202E›`. */
export const spelledOut = (text: string): string => text.replace(DISGUISES, (c) => `‹U+${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}›`);

/** Outside text as text: escaped, disguising characters spelled out. */
export const escapeText = (text: string): string => spelledOut(text).replace(/[&<>"']/g, (c) => ESCAPES[c]!);

/** No text of ours is longer; one from outside may be a megabyte, which no reader reads and no page should carry. */
const LONGEST = 4000;

/** A text's beginning, of whole characters, and how many characters are left. */
export function beginning(text: string, most: number): { readonly text: string; readonly left: number } {
  if (text.length <= most) return { text, left: 0 };
  const whole = /[\ud800-\udbff]/.test(text[most - 1]!) ? most - 1 : most;
  return { text: text.slice(0, whole), left: text.length - whole };
}

/** A text of at most `most` characters; where more are left it says how many, in words that may stand in an attribute too. */
export function cut(text: string, most = LONGEST): string {
  const { text: kept, left } = beginning(text, most);
  return left === 0 ? text : `${kept}… ‹cut: the data have ${left.toLocaleString('en')} more characters›`;
}

const ONLY_A_NUMBER = /^\s*[-+−]?[\d.,]*\d[\d.,]*(?:e[-+]?\d+)?\s*%?\s*$/i;

function append(parts: Part[], value: unknown): void {
  if (value === null || value === undefined || value === false) return;
  // Piece by piece: a large table has more of them than a call may have arguments.
  if (value instanceof Html) for (const part of value.parts) parts.push(part);
  else if (Array.isArray(value)) for (const item of value) append(parts, item);
  else if (typeof value === 'string') {
    if (ONLY_A_NUMBER.test(value)) throw new TypeError(`the number "${value}" reached a page as text; print data with num(), a literal with lit()`);
    parts.push(escapeText(cut(value)));
  } else throw new TypeError(`${typeof value} ${String(value)} reached a page; print data with num(), a literal with lit(), anything else as text`);
}

// Standing alone: not inside a word, a name or an identifier ("4-bit", "int8", "top-1", "LLM.int8()").
const BARE_NUMBER = /(?<![\w.#&;\-−])[-+−]?\d[\d.,]*(?![\w-])/;
const checked = new WeakSet<TemplateStringsArray>();

function checkProse(strings: TemplateStringsArray): void {
  if (checked.has(strings)) return;
  const prose = strings.join('\u0001').replace(/<[^>]*>/g, ' ');
  const found = BARE_NUMBER.exec(prose);
  if (found) throw new TypeError(`the number "${found[0]}" stands in a page's prose ("${prose.slice(Math.max(0, found.index - 30), found.index + 20).trim()}"); print data with num(), a literal with lit()`);
  checked.add(strings);
}

/**
 * Tagged template for markup. Interpolations: Html as it is, strings escaped (also right inside quoted attributes),
 * arrays one after another, null, undefined and false as nothing. Throws TypeError on anything else, numbers included.
 */
export function html(strings: TemplateStringsArray, ...values: readonly unknown[]): Html {
  checkProse(strings);
  const parts: Part[] = [strings[0]!];
  values.forEach((value, i) => { append(parts, value); parts.push(strings[i + 1]!); });
  return new Html(parts);
}

/** Kinds of literal that may be printed as they are: not results, but what a result is about. */
export type LiteralKind = 'parameter' | 'definition' | 'ordinal' | 'name' | 'hash';

/** A literal in prose or a heading: the value of a parameter, a constant of a definition, a position, a name, a hash. Cut after `most` characters. */
export function lit(value: number | string, kind: LiteralKind, most = LONGEST): Html {
  return new Html([`<span class="lit ${kind}">${escapeText(typeof value === 'number' ? String(value).replace('-', '−') : cut(value, most))}</span>`]);
}

/** Joins pieces with a separator, as prose does: `list(['a', 'b', 'c'])` is "a, b and c". */
export function list(items: readonly Content[], last = ' and '): Html {
  const parts: Part[] = [];
  items.forEach((item, i) => {
    if (i > 0) parts.push(i === items.length - 1 ? last : ', ');
    append(parts, item);
  });
  return new Html(parts);
}

/** A link inside the site: path from the site's root, with or without a fragment. */
export function link(path: string, content: Content): Html {
  return html`<a href="${late((page) => escapeText(page.root + path))}">${content}</a>`;
}
