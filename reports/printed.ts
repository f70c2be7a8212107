/** Whether a text on a page is how num() prints a number: read backwards from the text, whatever options its page gave. */
import { formatNumber, formattedText } from './num.ts';
import type { Bound, NumberOptions } from './num.ts';

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];
/** Value, then an interval as ± or in brackets, then a power of ten, then a unit. */
const SHAPE = /^\(?([+−]?)([\d,]+)(?:\.(\d+))?( ± [\d,.]+| \[[^\]]*\])?\)?( × 10[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)?(?: ((?!× ).+))?$/u;

/** Blanks that align a column, and marks, are none of a number. */
export const printedText = (text: string): string => text.replace(/[\u2007\u2008\n]/g, '').trim();

/** `text`: as printedText() gives it. */
export function isPrintOf(text: string, number: Pick<Bound, 'value' | 'low' | 'high' | 'unit'>): boolean {
  const found = SHAPE.exec(text);
  if (found === null) return false;
  const [, sign, , fraction, interval, power, unit] = found;
  const byteUnit = unit === undefined ? -1 : BYTE_UNITS.indexOf(unit);
  const shape: NumberOptions = {
    signed: sign === '+', bare: interval === undefined, smallest: power === undefined ? 0 : Infinity,
    ...(unit === '%' ? { as: 'percent' } : byteUnit >= 0 ? { as: 'bytes', byteUnit } : { as: 'plain', ...(unit === undefined ? {} : { unit }) }),
  };
  // Without a point: a whole number, or one that its interval rounds to tens or hundreds.
  const places = fraction === undefined ? [{ decimals: 0 }, {}] : [{ decimals: fraction.length }];
  return places.some((decimals) => formattedText(formatNumber(number, { ...shape, ...decimals })) === text);
}
