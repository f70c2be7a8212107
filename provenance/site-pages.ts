/** What a site shows: drawn again from its tables and records, byte for byte, where this version wrote it; every number its table's; every link leads somewhere. */
import { DRAWN_WITH_FILE, readDrawnWith } from '../reports/drawn-with-file.ts';
import { PageCheck, isPage } from '../reports/page-check.ts';
import { namedNumbers } from '../reports/page-numbers.ts';
import { makeProgram } from '../reports/program.ts';
import { redrawn } from '../reports/redraw.ts';
import { PAGES_PARTS, PAGES_PROGRAM } from '../reports/pages-parts.ts';
import { SCHEMA_FILE } from '../reports/tables.ts';
import type { Redrawn } from '../reports/redraw.ts';
import type { SiteFault, SiteFolder } from './site-folder.ts';
import type { SiteRecords } from './site-records.ts';
import type { SiteTables } from './site-tables.ts';

export interface PagesChecked {
  readonly pages: number;
  readonly numbers: number;
  readonly links: number;
  /** Files that were drawn again and are the same; null where another version wrote the site, whose words may be others. */
  readonly drawn: number | null;
  /** Pages that nothing draws again, where others were: a project's own. */
  readonly bare: readonly string[];
  readonly faults: readonly SiteFault[];
}

export async function checkPages(site: SiteFolder, tables: SiteTables, records: SiteRecords): Promise<PagesChecked> {
  const faults: SiteFault[] = [];
  const again = await drawnAgain(site, tables, records, faults);
  const check = new PageCheck(again ?? new Map(), () => namedNumbers([...tables.rows, ...tables.heads]));
  let pages = 0, numbers = 0, drawn = 0;
  for (const path of site.files.keys()) {
    if (!isPage(path) && again?.has(path) !== true) continue;
    const looked = await check.look(path, site.read(path)!.toString('utf8'));
    if (path.endsWith('.html')) pages++;
    if (looked.same) drawn++;
    numbers += looked.numbers;
  }
  const has = (path: string): boolean => site.files.has(path);
  await check.missing(has);
  check.brokenLinks(has);
  return { pages, numbers, links: check.links.length, ...(again === undefined ? { drawn: null, bare: [] } : { drawn, bare: check.bare }), faults: [...faults, ...check.faults] };
}

/** Made once a process. */
let own: Promise<Uint8Array> | undefined;
const ownProgram = (): Promise<Uint8Array> => own ??= makeProgram(PAGES_PARTS).then(({ script }) => script);

/** Undefined where another version wrote it: the program that it was written with, and that it publishes for its readers, is not what these modules make. */
async function drawnAgain(site: SiteFolder, { rows, heads, counts }: SiteTables, { lines }: SiteRecords, faults: SiteFault[]): Promise<Redrawn | undefined> {
  const [program, list, schema] = [PAGES_PROGRAM, DRAWN_WITH_FILE, SCHEMA_FILE].map((path) => site.read(path));
  if (program?.equals(await ownProgram()) !== true) return undefined;
  if (list === undefined) faults.push({ file: DRAWN_WITH_FILE, what: 'missing', expected: 'a file of the site', found: 'nothing' });
  if (list === undefined || schema === undefined) return new Map();
  try {
    return redrawn({ schema: schema.toString('utf8'), rows: new Map([...rows, ...heads]), counts, lines, drawnWith: readDrawnWith(list.toString('utf8')), files: Object.fromEntries(site.files) });
  } catch (error) {
    faults.push({ file: DRAWN_WITH_FILE, what: `the pages cannot be drawn again: ${(error as Error).message}` });
    return new Map();
  }
}
