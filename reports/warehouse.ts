/**
 * The warehouse: the study's tables in DuckDB, in memory. The only file that knows DuckDB.
 *
 * One thread, because sums of doubles depend on how many there are; no extension is ever installed or loaded; after
 * loading, nothing outside the given folder can be read or written by any SQL, a page's or a claim's.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import type { Row } from './num.ts';
import { schemaTables } from './tables.ts';
import type { Column } from './tables.ts';

export interface Warehouse {
  /** Names of schema.sql's tables -> columns. */
  readonly tables: ReadonlyMap<string, readonly Column[]>;
  /**
   * Rows of one SELECT as plain values: BIGINT as number when it is safe (else bigint), lists as arrays.
   * `parameters` fill $name. With `allowed`, a query that reads another table throws (a page declares its tables).
   */
  query<T extends Row = Row>(sql: string, parameters?: { readonly [name: string]: string | number | null }, allowed?: readonly string[]): Promise<T[]>;
  /** Those of schema.sql's tables that a statement reads. Throws Error with DuckDB's words where it is none. */
  tablesIn(sql: string): readonly string[];
  /**
   * What a person asks: one statement that only reads, of its rows at most so many. Values as JSON has them (what JSON has not, such as a number beyond
   * 2^53, as text). Throws Error with DuckDB's words, or why it is none such.
   */
  ask(sql: string, most: number): Promise<Asked>;
  /** Runs statements without a result (COPY, ATTACH). Files that they name must lie in `scratch`. */
  execute(sql: string): Promise<void>;
  close(): void;
}

/** Rows in the order of the answer, values in the order of `columns`. */
export interface Asked { readonly columns: readonly string[]; readonly rows: readonly (readonly unknown[])[]; /** There are more rows than were wanted. */ readonly more: boolean }

export interface WarehouseOptions {
  /** Text of data/schema.sql. */
  readonly schema: string;
  /** Table -> its rows as NDJSON. Tables not named stay empty. */
  readonly rows: ReadonlyMap<string, Uint8Array | string>;
  /** A folder for temporary files, and the only one that SQL may touch afterwards. Not removed. */
  readonly scratch: string;
}

export const sqlText = (value: string): string => `'${value.replaceAll("'", "''")}'`;

const HALF = Buffer.from('\\ud');
/**
 * Rows whose texts are text: JSON may escape half a surrogate pair (what a model wrote may end inside a character), which is no character and which
 * DuckDB refuses; it becomes U+FFFD, as a decoder of UTF-8 would have it. An escaped backslash before "ud800" is left alone.
 */
function wellFormed(ndjson: Uint8Array | string): Uint8Array | string {
  const bytes = Buffer.from(ndjson as string);
  if (!bytes.includes(HALF)) return ndjson;
  return bytes.toString().replace(/\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|u[\da-fA-F]{4}|[^u])/g, (escape) => (escape.length === 6 && /^\\u[dD][89a-fA-F]/.test(escape) ? '\\ufffd' : escape));
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value !== null && typeof value === 'object' && 'items' in value && Array.isArray(value.items)) return value.items.map(plain);
  if (value !== null && typeof value === 'object' && 'scale' in value && 'toDouble' in value) return (value as { toDouble(): number }).toDouble();
  return value;
}

/**
 * The rows of a Parquet or DuckDB file as CSV, table by table: what its compressed columns say. `scratch`: the folder of the file, and the only one that
 * is touched. Throws what DuckDB says of a file that it cannot read.
 */
export async function dumpedTables(file: string, kind: 'parquet' | 'duckdb', scratch: string): Promise<readonly { readonly table: string; readonly csv: Uint8Array }[]> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', autoinstall_known_extensions: 'false', autoload_known_extensions: 'false', temp_directory: join(scratch, 'spill') });
  const connection = await instance.connect();
  try {
    const names = async (sql: string): Promise<string[]> => (await connection.runAndReadAll(sql)).getRows().map(([name]) => String(name));
    if (kind === 'duckdb') await connection.run(`ATTACH ${sqlText(file)} AS file (READ_ONLY)`);
    await connection.run(`SET allowed_directories = [${sqlText(scratch)}]`);
    await connection.run('SET enable_external_access = false');
    await connection.run('SET lock_configuration = true');
    const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
    const tables = kind === 'parquet' ? ['rows'] : await names("SELECT table_name FROM information_schema.tables WHERE table_catalog = 'file' ORDER BY table_name");
    const dumped: { table: string; csv: Uint8Array }[] = [];
    for (const table of tables) {
      const path = join(scratch, 'rows.csv');
      await connection.run(`COPY (SELECT * FROM ${kind === 'parquet' ? `read_parquet(${sqlText(file)})` : `file.${quoted(table)}`}) TO ${sqlText(path)} (FORMAT csv, HEADER)`);
      dumped.push({ table, csv: await readFile(path) });
      await rm(path);
    }
    return dumped;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Opens a warehouse and loads it. Throws Error naming the table when its rows do not fit the schema. */
export async function openWarehouse({ schema, rows, scratch }: WarehouseOptions): Promise<Warehouse> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const tables = schemaTables(schema);
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '1', preserve_insertion_order: 'true', autoinstall_known_extensions: 'false', autoload_known_extensions: 'false',
    temp_directory: join(scratch, 'spill'),
  });
  const connection: DuckDBConnection = await instance.connect();
  const close = (): void => { connection.closeSync(); instance.closeSync(); };
  try {
    await connection.run(schema);
    for (const [table, ndjson] of rows) {
      const columns = tables.get(table);
      if (!columns) throw new Error(`table ${table} is not in data/schema.sql; tables are ${[...tables.keys()].join(', ')}`);
      if (ndjson.length === 0) continue;
      const file = join(scratch, `${table}.ndjson`);
      await writeFile(file, wellFormed(ndjson));
      const types = columns.map((c) => `${sqlText(c.name)}: ${sqlText(c.type)}`).join(', ');
      try {
        await connection.run(`INSERT INTO ${table} SELECT * FROM read_json(${sqlText(file)}, format = 'newline_delimited', columns = {${types}})`);
      } catch (error) {
        throw new Error(`rows of table ${table} do not fit data/schema.sql: ${(error as Error).message.replaceAll(scratch, '').split('\n')[0]}`);
      }
    }
    // Order matters: allowed_directories cannot be widened once external access is off, and neither can be undone.
    await connection.run(`SET allowed_directories = [${sqlText(scratch)}]`);
    await connection.run('SET enable_external_access = false');
  } catch (error) {
    close();
    throw error;
  }
  return {
    tables,
    async query<T extends Row>(sql: string, parameters?: { readonly [name: string]: string | number | null }, allowed?: readonly string[]) {
      if (allowed) {
        const undeclared = connection.getTableNames(sql, false).filter((table) => tables.has(table) && !allowed.includes(table));
        if (undeclared.length > 0) throw new Error(`the query reads ${undeclared.join(', ')}, which its page does not declare; add it to the page's tables`);
      }
      const reader = await connection.runAndReadAll(sql, parameters as Record<string, DuckDBValue> | undefined);
      return reader.getRowObjects().map((row) => {
        const out: { [column: string]: unknown } = {};
        for (const [column, value] of Object.entries(row)) out[column] = plain(value);
        return out as T;
      });
    },
    tablesIn: (sql) => connection.getTableNames(sql, false).filter((table) => tables.has(table)),
    async ask(sql, most) {
      const { StatementType } = await import('@duckdb/node-api');
      const statements = await connection.extractStatements(sql);
      if (statements.count !== 1) throw new Error(`it holds ${statements.count} statements; give one`);
      const statement = await statements.prepare(0);
      if (statement.statementType !== StatementType.SELECT && statement.statementType !== StatementType.EXPLAIN) throw new Error('it does more than read; give a SELECT (or DESCRIBE, SHOW, EXPLAIN)');
      const reader = await statement.streamAndReadUntil(most + 1);
      const whole = reader.columnTypes().map((type) => String(type).endsWith('INT'));
      const rows = reader.getRowsJson().slice(0, most).map((row) => row.map((value, i) => (whole[i] && typeof value === 'string' && Number.isSafeInteger(Number(value)) ? Number(value) : value)));
      return { columns: reader.deduplicatedColumnNames(), rows, more: reader.currentRowCount > most };
    },
    async execute(sql) { await connection.run(sql); },
    close,
  };
}
