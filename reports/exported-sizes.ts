/** How large the files of the tables are, as pages say it. */
import { csvName } from './tables.ts';
import type { PageInput } from './page.ts';

export const DATABASE_FILE = 'data/results.duckdb';
/** DuckDB fills its file in blocks: whole megabytes are what is the same each time. */
export const databaseBytes = (bytes: number): number => Math.max(1, Math.round(bytes / 1e6)) * 1e6;

/** Of a site with these files, path -> bytes. */
export function exportedSizes(files: { readonly [path: string]: number }, tables: Iterable<string>): PageInput['sizes'] {
  const paths = [DATABASE_FILE, ...Array.from(tables, (table) => [`data/${table}.parquet`, `data/${csvName(table)}`]).flat()];
  return Object.fromEntries(paths.flatMap((path) => Object.hasOwn(files, path) ? [[path, path === DATABASE_FILE ? databaseBytes(files[path]!) : files[path]!]] : []));
}
