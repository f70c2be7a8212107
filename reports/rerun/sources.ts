/** The files from outside that the report names, held to the records as check-site holds them. */
import { count } from '../../stages/dag/index.ts';
import { sourceFaults } from '../sources-check.ts';
import { csvName } from '../tables.ts';
import { sha256Of } from './objects.ts';
import type { Row } from '../num.ts';
import type { PublishedCell } from '../records-file.ts';
import type { Finding } from './checks.ts';

/** Differences are told up to this many. */
const TOLD = 20;

export async function sourceFindings(rows: readonly Row[], cells: readonly PublishedCell[]): Promise<readonly Finding[]> {
  const encoder = new TextEncoder(), file = `data/${csvName('sources')}`;
  try {
    const faults = await sourceFaults(rows, new Map(cells.map((cell) => [cell.cell, cell])), (text) => sha256Of(encoder.encode(text)));
    if (faults.length === 0) return rows.length === 0 ? [] : [{ verdict: 'equal', what: `${count(rows.length, 'source')}: hash, size, origin and licence as the records have them` }];
    const told = faults.slice(0, TOLD).map(({ what, expected, found }): Finding => ({ verdict: 'differs', what: `${file}: ${what}`, detail: `it says ${found ?? 'nothing'}, and it should be ${expected ?? 'nothing'}` }));
    return faults.length > TOLD ? [...told, { verdict: 'differs', what: `and ${faults.length - TOLD} more differences in ${file}` }] : told;
  } catch (error) {
    // Whatever rows and lines of somebody else's make it.
    return [{ verdict: 'differs', what: `${file} cannot be held to the records`, detail: (error as Error).message }];
  }
}
