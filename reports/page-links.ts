/** Where the links of a page that was read back lead, and that none leads out of the site but by a reader's click. */
import { linkedPath } from './page-numbers.ts';
import { elements } from './read-html.ts';
import type { PageFault } from './page-numbers.ts';
import type { Element } from './read-html.ts';

/** Within the site, from its root. */
export interface PageLink { readonly from: string; readonly to: string; readonly anchor: string }

/** What names a file to load, or where a form goes, beside href and src. */
const LOADING = ['poster', 'data', 'action', 'formaction', 'background', 'ping'];

/** Links to files of the site, in the page's order. Adds to `faults` what loads something from outside, and links that are none. */
export function* linksOf(page: Element, path: string, faults: PageFault[]): Generator<PageLink> {
  for (const { tag, attributes, children } of elements(page)) {
    for (const outside of outsideIn(tag, attributes, children)) faults.push({ file: path, what: `<${tag}>`, expected: 'nothing from outside the site', found: outside });
    const address = attributes.get('href') ?? attributes.get('src');
    if (address === undefined || address.startsWith('data:')) continue;
    if (OUTSIDE.test(address)) {
      if (tag !== 'a') faults.push({ file: path, what: `<${tag}>`, expected: 'nothing from outside the site', found: address });
      else if (!/^(?:https?|mailto):/i.test(address)) faults.push({ file: path, what: 'a link', expected: 'a page', found: address });
      continue;
    }
    const [target, anchor = ''] = address.split('#') as [string, string?];
    yield { from: path, to: target === '' ? path : linkedPath(path, decoded(target.replace(/\?.*$/, ''))), anchor: decoded(anchor) };
  }
}

/** An address with a scheme, or another host's. */
const OUTSIDE = /^\s*(?:[a-z][a-z0-9+.-]*:|\/\/)/i;

function* outsideIn(tag: string, attributes: ReadonlyMap<string, string>, children: Element['children']): Generator<string> {
  for (const name of LOADING) { const value = attributes.get(name); if (value !== undefined && OUTSIDE.test(value)) yield value; }
  for (const candidate of (attributes.get('srcset') ?? '').split(',')) if (OUTSIDE.test(candidate) && !/^\s*data:/.test(candidate)) yield candidate.trim();
  if (tag === 'meta' && /^refresh$/i.test(attributes.get('http-equiv') ?? '')) yield attributes.get('content') ?? '';
  const styles = [attributes.get('style') ?? '', ...(tag === 'style' ? children.filter((child) => typeof child === 'string') : [])];
  for (const style of styles) for (const [, address] of style.matchAll(/(?:url\(|@import)\s*["']?([^"')\s;]+)/gi)) if (OUTSIDE.test(address!) && !address!.startsWith('data:')) yield address!;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
