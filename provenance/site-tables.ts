/** The tables that a site publishes: read from CSV, and held against Parquet and DuckDB row by row. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { MOST_ROWS_SHOWN, PACKED, SCHEMA_FILE, csvName, schemaTables } from '../reports/tables.ts';
import { openWarehouse, sqlText } from '../reports/warehouse.ts';
import { tableRows } from '../reports/csv.ts';
import { DATABASE_FILE } from '../reports/exported-sizes.ts';
import type { Column } from '../reports/tables.ts';
import type { Row } from '../reports/num.ts';
import type { SiteFault, SiteFolder } from './site-folder.ts';

/** What a compressed table may unpack to. */
const MOST_UNPACKED = 2 ** 31 - 1;

export interface SiteTables {
  readonly columns: ReadonlyMap<string, readonly Column[]>;
  /** Of the tables that are no large ones. */
  readonly rows: ReadonlyMap<string, readonly Row[]>;
  /** Of large ones the beginning, as far as a page may show it. */
  readonly heads: ReadonlyMap<string, readonly Row[]>;
  /** Of large ones how many rows they have. */
  readonly counts: ReadonlyMap<string, number>;
  readonly faults: readonly SiteFault[];
}

export function siteTables(site: SiteFolder): SiteTables {
  const faults: SiteFault[] = [];
  const [rows, heads] = [new Map<string, readonly Row[]>(), new Map<string, readonly Row[]>()];
  const counts = new Map<string, number>();
  let columns: ReadonlyMap<string, readonly Column[]> = new Map();
  try {
    columns = schemaTables(site.read(SCHEMA_FILE)?.toString('utf8') ?? '');
  } catch (error) {
    faults.push({ file: SCHEMA_FILE, what: (error as Error).message });
  }
  for (const [table, own] of columns) {
    const file = `data/${csvName(table)}`;
    try {
      const bytes = site.read(file);
      if (bytes === undefined) continue;
      if (PACKED.has(table)) {
        const { head, lines } = headOf(bytes);
        heads.set(table, tableRows(head, own));
        counts.set(table, lines - 1);
      }
      else rows.set(table, tableRows(bytes.toString('utf8'), own));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      faults.push({ file, what: error.message });
    }
  }
  return { columns, rows, heads, counts, faults };
}

/** The first lines of what is compressed, and how many it has. That it is whole is seen where its forms are compared: here it may be damaged. */
function headOf(bytes: Buffer): { readonly head: string; readonly lines: number } {
  let text: Buffer;
  try {
    text = gunzipSync(bytes, { maxOutputLength: MOST_UNPACKED });
  } catch (error) {
    throw new SyntaxError(`it cannot be unpacked: ${(error as Error).message}`);
  }
  let lines = 0, shown = text.length;
  // Its rows are of numbers and names: none is longer than its line.
  for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, end + 1)) if (lines++ === MOST_ROWS_SHOWN) shown = end + 1;
  return { head: text.subarray(0, shown).toString('utf8'), lines };
}

/**
 * Rows of each table in Parquet and DuckDB that the CSV has not, and the other way round. Only files in `sound` are opened: a flipped bit
 * in a Parquet may be read in silence.
 */
export async function compareForms(folder: string, { columns, rows }: Pick<SiteTables, 'columns' | 'rows'>, sound: ReadonlySet<string>): Promise<readonly SiteFault[]> {
  const faults: SiteFault[] = [];
  const scratch = mkdtempSync(join(tmpdir(), 'bitwidth-check-'));
  const reason = (error: unknown): string => (error as Error).message.replaceAll(scratch, '').split('\n')[0]!;
  try {
    const warehouse = await openWarehouse({ schema: 'SELECT 1', rows: new Map(), scratch });
    try {
      const copy = (file: string): string => {
        const to = join(scratch, file.replaceAll('/', '-'));
        copyFileSync(join(folder, file), to);
        return sqlText(to);
      };
      const withDatabase = sound.has(DATABASE_FILE);
      if (withDatabase) {
        try {
          await warehouse.execute(`ATTACH ${copy(DATABASE_FILE)} AS published (READ_ONLY)`);
        } catch (error) {
          faults.push({ file: DATABASE_FILE, what: `it cannot be read: ${reason(error)}` });
          return faults;
        }
      }
      for (const [table, own] of columns) {
        const csv = `data/${csvName(table)}`, parquet = `data/${table}.parquet`;
        if (!sound.has(csv)) continue;
        // Of nothing there is nothing to compare but that it is nothing elsewhere, too.
        const empty = rows.get(table)?.length === 0;
        const read = `csv_${table}`;
        try {
          if (!empty) await warehouse.execute(`CREATE TEMP TABLE ${read} AS SELECT * FROM read_csv(${copy(csv)}, header = true, allow_quoted_nulls = false, columns = {${own.map(({ name, type }) => `${sqlText(name)}: '${type.endsWith('[]') ? 'VARCHAR' : type}'`).join(', ')}})`);
        } catch (error) {
          faults.push({ file: csv, what: `it cannot be read: ${reason(error)}` });
          continue;
        }
        const selected = own.map(({ name, type }) => type.endsWith('[]') ? `CAST("${name}" AS VARCHAR) AS "${name}"` : `"${name}"`).join(', ');
        const others = [...(sound.has(parquet) ? [[parquet, `read_parquet(${copy(parquet)})`] as const] : []), ...(withDatabase ? [[DATABASE_FILE, `published."${table}"`] as const] : [])];
        for (const [file, source] of others) {
          try {
            const other = `(SELECT ${selected} FROM ${source})`;
            const [answer] = await warehouse.query(empty ? `SELECT 0 AS less, (SELECT count(*) FROM ${source}) AS more` : `SELECT (SELECT count(*) FROM (FROM ${read} EXCEPT ALL FROM ${other})) AS less, (SELECT count(*) FROM (FROM ${other} EXCEPT ALL FROM ${read})) AS more`);
            const { less, more } = answer!;
            if (less !== 0 || more !== 0) faults.push({ file, what: `table ${table}`, expected: `the rows of ${csv}`, found: `${String(more)} other rows, and ${String(less)} of those not` });
          } catch (error) {
            faults.push({ file, what: `table ${table} cannot be read: ${reason(error)}` });
          }
        }
      }
    } finally {
      warehouse.close();
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return faults;
}
