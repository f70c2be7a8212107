/** The numbers on a page that was read back, each held against the row that it names: printed again by num()'s own rules, and with its tip and its link. */
import { cut, escapeText } from './html.ts';
import { cellPath, tipText } from './num.ts';
import { numbersIn } from './numbers.ts';
import { isPrintOf, printedText } from './printed.ts';
import { decode, elements, hasClass, textOf } from './read-html.ts';
import { BULK } from './tables.ts';
import type { Row } from './num.ts';
import type { TableNumber } from './numbers.ts';
import type { Element } from './read-html.ts';

/** What is wrong on a page: which number, how it should be. */
export interface PageFault { readonly file: string; readonly what: string; readonly expected?: string; readonly found?: string; /** `expected` is what was drawn again: the page may be wrong, or what it was drawn from. */ readonly again?: true }

/** The numbers that pages may show. */
export interface NamedNumbers {
  readonly byId: ReadonlyMap<string, TableNumber>;
  /** Of tables whose rows have no anchor of their own, by '<table> <cell>'. */
  readonly bulk: ReadonlyMap<string, readonly TableNumber[]>;
}

/** Of these rows, by table. */
export function namedNumbers(tables: Iterable<readonly [table: string, rows: readonly Row[]]>): NamedNumbers {
  const byId = new Map<string, TableNumber>();
  const bulk = new Map<string, TableNumber[]>();
  for (const [table, rows] of tables) {
    for (const number of numbersIn(table, rows)) {
      byId.set(number.id, number);
      if (!BULK.has(table)) continue;
      const name = `${table} ${number.cell}`;
      const list = bulk.get(name);
      if (list === undefined) bulk.set(name, [number]);
      else list.push(number);
    }
  }
  return { byId, bulk };
}

/** A page may print a share as one although its table names no unit. */
const tipsOf = (number: TableNumber): readonly string[] => [number, { ...number, unit: 'share' }].map((one) => decode(escapeText(cut(tipText(one), 200))));

/** The path from the site's root that a link of this page has; links of ours go up with '../' at their beginning only. */
export function linkedPath(page: string, target: string): string {
  const folders = page.split('/').slice(0, -1);
  let rest = target;
  for (; rest.startsWith('../'); rest = rest.slice('../'.length)) folders.pop();
  return [...folders, rest].join('/');
}

/** Adds what is wrong to `faults`; answers the ids of the numbers that it looked at, in the page's order. */
export function checkNumbers(page: Element, path: string, { byId, bulk }: NamedNumbers, faults: PageFault[]): readonly string[] {
  const looked: string[] = [];
  const own = new Map([...elements(page)].flatMap((element) => element.attributes.has('id') ? [[element.attributes.get('id')!, element] as const] : []));
  const check = (element: Element, exact: string | undefined): void => {
    const { attributes } = element;
    const text = printedText(textOf(element));
    const [target = '', anchor = ''] = (attributes.get('href') ?? '').split('#');
    const id = attributes.get('id') ?? anchor;
    looked.push(id);
    const fault = (what: string, expected: string, found = text): void => void faults.push({ file: path, what: `the number ${what}`, expected, found });
    if (anchor.startsWith('derived.')) {
      const list = own.get(anchor);
      const bold = list?.children.find((child): child is Element => typeof child !== 'string' && child.tag === 'b');
      if (bold === undefined || textOf(bold) !== text) fault(anchor, bold === undefined ? 'how it was derived, at the page\'s end' : textOf(bold));
      return;
    }
    const number = byId.get(id);
    if (number !== undefined) {
      if (!isPrintOf(text, number)) fault(id, `${number.value}, as table ${number.table} has it`);
      const tip = attributes.get('data-tip') ?? '';
      if (!tipsOf(number).includes(tip)) fault(id, `the tip ${tipsOf(number)[0]!}`, tip);
      if (exact !== undefined && exact !== String(number.value)) fault(id, String(number.value), exact);
      if (linkedPath(path, target) !== cellPath(number.cell)) fault(id, `a link to ${cellPath(number.cell)}`, target);
      return;
    }
    const cell = linkedPath(path, target);
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
    looked.push(id);
    const number = byId.get(id);
    if (number === undefined || textOf(element) !== String(number.value)) faults.push({ file: path, what: `the number ${id}`, expected: number === undefined ? 'a number of the tables' : `${number.value}, as table ${number.table} has it`, found: textOf(element) });
  }
  return looked;
}
