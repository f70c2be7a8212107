/** Published rows held to the records, as check-site holds them: files from outside, and what both say of a cell. */
import { count } from '../../stages/dag/index.ts';
import { rowFaults } from '../rows-check.ts';
import { sourceFaults } from '../sources-check.ts';
import { csvName } from '../tables.ts';
import { sha256Of } from './objects.ts';
import { faultFindings } from './records.ts';
import type { Row } from '../num.ts';
import type { PublishedCell } from '../records-file.ts';
import type { Finding } from './checks.ts';

export async function sourceFindings(rows: readonly Row[], cells: readonly PublishedCell[]): Promise<readonly Finding[]> {
  const encoder = new TextEncoder(), file = `data/${csvName('sources')}`;
  try {
    const faults = await sourceFaults(rows, byId(cells), (text) => sha256Of(encoder.encode(text)));
    if (faults.length === 0 && rows.length > 0) return [{ verdict: 'equal', what: `${count(rows.length, 'source')}: hash, size, origin and licence as the records have them` }];
    return faultFindings(faults.map((fault) => ({ ...fault, file })), `in ${file}`);
  } catch (error) {
    // Whatever rows and lines of somebody else's make it.
    return [{ verdict: 'differs', what: `${file} cannot be held to the records`, detail: (error as Error).message }];
  }
}

/** Differences alone: that all agree is what the pages show. `own`: the cells that it is about. */
export const rowFindings = (tables: ReadonlyMap<string, readonly Row[]>, own: readonly PublishedCell[]): readonly Finding[] =>
  faultFindings(rowFaults(tables, byId(own)).map(({ table, ...fault }) => ({ ...fault, file: `data/${csvName(table)}` })), 'between rows and records');

const byId = (cells: readonly PublishedCell[]): ReadonlyMap<string, PublishedCell> => new Map(cells.map((cell) => [cell.cell, cell]));
