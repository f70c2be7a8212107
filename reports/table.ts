/** Tables: a row header on the left, numbers aligned at the decimal point, the best of a column marked, gaps explained. */
import { Html, escapeText, html, late } from './html.ts';
import type { Content } from './html.ts';
import { bind, byteUnitOf, formatNumber, formattedText, numberLink } from './num.ts';
import type { Formatted, NumberOptions, Row } from './num.ts';

export interface TableColumn<T> {
  readonly head: Content;
  /** Text or markup of a cell. One of `cell` and `number`. */
  readonly cell?: (row: T) => Content;
  /** The database row that a number is printed from; undefined where there is none, with `gap` saying why. */
  readonly number?: (row: T) => Row | undefined;
  /** 'table.column'; default 'metrics.value'. */
  readonly what?: string;
  readonly options?: NumberOptions;
  /** What stands where `number` has nothing. Default a dash. */
  readonly gap?: (row: T) => Content;
  /** Mark the best: ties share it. */
  readonly best?: 'low' | 'high';
  /** Let long text wrap in a wide cell. */
  readonly wide?: boolean;
  /** Align text at the right: derived numbers. */
  readonly end?: boolean;
}

export interface TableOptions<T> {
  readonly caption?: Content;
  readonly columns: readonly TableColumn<T>[];
  readonly rows: readonly T[];
  /** Rows with an equal group stand under one heading. Not together with sorting. */
  readonly group?: (row: T) => string;
  /** The script adds sorting, and filtering from 12 rows on. */
  readonly sortable?: boolean;
  /** Element id of a row. */
  readonly rowId?: (row: T) => string;
}

const FIGURE_SPACE = '\u2007', PUNCTUATION_SPACE = '\u2008';
/** Width of a text in halves of a digit's, near enough in any sans with tabular digits. */
function halves(text: string): number {
  let sum = 0;
  for (const character of text) sum += /[\d⁰-⁹²³¹A-Za-z]/.test(character) ? 2 : /[±×−+]/.test(character) ? 2.6 : character === '%' ? 3 : /[[\]]/.test(character) ? 1.2 : 1;
  return sum;
}

const blanks = (halves: number): string => FIGURE_SPACE.repeat(halves >> 1) + PUNCTUATION_SPACE.repeat(halves & 1);

/**
 * Texts of a right-aligned column whose decimal points stand under one another: what is short to the right of the point is
 * made up with blanks at the end.
 */
function alignedTexts(cells: readonly (Formatted | undefined)[]): readonly { readonly shown: string; readonly blank: string }[] {
  const texts = cells.map((c) => {
    if (!c) return { shown: '', tail: 0 };
    const shown = formattedText(c), whole = c.value.split('.')[0]!;
    return { shown, tail: halves(shown.slice(shown.indexOf(whole) + whole.length)) };
  });
  const longest = Math.max(0, ...texts.map((t) => t.tail));
  return texts.map(({ shown, tail }) => ({ shown, blank: shown === '' ? '' : blanks(Math.round(longest - tail)) }));
}

/** One unit for a column of bytes, with three digits for its largest. */
function byteOptions(largest: number): NumberOptions {
  const byteUnit = byteUnitOf(largest);
  return { byteUnit, decimals: byteUnit === 0 ? 0 : Math.max(0, 3 - Math.trunc(largest / 1000 ** byteUnit).toString().length) };
}

interface Column { readonly head: Html; readonly cells: readonly Html[] }

function numberColumn<T>(column: TableColumn<T>, rows: readonly T[]): Column {
  const bounds = rows.map((row) => { const source = column.number!(row); return source === undefined ? undefined : bind(source, column.what); });
  const largest = Math.max(0, ...bounds.map((b) => b?.value ?? 0));
  const options: NumberOptions = { smallest: 1e-6, ...(column.options?.as === 'bytes' ? byteOptions(largest) : {}), ...column.options };
  const texts = alignedTexts(bounds.map((b) => (b ? formatNumber(b, options) : undefined)));
  const values = bounds.flatMap((b) => (b ? [b.value] : []));
  const best = column.best === undefined || values.length < 2 ? undefined : column.best === 'low' ? Math.min(...values) : Math.max(...values);
  // What reads the same ties: bold for a difference that the interval hides would mislead.
  const bestText = texts[bounds.findIndex((b) => b?.value === best)]?.shown;
  return {
    head: html`<th scope="col" class="n">${column.head}</th>`,
    cells: rows.map((row, i) => {
      const bound = bounds[i];
      if (!bound) return html`<td class="n">${column.gap ? column.gap(row) : html`<span class="missing">–</span>`}</td>`;
      const { shown: text, blank } = texts[i]!;
      const shown = numberLink(bound, escapeText(text));
      return new Html([`<td class="n${best !== undefined && text === bestText ? ' best' : ''}" data-value="${bound.value}">`, ...shown.parts, `${blank}</td>`]);
    }),
  };
}

function textColumn<T>(column: TableColumn<T>, rows: readonly T[], first: boolean): Column {
  return {
    head: html`<th scope="col"${column.end ? html` class="n"` : ''}>${column.head}</th>`,
    cells: rows.map((row) => column.end ? html`<td class="n">${column.cell!(row)}</td>` : first ? html`<th scope="row">${column.cell!(row)}</th>` : html`<td${column.wide ? html` class="wide"` : ''}>${column.cell!(row)}</td>`),
  };
}

/** A table in a box of its own that scrolls sideways where it must. Nothing when there are no rows. */
export function table<T>({ caption, columns, rows, group, sortable, rowId }: TableOptions<T>): Html {
  if (rows.length === 0) return html``;
  const drawn = columns.map((column, i) => (column.number ? numberColumn(column, rows) : textColumn(column, rows, i === 0)));
  let before: string | undefined;
  const body = rows.map((row, r) => {
    const title = group?.(row);
    const heading = title !== undefined && title !== before ? html`<tr class="group"><th colspan="${lit(columns.length)}" scope="colgroup">${title}</th></tr>` : '';
    before = title;
    return html`${heading}<tr${rowId ? html` id="${rowId(row)}"` : ''}>${drawn.map((column) => column.cells[r]!)}</tr>
`;
  });
  return html`<div class="box" tabindex="0" role="region" aria-label="${late((page) => `Table ${++page.tables.count}`)}"><table${sortable && !group ? html` data-sortable` : ''}>${caption ? html`<caption>${caption}</caption>` : ''}
<thead><tr>${drawn.map((column) => column.head)}</tr></thead>
<tbody>
${body}</tbody></table></div>`;
}

/** A count in an attribute. */
const lit = (value: number): Html => new Html([String(value)]);
