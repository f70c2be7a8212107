/** The tables, records and schema that a site publishes, read by a page. */
import { tableRows } from '../csv.ts';
import { RECORDS_FILE } from '../records-file.ts';
import { PACKED, SCHEMA_FILE, csvName, schemaTables } from '../tables.ts';
import { textOf } from './objects.ts';
import type { Row } from '../num.ts';
import type { Column } from '../tables.ts';
import type { PublishedCell, RecordLine } from '../records-file.ts';
import type { CheckContext } from './checks.ts';

type Source = Pick<CheckContext, 'file' | 'sentUnpacked'>;

/** What a page reads of a site to check its numbers. */
export const TABLE_FILE = /^data\/(?:\w+\.csv(?:\.gz)?|schema\.sql|records\.ndjson\.gz|drawn-with\.json)$/;

/** The text of a packed file, which a server may have unpacked on its way. Throws SyntaxError where it is damaged. */
async function unpacked({ file, sentUnpacked }: Source, path: string): Promise<string> {
  const bytes = await file(path);
  if (sentUnpacked(path)) return textOf(bytes);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  try {
    return textOf(new Uint8Array(await new Response(stream).arrayBuffer()));
  } catch {
    throw new SyntaxError('it cannot be unpacked');
  }
}

/** Text of data/schema.sql. */
export const publishedSchema = async ({ file }: Pick<Source, 'file'>): Promise<string> => textOf(await file(SCHEMA_FILE));

/** Every table that this schema names and the site has; of them those that are `wanted`. Throws SyntaxError, naming the file, where one does not fit it. */
export async function publishedTables(context: Pick<CheckContext, 'file' | 'sentUnpacked' | 'plan' | 'progress' | 'signal'>, schema: string, wanted: (table: string) => boolean = () => true): Promise<ReadonlyMap<string, readonly Row[]>> {
  const columns = await named(SCHEMA_FILE, async () => columnsIn(schema));
  const there = [...columns].filter(([table]) => wanted(table) && (context.plan.files === undefined || Object.hasOwn(context.plan.files, `data/${csvName(table)}`)));
  const tables = new Map<string, readonly Row[]>();
  for (const [table, own] of there) {
    context.signal.throwIfAborted();
    tables.set(table, await readTable(context, table, own));
    context.progress(tables.size, there.length, 'tables read');
  }
  return tables;
}

function columnsIn(schema: string): ReadonlyMap<string, readonly Column[]> {
  try {
    return schemaTables(schema);
  } catch (error) {
    throw new SyntaxError((error as Error).message);
  }
}

function readTable(source: Source, table: string, columns: readonly Column[]): Promise<readonly Row[]> {
  const path = `data/${csvName(table)}`;
  return named(path, async () => tableRows(PACKED.has(table) ? await unpacked(source, path) : textOf(await source.file(path)), columns));
}

/** The lines of the records. Throws SyntaxError. */
export function publishedLines(source: Source): Promise<readonly RecordLine[]> {
  return named(RECORDS_FILE, async () => (await unpacked(source, RECORDS_FILE)).split('\n').flatMap((line) => {
    const value = line === '' ? undefined : JSON.parse(line) as RecordLine;
    return value?.is === 'closure' || (value?.is === 'cell' && typeof value.cell === 'string' && typeof value.inputs === 'object') ? [value] : [];
  }));
}

/** The cells of the records. Throws SyntaxError. */
export const publishedCells = async (source: Source): Promise<readonly PublishedCell[]> => cellsIn(await publishedLines(source));
export const cellsIn = (lines: readonly RecordLine[]): readonly PublishedCell[] => lines.flatMap((line) => line.is === 'cell' ? [line] : []);

async function named<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof SyntaxError) throw new SyntaxError(`${path}: ${error.message}`);
    throw error;
  }
}
