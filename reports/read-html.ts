/**
 * Reads the report's own pages back, as far as checking them needs: elements, attributes, text. A page comes from a folder that anybody
 * may have touched, so what is too deep or too large is refused, and nothing in it is more than text.
 */
export interface Element {
  readonly tag: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly (Element | string)[];
}

/** While its children are read. */
type Open = Element & { readonly children: (Element | string)[] };

/** More than this in one another is no page of ours. */
const MOST_DEPTH = 200;
const VOID = new Set(['area', 'base', 'br', 'col', 'embed', 'hr', 'img', 'input', 'link', 'meta', 'source', 'track', 'wbr']);
const RAW = /^(?:script|style)$/;
const TOKEN = /<!--[\s\S]*?-->|<!doctype[^>]*>|<(\/?)([a-zA-Z][\w:-]*)((?:[^<>"']|"[^"]*"|'[^']*')*)>|[^<]+|</gi;
const ATTRIBUTE = /([^\s=/"'<>]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g;
const ENTITIES: { readonly [name: string]: string } = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };

/** Thrown for what is no page of ours. */
export class UnreadablePage extends Error {
  override readonly name = 'UnreadablePage';
}

/** The page's elements, under one that stands for the page. Throws UnreadablePage. */
export function parseHtml(text: string): Element {
  const page: Open = { tag: '', attributes: new Map(), children: [] };
  const open = [page];
  TOKEN.lastIndex = 0;
  for (let token = TOKEN.exec(text); token !== null; token = TOKEN.exec(text)) {
    const [whole, end, name, attributes = ''] = token;
    const top = open.at(-1)!;
    if (name === undefined) {
      if (!whole.startsWith('<!')) top.children.push(decode(whole));
      continue;
    }
    const tag = name.toLowerCase();
    if (end === '/') {
      const at = open.findLastIndex((element) => element.tag === tag);
      if (at > 0) open.length = at;
      continue;
    }
    const element: Open = { tag, attributes: attributesIn(attributes), children: [] };
    top.children.push(element);
    if (attributes.endsWith('/') || VOID.has(tag)) continue;
    if (RAW.test(tag)) {
      const close = text.toLowerCase().indexOf(`</${tag}`, TOKEN.lastIndex);
      element.children.push(text.slice(TOKEN.lastIndex, close < 0 ? undefined : close));
      if (close < 0) break;
      TOKEN.lastIndex = close;
    }
    open.push(element);
    if (open.length > MOST_DEPTH) throw new UnreadablePage(`its elements are more than ${MOST_DEPTH} deep in one another`);
  }
  return page;
}

function attributesIn(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [, name, double, single, bare] of text.matchAll(ATTRIBUTE)) if (!found.has(name!)) found.set(name!, decode(double ?? single ?? bare ?? ''));
  return found;
}

/** Text in which no entity is left. */
export function decode(text: string): string {
  return text.includes('&') ? text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w+));/gi, (whole, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return Object.hasOwn(ENTITIES, name) ? ENTITIES[name]! : whole;
    const point = decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal);
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  }) : text;
}

/** All elements below, in the page's order. */
export function* elements(parent: Element): Generator<Element> {
  for (const child of parent.children) {
    if (typeof child === 'string') continue;
    yield child;
    yield* elements(child);
  }
}

/** Text below, without that of elements that are marks beside a number (`sup`). */
export function textOf({ children }: Element): string {
  let text = '';
  for (const child of children) text += typeof child === 'string' ? child : child.tag === 'sup' ? '' : textOf(child);
  return text;
}

export const hasClass = ({ attributes }: Element, name: string): boolean => (attributes.get('class') ?? '').split(/\s+/).includes(name);
