/** How a cell's page lists the rows that the cell wrote: in the same words for who draws it and for who checks it. */
import { cut, escapeText, html, trusted } from './html.ts';
import { formatNumber, formattedText } from './num.ts';
import type { Html } from './html.ts';

/** More of a table than that are counted, and not listed. */
export const MOST_ROWS_OF_CELL = 400;

/** Characters of a text in a row. */
const LONGEST = 400;

/** A value as text; nothing for null. */
export const valueText = (value: unknown): string => (value === null || value === undefined ? '' : cut(String(value), LONGEST));

/** A number of this very record: it needs no link, it is where links lead. */
export const own = (value: number, unit?: string): Html =>
  trusted(`<span class="own">${escapeText(formattedText(formatNumber({ value }, { ...(unit === 'bytes' ? { as: 'count' as const } : unit === 'ms' ? { decimals: value < 100 ? 1 : 0 } : {}), ...(unit === undefined ? {} : { unit }) })))}</span>`);

/** What stands above the rows of a table. */
export const rowsTitle = (table: string, rows: number): Html => html`${table}: ${own(rows)} ${rows === 1 ? 'row' : 'rows'}`;
