/** What a site writes of its tables and records (its pages, those of cells, the macros for TeX, what it says as a work), drawn again from them. */
import { artifactFiles } from './artifact.ts';
import { cellPages, columnsListed } from './cell-page.ts';
import { drawPage } from './draw.ts';
import { exportedSizes } from './exported-sizes.ts';
import { ARTIFACT_FILE, CITATION_FILE, DRAWN_WITH_FILE, TEX_FILE } from './drawn-with-file.ts';
import { texFile } from './numbers-tex.ts';
import { cellPath } from './num.ts';
import { pointsOf } from './page-points.ts';
import { pages } from './pages.ts';
import { provenanceIn } from './records-file.ts';
import { rowsByCell } from './rows-by-cell.ts';
import { BULK, PACKED, schemaTables, schemaWords } from './tables.ts';
import { tallyOf } from './tally.ts';
import type { DrawnWith } from './drawn-with-file.ts';
import type { Given, Tables } from './draw.ts';
import type { Row } from './num.ts';
import type { PageInput } from './page.ts';
import type { ReportPoints } from './page-points.ts';
import type { RecordLine } from './records-file.ts';

/** What a site publishes, read back. */
export interface PublishedSite {
  /** Text of data/schema.sql. */
  readonly schema: string;
  /** Table -> rows, in their order; of large tables the beginning may do. */
  readonly rows: ReadonlyMap<string, readonly Row[]>;
  /** Of tables whose beginning alone is in `rows`: how many there are. */
  readonly counts?: ReadonlyMap<string, number>;
  readonly lines: readonly RecordLine[];
  readonly drawnWith: DrawnWith;
  /** Path -> bytes, of every file. */
  readonly files: { readonly [path: string]: number };
}

/** Path -> what stands there, drawn when it is asked for; what the drawing throws. */
export type Redrawn = ReadonlyMap<string, () => string | Promise<string>>;

export function redrawn({ schema, rows, counts = new Map(), lines, drawnWith, files }: PublishedSite): Redrawn {
  const columns = schemaTables(schema), items = provenanceIn(lines), names = Object.keys(drawnWith.tables);
  const { verdicts, about } = drawnWith, tally = tallyOf(items);
  const namedIn = (table: string, column: string): readonly string[] => [...new Set((rows.get(table) ?? []).map((row) => String(row[column])))];
  // The table's too: a list that leaves one out does not take its mark from the pages.
  const errata = [...new Set([...drawnWith.errata, ...namedIn('errata', 'number')])];
  const given: Given = { ...tally, verdicts, records: items, words: schemaWords(schema), columns, sizes: exportedSizes(files, names), tableCells: new Map(Object.entries(drawnWith.tables)) };
  const tables: Tables = {
    rows: async <T extends Row>(table: string, most?: number) => (rows.get(table) ?? []).slice(0, most) as readonly Row[] as readonly T[],
    count: async (table) => counts.get(table) ?? rows.get(table)?.length ?? 0,
    query: () => { throw new Error('there is no DuckDB here'); },
  };
  const points: ReportPoints = { ...drawnWith, tables: names, errata, crate: about !== undefined };
  const paths = new Map<string, () => string | Promise<string>>();
  for (const page of pages) for (const { params } of pointsOf(page, points)) paths.set(page.path(params), () => drawPage(page, params, tables, pageGiven(page, given)));
  // Where a page of the register stands, none is a project's own.
  const nameable: ReportPoints = { ...points, formats: namedIn('formats', 'format'), models: namedIn('models', 'model'), peers: namedIn('peers', 'peer'), tables: [...columns.keys()] };
  for (const page of pages) for (const { params } of pointsOf(page, nameable)) {
    const path = page.path(params);
    if (Object.hasOwn(files, path) && !paths.has(path)) paths.set(path, () => { throw new Error(`${DRAWN_WITH_FILE} does not name what it is about`); });
  }
  let cells: ReturnType<typeof cellPages> | undefined;
  const cellPage = (): ReturnType<typeof cellPages> => cells ??= cellPages({
    items, verdicts, errata: new Set(errata), accepted: tally.accepted, omitted: new Map(Object.entries(drawnWith.omitted)),
    rows: new Map(names.filter((table) => !PACKED.has(table)).map((table) => [table, rowsByCell(listed(rows.get(table) ?? [], columnsListed(table, columns.get(table) ?? [])))])),
  });
  for (const item of items) paths.set(cellPath(item.cell), () => cellPage()(item));
  for (const path of Object.keys(files)) if (path.startsWith('cells/') && path.endsWith('.html') && !paths.has(path)) paths.set(path, () => { throw new Error('no record names its cell'); });
  paths.set(TEX_FILE, () => texFile(names.filter((table) => !BULK.has(table)).map((table) => [table, rows.get(table) ?? []])));
  for (const file of [ARTIFACT_FILE, CITATION_FILE]) {
    if (about !== undefined) paths.set(file, () => artifactFiles(about, rows.get('claims') ?? [], items).get(file)!);
    else if (Object.hasOwn(files, file)) paths.set(file, () => { throw new Error(`${DRAWN_WITH_FILE} does not say what the report is as a work`); });
  }
  return paths;
}

/** What a page does not ask for it is not given. */
const pageGiven = ({ counts, sizes, records }: { readonly counts?: boolean; readonly sizes?: boolean; readonly records?: boolean }, given: Given): Given =>
  ({ ...given, ...(counts ? {} : { counts: [] }), ...(sizes ? {} : { sizes: {} as PageInput['sizes'] }), ...(records ? {} : { records: [] }) });

const listed = (rows: readonly Row[], columns: readonly string[]): readonly Row[] => rows.map((row) => Object.fromEntries(columns.map((column) => [column, row[column] ?? null])));
