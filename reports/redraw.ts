/** What a site writes of its tables and records (its pages, those of cells, the macros for TeX, what it says as a work), drawn again from them. */
import type { CellProvenance } from '../stages/dag/index.ts';
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

type Draw = () => string | Promise<string>;

/** Path -> what stands there, drawn when it is asked for; what the drawing throws. */
export type Redrawn = ReadonlyMap<string, Draw>;

export function redrawn(site: PublishedSite): Redrawn {
  const items = provenanceIn(site.lines), tally = tallyOf(items), columns = schemaTables(site.schema);
  // The table's too: a list that leaves one out does not take its mark from the pages.
  const errata = [...new Set([...site.drawnWith.errata, ...namedIn(site, 'errata', 'number')])];
  const read: Read = { items, tally, columns, errata };
  const drawn = new Map([...reportPages(site, read), ...pagesOfCells(site, read), ...besidePages(site, read)]);
  for (const [path, why] of owned(site, read)) if (Object.hasOwn(site.files, path) && !drawn.has(path)) drawn.set(path, () => { throw new Error(why); });
  return drawn;
}

/** What is read of the site once, for all that is drawn. */
interface Read { readonly items: readonly CellProvenance[]; readonly tally: ReturnType<typeof tallyOf>; readonly columns: ReturnType<typeof schemaTables>; readonly errata: readonly string[] }

const namedIn = ({ rows }: Pick<PublishedSite, 'rows'>, table: string, column: string): readonly string[] => [...new Set((rows.get(table) ?? []).map((row) => String(row[column])))];

function* reportPages({ schema, rows, counts = new Map(), drawnWith, files }: PublishedSite, { items, tally, columns, errata }: Read): Generator<[string, Draw]> {
  const names = Object.keys(drawnWith.tables), { verdicts } = drawnWith;
  const given: Given = { ...tally, verdicts, records: items, words: schemaWords(schema), columns, sizes: exportedSizes(files, names), tableCells: new Map(Object.entries(drawnWith.tables)) };
  const tables: Tables = {
    rows: async <T extends Row>(table: string, most?: number) => (rows.get(table) ?? []).slice(0, most) as readonly Row[] as readonly T[],
    count: async (table) => counts.get(table) ?? rows.get(table)?.length ?? 0,
    query: () => { throw new Error('there is no DuckDB here'); },
  };
  for (const page of pages) for (const { params } of pointsOf(page, pointsNamed(drawnWith, errata))) yield [page.path(params), () => drawPage(page, params, tables, pageGiven(page, given))];
}

const pointsNamed = ({ formats, models, peers, tables, about }: DrawnWith, errata: readonly string[]): ReportPoints => ({ formats, models, peers, errata, tables: Object.keys(tables), crate: about !== undefined });

function* pagesOfCells({ rows, drawnWith: { tables, verdicts, omitted } }: PublishedSite, { items, tally, columns, errata }: Read): Generator<[string, Draw]> {
  const listed = (table: string): readonly Row[] => {
    const names = columnsListed(table, columns.get(table) ?? []);
    return (rows.get(table) ?? []).map((row) => Object.fromEntries(names.map((name) => [name, row[name] ?? null])));
  };
  let made: ReturnType<typeof cellPages> | undefined;
  const page = (): ReturnType<typeof cellPages> => made ??= cellPages({
    items, verdicts, errata: new Set(errata), accepted: tally.accepted, omitted: new Map(Object.entries(omitted)),
    rows: new Map(Object.keys(tables).filter((table) => !PACKED.has(table)).map((table) => [table, rowsByCell(listed(table))])),
  });
  for (const item of items) yield [cellPath(item.cell), () => page()(item)];
}

/** What the report has beside its pages. */
function* besidePages({ rows, drawnWith: { tables, about } }: PublishedSite, { items }: Read): Generator<[string, Draw]> {
  yield [TEX_FILE, () => texFile(Object.keys(tables).filter((table) => !BULK.has(table)).map((table) => [table, rows.get(table) ?? []]))];
  if (about !== undefined) for (const file of [ARTIFACT_FILE, CITATION_FILE]) yield [file, () => artifactFiles(about, rows.get('claims') ?? [], items).get(file)!];
}

/** Where what stands is the report's own and no project's, although nothing draws it: the path, and why nothing does. */
function* owned(site: PublishedSite, { columns, errata }: Read): Generator<[string, string]> {
  const named = pointsNamed(site.drawnWith, errata);
  const nameable: ReportPoints = { ...named, formats: namedIn(site, 'formats', 'format'), models: namedIn(site, 'models', 'model'), peers: namedIn(site, 'peers', 'peer'), tables: [...columns.keys()] };
  for (const page of pages) for (const { params } of pointsOf(page, nameable)) yield [page.path(params), `${DRAWN_WITH_FILE} does not name what it is about`];
  for (const path of Object.keys(site.files)) if (path.startsWith('cells/') && path.endsWith('.html')) yield [path, 'no record names its cell'];
  for (const file of [ARTIFACT_FILE, CITATION_FILE]) yield [file, `${DRAWN_WITH_FILE} does not say what the report is as a work`];
}

/** What a page does not ask for it is not given. */
const pageGiven = ({ counts, sizes, records }: { readonly counts?: boolean; readonly sizes?: boolean; readonly records?: boolean }, given: Given): Given =>
  ({ ...given, ...(counts ? {} : { counts: [] }), ...(sizes ? {} : { sizes: {} as PageInput['sizes'] }), ...(records ? {} : { records: [] }) });
