/** The pages of a site: every number is the table's, every link leads somewhere, every cell's page says what its record says. */
import { checkCellPage, missingPages, publishedOf } from '../reports/cell-page-check.ts';
import { checkDrawnParts } from '../reports/drawn-parts.ts';
import { brokenLink, linksOf } from '../reports/page-links.ts';
import { checkNumbers, namedNumbers } from '../reports/page-numbers.ts';
import { UnreadablePage, elements, parseHtml } from '../reports/read-html.ts';
import type { PageLink } from '../reports/page-links.ts';
import type { SiteFault, SiteFolder } from './site-folder.ts';
import type { SiteRecords } from './site-records.ts';
import type { SiteTables } from './site-tables.ts';

export interface PagesChecked { readonly pages: number; readonly numbers: number; readonly links: number; readonly faults: readonly SiteFault[] }

export function checkPages(site: SiteFolder, tables: SiteTables, records: SiteRecords): PagesChecked {
  const numbers = namedNumbers([...tables.rows, ...tables.heads]);
  const published = publishedOf(tables.rows, records.cells.values());
  const faults: SiteFault[] = [];
  const ids = new Map<string, ReadonlySet<string>>();
  const links: PageLink[] = [];
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
      }
      links.push(...linksOf(page, path, faults));
      counted += checkNumbers(page, path, numbers, faults).length;
      checkDrawnParts(page, path, tables.rows, faults);
      if (path.startsWith('cells/')) checkCellPage(page, path, published, faults);
    } catch (error) {
      if (!(error instanceof UnreadablePage) && !(error instanceof SyntaxError)) throw error;
      faults.push({ file: path, what: error.message });
    }
  }
  for (const link of links) {
    const { from, to, anchor } = link;
    if (!site.files.has(to)) faults.push(brokenLink(link));
    else if (anchor !== '' && to.endsWith('.html') && ids.get(to)?.has(anchor) === false) faults.push({ file: from, what: 'a link', expected: `an element ${anchor} in ${to}`, found: 'none' });
  }
  faults.push(...missingPages(published, (path) => site.files.has(path)));
  return { pages: ids.size, numbers: counted, links: links.length, faults };
}
