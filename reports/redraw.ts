/** What a site writes of its tables and records (its pages, those of cells, the macros for TeX, what it says as a work), drawn again from them. */
import { artifactFiles } from './artifact.ts';
import { cellPages, columnsListed } from './cell-page.ts';
import { drawPage } from './draw.ts';
import { exportedSizes } from './exported-sizes.ts';
import { ARTIFACT_FILE, CITATION_FILE, TEX_FILE } from './drawn-with-file.ts';
import { texFile } from './numbers-tex.ts';
import { cellPath } from './num.ts';
import { pages } from './pages.ts';
import { provenanceIn } from './records-file.ts';
import { rowsByCell } from './rows-by-cell.ts';
import { BULK, PACKED, schemaTables, schemaWords } from './tables.ts';
import { tallyOf } from './tally.ts';
import type { DrawnWith } from './drawn-with-file.ts';
import type { Given, Tables } from './draw.ts';
import type { Row } from './num.ts';
import type { PageInput } from './page.ts';
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
  const { verdicts, about } = drawnWith, errata = new Set(drawnWith.errata), tally = tallyOf(items);
  const given: Given = { ...tally, verdicts, records: items, words: schemaWords(schema), columns, sizes: exportedSizes(files, names), tableCells: new Map(Object.entries(drawnWith.tables)) };
  const tables: Tables = {
    rows: async <T extends Row>(table: string, most?: number) => (rows.get(table) ?? []).slice(0, most) as readonly Row[] as readonly T[],
    count: async (table) => counts.get(table) ?? rows.get(table)?.length ?? 0,
    query: () => { throw new Error('there is no DuckDB here'); },
  };
  const registered = new Map(pages.map((page) => [page.name, page]));
  const paths = new Map<string, () => string | Promise<string>>();
  for (const [path, { page: name, params }] of Object.entries(drawnWith.pages)) {
    const page = registered.get(name);
    if (page !== undefined) paths.set(path, () => drawPage(page, params, tables, pageGiven(page, given)));
  }
  let cells: ReturnType<typeof cellPages> | undefined;
  const cellPage = (): ReturnType<typeof cellPages> => cells ??= cellPages({
    items, verdicts, errata, accepted: tally.accepted, omitted: new Map(Object.entries(drawnWith.omitted)),
    rows: new Map(names.filter((table) => !PACKED.has(table)).map((table) => [table, rowsByCell(listed(rows.get(table) ?? [], columnsListed(table, columns.get(table) ?? [])))])),
  });
  for (const item of items) paths.set(cellPath(item.cell), () => cellPage()(item));
  paths.set(TEX_FILE, () => texFile(names.filter((table) => !BULK.has(table)).map((table) => [table, rows.get(table) ?? []])));
  if (about !== undefined) for (const file of [ARTIFACT_FILE, CITATION_FILE]) paths.set(file, () => artifactFiles(about, rows.get('claims') ?? [], items).get(file)!);
  return paths;
}

/** What a page does not ask for it is not given. */
const pageGiven = ({ counts, sizes, records }: { readonly counts?: boolean; readonly sizes?: boolean; readonly records?: boolean }, given: Given): Given =>
  ({ ...given, ...(counts ? {} : { counts: [] }), ...(sizes ? {} : { sizes: {} as PageInput['sizes'] }), ...(records ? {} : { records: [] }) });

const listed = (rows: readonly Row[], columns: readonly string[]): readonly Row[] => rows.map((row) => Object.fromEntries(columns.map((column) => [column, row[column] ?? null])));
