/** The pages of a site: every number is the table's, every link leads somewhere, every cell's page says what its record says. */
import { posix } from 'node:path';
import { cellPath } from '../reports/num.ts';
import { checkNumbers, namedNumbers } from '../reports/page-numbers.ts';
import { UnreadablePage, elements, parseHtml } from '../reports/read-html.ts';
import { checkCellPage } from './site-cell-page.ts';
import type { Element } from '../reports/read-html.ts';
import type { SiteFault, SiteFolder } from './site-folder.ts';
import type { SiteRecords } from './site-records.ts';
import type { SiteTables } from './site-tables.ts';

export interface PagesChecked { readonly pages: number; readonly numbers: number; readonly links: number; readonly faults: readonly SiteFault[] }

/** Where a link of a page leads. */
interface Link { readonly from: string; readonly to: string; readonly anchor: string }

export function checkPages(site: SiteFolder, tables: SiteTables, records: SiteRecords): PagesChecked {
  const numbers = namedNumbers([...tables.rows, ...tables.heads]);
  const faults: SiteFault[] = [];
  const ids = new Map<string, ReadonlySet<string>>();
  const links: Link[] = [];
  let counted = 0;
  for (const path of site.files.keys()) {
    if (!path.endsWith('.html')) continue;
    try {
      const page = parseHtml(site.read(path)!.toString('utf8'));
      const own = new Set<string>();
      ids.set(path, own);
      for (const element of elements(page)) {
        const id = element.attributes.get('id');
        if (id !== undefined) own.add(id);
        const link = linkOf(element, path, faults);
        if (link !== undefined) links.push(link);
      }
      counted += checkNumbers(page, path, numbers, faults).length;
      if (path.startsWith('cells/')) faults.push(...checkCellPage(page, path, tables, records));
    } catch (error) {
      if (!(error instanceof UnreadablePage) && !(error instanceof SyntaxError)) throw error;
      faults.push({ file: path, what: error.message });
    }
  }
  for (const { from, to, anchor } of links) {
    if (!site.files.has(to)) faults.push({ file: from, what: 'a link', expected: 'a file of the site', found: to });
    else if (anchor !== '' && to.endsWith('.html') && ids.get(to)?.has(anchor) === false) faults.push({ file: from, what: 'a link', expected: `an element ${anchor} in ${to}`, found: 'none' });
  }
  for (const cell of records.cells.keys()) if (!site.files.has(cellPath(cell))) faults.push({ file: cellPath(cell), what: `the page of ${cell}`, expected: 'a file of the site', found: 'nothing' });
  return { pages: ids.size, numbers: counted, links: links.length, faults };
}

function linkOf({ tag, attributes }: Element, page: string, faults: SiteFault[]): Link | undefined {
  const address = attributes.get('href') ?? attributes.get('src');
  if (address === undefined || address.startsWith('data:')) return undefined;
  if (/^[a-z][a-z0-9+.-]*:|^\/\//i.test(address)) {
    if (tag !== 'a') faults.push({ file: page, what: `<${tag}>`, expected: 'nothing from outside the site', found: address });
    else if (!/^(?:https?|mailto):/i.test(address)) faults.push({ file: page, what: 'a link', expected: 'a page', found: address });
    return undefined;
  }
  const [path, anchor = ''] = address.split('#') as [string, string?];
  const decoded = (text: string): string => { try { return decodeURIComponent(text); } catch { return text; } };
  return { from: page, to: path === '' ? page : posix.join(posix.dirname(page), decoded(path.replace(/\?.*$/, ''))), anchor: decoded(anchor) };
}
