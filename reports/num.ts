/**
 * num(): the one way in which a number derived from data gets onto a page. It is bound to the record it came from: it
 * links to the page of the cell that computed it, at an anchor made of what the number is (quantity and parameters),
 * never of a run, so that links keep.
 *
 * Digits: as many as the interval allows. The half-width is given to two digits where its first digit is 1, else to one,
 * and the value to the same place (the rule of the Particle Data Group, rounded down to what a reader can use).
 */
import { Html, cut, escapeText, html, late } from './html.ts';
import type { Content } from './html.ts';
import { BULK, CLAIMED, KEYS, PACKED } from './tables.ts';

/** A row as the warehouse gives it: plain values by column name. */
export type Row = { readonly [column: string]: unknown };

export interface NumberOptions {
  /** Decimals, where there is no interval or another number of digits is wanted. */
  readonly decimals?: number;
  /** 'percent' multiplies by 100; 'bytes' prints kB, MB; 'count' groups thousands. Default: by the row's unit. */
  readonly as?: 'plain' | 'percent' | 'bytes' | 'count';
  /** Printed after the number: 'nats'. */
  readonly unit?: string;
  /** With a sign also when positive: differences. */
  readonly signed?: boolean;
  /** The value only, where the interval stands elsewhere. */
  readonly bare?: boolean;
  /** Values below this are written with a power of ten. Default 1e-4; in tables 1e-6. */
  readonly smallest?: number;
  /** Power of 1000 that bytes are counted in, so that a column has one unit. Default: by the value. */
  readonly byteUnit?: number;
}

/** What a printed number is bound to. */
export interface Bound { readonly id: string; readonly cell: string; readonly value: number; readonly low?: number; readonly high?: number; readonly unit?: string; readonly n?: number; readonly clusters?: number }

/** File name of a cell's page. Injective: a cell id holds no '~', and exactly one ':'. */
export const cellPath = (cell: string): string => `cells/${cell.replace(/[:/]/g, '~')}.html`;

const asNumber = (value: unknown): number | undefined =>
  typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : undefined;

const idText = (value: unknown): string => String(value).replace(/[^\w.+=-]/g, '-');
const ID_PREFIX: { readonly [column: string]: string } = { temperature: 'T', top_k: 'k', max_new_tokens: 'n', seed: 's', window: 'w', block: 'b', position: 'p' };

/** One quantity at one setting stands in one of these only, so that the id needs no table. */
const METRICS: ReadonlySet<string> = new Set(['metrics', 'sweep_metrics']);

/** The id of a number: `kl_mean.novel-4m.nf4`, `quality_shift.novel-4m.nf4.T0.7.k0`, `artifacts.linear_bytes.novel-4m.nf4`. */
export function numberId(row: Row, table: string, column: string): string {
  // A row at a sampler's setting is one of sweep_metrics, by whichever of the two names it is printed.
  const keys = KEYS[METRICS.has(table) && typeof row['temperature'] === 'number' ? 'sweep_metrics' : table];
  if (!keys) throw new TypeError(`num: unknown table "${table}"; tables are ${Object.keys(KEYS).join(', ')}`);
  const parts: string[] = !METRICS.has(table) ? [table, column] : column === 'value' ? [] : [column];
  for (const key of keys) {
    if (!(key in row)) throw new TypeError(`num: a row of ${table} came without "${key}"; select the columns that identify it: ${keys.join(', ')}`);
    if (row[key] !== null) parts.push((ID_PREFIX[key] ?? '') + idText(row[key]));
  }
  return parts.join('.');
}

/**
 * Binds a column of a row to its record. `what` is 'table.column', by default 'metrics.value'; low and high are taken
 * along for a column named value. Throws TypeError when the row lacks `cell` or its identifying columns.
 */
export function bind(row: Row, what = 'metrics.value'): Bound {
  const [table, column] = what.split('.') as [string, string];
  const value = asNumber(row[column]);
  if (value === undefined) throw new TypeError(`num: ${what} is ${String(row[column])}, not a number; a missing value is printed with missing()`);
  if (typeof row['cell'] !== 'string') throw new TypeError(`num: a row of ${table} came without "cell"; select it, so that the number can be traced`);
  const low = column === 'value' ? asNumber(row['low']) : undefined;
  const high = column === 'value' ? asNumber(row['high']) : undefined;
  const unit = column === 'value' && typeof row['unit'] === 'string' ? row['unit'] : undefined;
  const [n, clusters] = column === 'value' ? [asNumber(row['n']), asNumber(row['clusters'])] : [];
  return {
    id: numberId(row, table, column), cell: row['cell'], value,
    ...(low !== undefined && high !== undefined ? { low, high } : {}), ...(unit === undefined ? {} : { unit }), ...(n === undefined ? {} : { n }), ...(clusters === undefined ? {} : { clusters }),
  };
}

const minus = (text: string): string => text.replace('-', '−');
const grouped = (text: string): string => {
  const [whole, fraction] = text.split('.') as [string, string?];
  const digits = whole.replace(/(?<=\d)(?=(?:\d{3})+$)/g, ',');
  return fraction === undefined ? digits : `${digits}.${fraction}`;
};

/** Decimals that a half-width allows: 0.0042 -> 3, 0.0012 -> 4, 12 -> 0, 441 -> -2 (hundreds). */
export function decimalsFor(halfWidth: number): number {
  if (!(halfWidth > 0) || !Number.isFinite(halfWidth)) return 3;
  const [digits, exponent] = halfWidth.toExponential(1).split('e') as [string, string];
  return -Number(exponent) + (digits.startsWith('1') ? 1 : 0);
}

/** Like toFixed, also to tens and hundreds: decimals may be negative. */
const fixed = (x: number, decimals: number): string => (decimals >= 0 ? x.toFixed(decimals) : (Math.round(x * 10 ** decimals) / 10 ** decimals).toFixed(0));

/** Decimals that show three significant digits. */
function decimalsOf(value: number): number {
  if (value === 0 || !Number.isFinite(value)) return 0;
  return Math.max(0, 2 - Number(value.toExponential(2).split('e')[1]));
}

/** A number in the pieces that a table aligns: value, and what follows the ± sign. `range` where the interval is lopsided. */
export interface Formatted { readonly value: string; readonly plusMinus?: string; readonly range?: string; readonly power?: string; readonly unit?: string }

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;
/** Power of 1000 in which a count of bytes is read easily. */
export const byteUnitOf = (bytes: number): number => Math.min(BYTE_UNITS.length - 1, Math.max(0, Math.floor((bytes.toFixed(0).length - 1) / 3)));
const SUPERSCRIPT = '⁰¹²³⁴⁵⁶⁷⁸⁹';
const superscript = (exponent: number): string => [...String(exponent)].map((c) => (c === '-' ? '⁻' : SUPERSCRIPT[Number(c)]!)).join('');

/** Text of a number, its digits chosen by its interval. */
export function formatNumber(bound: Pick<Bound, 'value' | 'low' | 'high' | 'unit'>, options: NumberOptions = {}): Formatted {
  if (!Number.isFinite(bound.value)) throw new TypeError(`num: the value is ${bound.value}; only finite numbers are printed`);
  const share = bound.unit === 'share' || bound.unit === 'fraction';
  const as = options.as ?? (share ? 'percent' : bound.unit === 'bytes' ? 'bytes' : Number.isInteger(bound.value) && bound.low === undefined && options.decimals === undefined ? 'count' : 'plain');
  const unit = options.unit ?? (as === 'percent' ? '%' : undefined);
  const withUnit = unit === undefined ? {} : { unit };
  if (as === 'bytes') {
    const power = options.byteUnit ?? byteUnitOf(bound.value);
    const scaled = bound.value / 1000 ** power;
    return { value: scaled.toFixed(power === 0 ? 0 : options.decimals ?? Math.max(0, 3 - Math.trunc(scaled).toString().length)), unit: BYTE_UNITS[power]! };
  }
  const scale = as === 'percent' ? 100 : 1;
  let value = bound.value * scale, low = bound.low, high = bound.high;
  if (low !== undefined && high !== undefined) { low *= scale; high *= scale; }
  let power: string | undefined;
  const largest = Math.max(Math.abs(value), Math.abs(low ?? 0), Math.abs(high ?? 0));
  if (as === 'plain' && largest > 0 && largest < (options.smallest ?? 1e-4)) {
    const exponent = Number(largest.toExponential(0).split('e')[1]);
    const by = 10 ** -exponent;
    value *= by;
    if (low !== undefined && high !== undefined) { low *= by; high *= by; }
    power = ` × 10${superscript(exponent)}`;
  }
  const half = low !== undefined && high !== undefined ? (high - low) / 2 : undefined;
  const decimals = options.decimals ?? (half !== undefined && half > 0 ? decimalsFor(half) : as === 'count' ? 0 : as === 'percent' ? Math.min(2, decimalsOf(value)) : decimalsOf(value));
  const digits = (x: number): string => minus(grouped(fixed(x, decimals).replace(/^-(0(?:\.0*)?)$/, '$1')));
  const sign = options.signed && value > 0 && digits(value) !== digits(0) ? '+' : '';
  const out = { value: sign + digits(value), ...withUnit, ...(power === undefined ? {} : { power }) };
  if (options.bare || half === undefined || low === undefined || high === undefined || half === 0) return out;
  // Lopsided by more than a third of the half-width: the ± form would misplace the interval.
  const lopsided = Math.abs(high + low - 2 * value) / 2 > half / 3;
  return lopsided ? { ...out, range: `[${digits(low)}, ${digits(high)}]` } : { ...out, plusMinus: grouped(fixed(half, decimals)) };
}

/** One line of text: '0.257 ± 0.004 nats'. */
export function formattedText(f: Formatted): string {
  const interval = f.plusMinus !== undefined ? ` ± ${f.plusMinus}` : f.range !== undefined ? ` ${f.range}` : '';
  const body = f.value + interval;
  const powered = f.power === undefined ? body : interval === '' ? body + f.power : `(${body})${f.power}`;
  return powered + (f.unit === undefined ? '' : f.unit === '%' ? ' %' : ` ${f.unit}`);
}

/**
 * What a number's tip says beside its id and cell, which the script reads from the link: the value to six digits, its interval, and how much it
 * rests on. Empty where the page's text says all of it.
 */
export function tipText({ value, low, high, unit, n, clusters }: Pick<Bound, 'value' | 'low' | 'high' | 'unit' | 'n' | 'clusters'>): string {
  const scale = unit === 'share' ? 100 : 1;
  const digits = (x: number): string => minus(String(Number((x * scale).toPrecision(6))));
  const of = n === undefined || n <= 1 ? '' : `, n\u00a0=\u00a0${grouped(String(n))}${clusters === undefined ? '' : ` in ${grouped(String(clusters))} clusters`}`;
  if (of === '' && low === undefined && Number.isInteger(value)) return '';
  return `${digits(value)}${unit === undefined ? '' : ` ${unit === 'share' ? '%' : unit}`}${low === undefined || high === undefined ? '' : ` [${digits(low)}, ${digits(high)}]`}${of}`;
}

/** The anchor element around a number's text. `inner` is markup already. */
export function numberLink(bound: Bound, inner: string): Html {
  const tip = cut(tipText(bound), 200);
  return late((page) => {
    const first = !page.ids.has(bound.id);
    if (first) page.ids.add(bound.id);
    const table = bound.id.split('.')[0]!;
    // A table with a row for each token is not told of on the cells' pages; their outputs are.
    const anchor = PACKED.has(table) ? 'parameters' : BULK.has(table) ? table : bound.id;
    const waived = page.accepted.cells.has(bound.cell);
    page.accepted.shown ||= waived;
    const wrong = page.errata.numbers.has(bound.id);
    page.errata.shown ||= wrong;
    const claimed = table === CLAIMED;
    page.claimed.shown ||= claimed;
    if (page.marks !== undefined) page.marks.shown = true;
    return `<a class="num${page.marks === undefined ? '' : ` again-${page.marks.of(bound.cell)}`}"${first ? ` id="${escapeText(bound.id)}"` : ''} href="${escapeText(`${page.root}${cellPath(bound.cell)}#${anchor}`)}"${tip === '' ? '' : ` data-tip="${escapeText(tip)}"`}>${inner}${waived ? '<sup title="stands under a waiver">†</sup>' : ''}${wrong ? '<sup title="an erratum speaks of it">‡</sup>' : ''}${claimed ? '<sup title="claimed, not derived">¶</sup>' : ''}</a>`;
  });
}

/** Prints a number of a row, linked to its record. See bind() for `what`. */
export function num(row: Row, what?: string, options?: NumberOptions): Html {
  const bound = bind(row, what);
  return numberLink(bound, escapeText(formattedText(formatNumber(bound, options))));
}

/**
 * Prints a number that a page itself derives from others (a ratio, a count of rows): it links to the list at the
 * page's end, which says how it was derived and links what it was derived from. `id` is unique on its page.
 */
export function derived(id: string, value: number, how: Content, options: NumberOptions = {}): Html {
  const text = escapeText(formattedText(formatNumber({ value }, options)));
  return late((page) => {
    const anchor = `derived.${id}`;
    if (!page.derived.has(anchor)) page.derived.set(anchor, html`${new Html([`<b>${text}</b>`])}: ${how}`);
    return `<a class="num" href="#${escapeText(anchor)}">${text}</a>`;
  });
}
