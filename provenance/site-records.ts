/** The records that a site publishes, read and held among themselves. */
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { recordFaults } from '../reports/records-check.ts';
import { RECORDS_FILE } from '../reports/records-file.ts';
import { rowFaults } from '../reports/rows-check.ts';
import { sourceFaults } from '../reports/sources-check.ts';
import { csvName } from '../reports/tables.ts';
import type { Row } from '../reports/num.ts';
import type { PublishedCell, RecordLine } from '../reports/records-file.ts';
import type { SiteFault, SiteFolder } from './site-folder.ts';

export interface SiteRecords { readonly lines: readonly RecordLine[]; readonly cells: ReadonlyMap<string, PublishedCell>; readonly faults: readonly SiteFault[] }

const MOST_BYTES = 2 ** 30;

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** `tables`: rows that are held to them, of large tables the beginning. */
export async function siteRecords(site: SiteFolder, tables: ReadonlyMap<string, readonly Row[]>): Promise<SiteRecords> {
  const lines: RecordLine[] = [], faults: SiteFault[] = [];
  const cells = new Map<string, PublishedCell>();
  const bytes = site.read(RECORDS_FILE);
  if (bytes === undefined) return { lines, cells, faults };
  try {
    for (const text of gunzipSync(bytes, { maxOutputLength: MOST_BYTES }).toString('utf8').split('\n')) {
      if (text === '') continue;
      const line = JSON.parse(text) as RecordLine;
      if (line.is === 'cell' && typeof line.cell === 'string' && typeof line.inputs === 'object') cells.set(line.cell, line);
      else if (line.is !== 'closure') continue;
      lines.push(line);
    }
    faults.push(...(await recordFaults(lines, cells.values(), hashOf)).map((fault) => ({ file: RECORDS_FILE, ...fault })));
    faults.push(...rowFaults(tables, cells).map(({ table, ...fault }) => ({ file: `data/${csvName(table)}`, ...fault })));
    faults.push(...(await sourceFaults(tables.get('sources') ?? [], cells, hashOf)).map((fault) => ({ file: `data/${csvName('sources')}`, ...fault })));
  } catch (error) {
    // Whatever its lines hold: a file of ours has no such.
    faults.push({ file: RECORDS_FILE, what: `it cannot be read: ${(error as Error).message}` });
  }
  return { lines, cells, faults };
}
