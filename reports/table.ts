/** Tables: a row header on the left, numbers aligned at the decimal point, the best of a column marked, gaps explained. */
import { Html, escapeText, html } from './html.ts';
import type { Content } from './html.ts';
import { bind, formatNumber, numberLink } from './num.ts';
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
const fraction = (text: string): string => /\.(\d+)/.exec(text)?.[1] ?? '';

/** Pads to the right so that decimal points of a right-aligned column stand under one another. */
function padFraction(text: string, digits: number): string {
  const own = fraction(text).length;
  if (digits === 0 || own === digits) return text;
  return text + (own === 0 ? PUNCTUATION_SPACE : '') + FIGURE_SPACE.repeat(digits - own);
}

function alignedTexts(cells: readonly (Formatted | undefined)[]): readonly string[] {
  const digits = Math.max(0, ...cells.map((c) => (c ? fraction(c.value).length : 0)));
  const wholeOf = (text: string): number => text.split('.')[0]!.length;
  const intervalWhole = Math.max(0, ...cells.map((c) => (c?.plusMinus === undefined ? 0 : wholeOf(c.plusMinus))));
  const intervals = cells.some((c) => c?.plusMinus !== undefined) && !cells.some((c) => c?.range !== undefined || c?.power !== undefined);
  return cells.map((c) => {
    if (!c) return '';
    if (!intervals) {
      const interval = c.plusMinus !== undefined ? ` ± ${c.plusMinus}` : c.range !== undefined ? ` ${c.range}` : '';
      const powered = c.power === undefined ? '' : c.power;
      const body = c.power !== undefined && interval !== '' ? `(${c.value}${interval})` : interval === '' && !powered ? padFraction(c.value, digits) : c.value + interval;
      return body + powered + unitText(c);
    }
    const interval = c.plusMinus === undefined ? FIGURE_SPACE.repeat(3 + intervalWhole + (digits > 0 ? 1 + digits : 0))
      : ` ± ${FIGURE_SPACE.repeat(intervalWhole - wholeOf(c.plusMinus))}${padFraction(c.plusMinus, digits)}`;
    return padFraction(c.value, digits) + interval + unitText(c);
  });
}
const unitText = (c: Formatted): string => (c.unit === undefined ? '' : ` ${c.unit}`);

interface Column { readonly head: Html; readonly cells: readonly Html[] }

function numberColumn<T>(column: TableColumn<T>, rows: readonly T[]): Column {
  const bounds = rows.map((row) => { const source = column.number!(row); return source === undefined ? undefined : bind(source, column.what); });
  const texts = alignedTexts(bounds.map((b) => (b ? formatNumber(b, column.options) : undefined)));
  const values = bounds.flatMap((b) => (b ? [b.value] : []));
  const best = column.best === undefined || values.length < 2 ? undefined : column.best === 'low' ? Math.min(...values) : Math.max(...values);
  return {
    head: html`<th scope="col" class="n">${column.head}</th>`,
    cells: rows.map((row, i) => {
      const bound = bounds[i];
      if (!bound) return html`<td class="n">${column.gap ? column.gap(row) : html`<span class="missing">–</span>`}</td>`;
      const shown = numberLink(bound, escapeText(texts[i]!));
      return new Html([`<td class="n${bound.value === best ? ' best' : ''}" data-value="${bound.value}">`, ...shown.parts, '</td>']);
    }),
  };
}

function textColumn<T>(column: TableColumn<T>, rows: readonly T[], first: boolean): Column {
  return {
    head: html`<th scope="col">${column.head}</th>`,
    cells: rows.map((row) => first ? html`<th scope="row">${column.cell!(row)}</th>` : html`<td${column.wide ? html` class="wide"` : ''}>${column.cell!(row)}</td>`),
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
  const label = typeof caption === 'string' ? caption : 'Table';
  return html`<div class="box" tabindex="0" role="region" aria-label="${label}"><table${sortable && !group ? html` data-sortable` : ''}>${caption ? html`<caption>${caption}</caption>` : ''}
<thead><tr>${drawn.map((column) => column.head)}</tr></thead>
<tbody>
${body}</tbody></table></div>`;
}

/** A count in an attribute. */
const lit = (value: number): Html => new Html([String(value)]);
