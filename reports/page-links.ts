/** Where the links of a page that was read back lead, and that none leads out of the site but by a reader's click. */
import { linkedPath } from './page-numbers.ts';
import { elements } from './read-html.ts';
import type { PageFault } from './page-numbers.ts';
import type { Element } from './read-html.ts';

/** Within the site, from its root. */
export interface PageLink { readonly from: string; readonly to: string; readonly anchor: string }

/** Links to files of the site, in the page's order. Adds to `faults` what loads something from outside, and links that are none. */
export function* linksOf(page: Element, path: string, faults: PageFault[]): Generator<PageLink> {
  for (const { tag, attributes } of elements(page)) {
    const address = attributes.get('href') ?? attributes.get('src');
    if (address === undefined || address.startsWith('data:')) continue;
    if (/^[a-z][a-z0-9+.-]*:|^\/\//i.test(address)) {
      if (tag !== 'a') faults.push({ file: path, what: `<${tag}>`, expected: 'nothing from outside the site', found: address });
      else if (!/^(?:https?|mailto):/i.test(address)) faults.push({ file: path, what: 'a link', expected: 'a page', found: address });
      continue;
    }
    const [target, anchor = ''] = address.split('#') as [string, string?];
    yield { from: path, to: target === '' ? path : linkedPath(path, decoded(target.replace(/\?.*$/, ''))), anchor: decoded(anchor) };
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
