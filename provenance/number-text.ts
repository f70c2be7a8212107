/** A number as the site prints it, on a terminal. */
import { formatNumber, formattedText } from '../reports/num.ts';
import type { StoredNumber } from './numbers.ts';

export function numberText(number: Pick<StoredNumber, 'value' | 'low' | 'high' | 'unit'>): string {
  const { unit } = number;
  // Shares and bytes bring units of their own.
  return formattedText(formatNumber(number, unit === undefined || unit === 'share' || unit === 'fraction' || unit === 'bytes' ? {} : { unit }));
}
