/** The pages of a site: every number is the table's, every link leads somewhere, every cell's page says what its record says. */
import { posix } from 'node:path';
import { BULK } from '../reports/tables.ts';
import { cut, escapeText } from '../reports/html.ts';
import { cellPath, tipText } from '../reports/num.ts';
import { UnreadablePage, decode, elements, hasClass, parseHtml, textOf } from './html.ts';
import { checkCellPage } from './site-cell-page.ts';
import { isPrintOf, printedText } from './printed.ts';
import { numbersIn } from '../reports/numbers.ts';
import type { Element } from './html.ts';
import type { SiteFault, SiteFolder } from './site-folder.ts';
import type { SiteRecords } from './site-records.ts';
import type { SiteTables } from './site-tables.ts';
import type { StoredNumber } from './numbers.ts';

export interface PagesChecked { readonly pages: number; readonly numbers: number; readonly links: number; readonly faults: readonly SiteFault[] }

/** Where a link of a page leads. */
interface Link { readonly from: string; readonly to: string; readonly anchor: string }

export function checkPages(site: SiteFolder, tables: SiteTables, records: SiteRecords): PagesChecked {
  const numbers = new Map<string, StoredNumber>();
  /** Of tables whose rows have no anchor of their own, by table and cell. */
  const bulk = new Map<string, StoredNumber[]>();
  for (const [table, rows] of [...tables.rows, ...tables.heads]) {
    for (const number of numbersIn(table, rows)) {
      numbers.set(number.id, number);
      if (!BULK.has(table)) continue;
      const name = `${table} ${number.cell}`;
      const list = bulk.get(name);
      if (list === undefined) bulk.set(name, [number]);
      else list.push(number);
    }
  }
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
      counted += checkNumbers(page, path, numbers, bulk, faults);
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

/** A page may print a share as one although its table names no unit. */
const tipsOf = (number: StoredNumber): readonly string[] => [number, { ...number, unit: 'share' }].map((one) => decode(escapeText(cut(tipText(one), 200))));

/** Answers how many numbers it looked at. */
function checkNumbers(page: Element, path: string, numbers: ReadonlyMap<string, StoredNumber>, bulk: ReadonlyMap<string, readonly StoredNumber[]>, faults: SiteFault[]): number {
  let counted = 0;
  const own = new Map([...elements(page)].flatMap((element) => element.attributes.has('id') ? [[element.attributes.get('id')!, element] as const] : []));
  const check = (element: Element, exact: string | undefined): void => {
    counted++;
    const { attributes } = element;
    const text = printedText(textOf(element));
    const [target = '', anchor = ''] = (attributes.get('href') ?? '').split('#');
    const fault = (id: string, expected: string, found = text): void => void faults.push({ file: path, what: `the number ${id}`, expected, found });
    if (anchor.startsWith('derived.')) {
      const list = own.get(anchor);
      const bold = list?.children.find((child): child is Element => typeof child !== 'string' && child.tag === 'b');
      if (bold === undefined || textOf(bold) !== text) fault(anchor, bold === undefined ? 'how it was derived, at the page\'s end' : textOf(bold));
      return;
    }
    const id = attributes.get('id') ?? anchor;
    const number = numbers.get(id);
    if (number !== undefined) {
      if (!isPrintOf(text, number)) fault(id, `${number.value}, as table ${number.table} has it`);
      const tip = attributes.get('data-tip') ?? '';
      if (!tipsOf(number).includes(tip)) fault(id, `the tip ${tipsOf(number)[0]!}`, tip);
      if (exact !== undefined && exact !== String(number.value)) fault(id, String(number.value), exact);
      if (posix.join(posix.dirname(path), target) !== cellPath(number.cell)) fault(id, `a link to ${cellPath(number.cell)}`, target);
      return;
    }
    const cell = posix.join(posix.dirname(path), target);
    const candidates = [...bulk].filter(([name]) => name.startsWith(`${anchor} `) && cellPath(name.slice(anchor.length + 1)) === cell).flatMap(([, list]) => list);
    if (!candidates.some((one) => isPrintOf(text, one))) fault(id, 'a number of the tables');
  };
  const walk = (parent: Element, exact: string | undefined): void => {
    for (const child of parent.children) {
      if (typeof child === 'string') continue;
      if (child.tag === 'a' && hasClass(child, 'num')) check(child, exact);
      else walk(child, child.tag === 'td' ? child.attributes.get('data-value') : exact);
    }
  };
  walk(page, undefined);
  for (const [id, element] of own) {
    if (!hasClass(element, 'own')) continue;
    counted++;
    const number = numbers.get(id);
    if (number === undefined || textOf(element) !== String(number.value)) faults.push({ file: path, what: `the number ${id}`, expected: number === undefined ? 'a number of the tables' : `${number.value}, as table ${number.table} has it`, found: textOf(element) });
  }
  return counted;
}
