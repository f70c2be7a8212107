/**
 * The stage `exports`: every table as Parquet and CSV, in the order in which it was written, so that the files are the same
 * bytes each time; all of them in one DuckDB file, whose bytes are not (its rows are); and how large each file is.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '../stages/dag/index.ts';
import { PACKED, csvName } from './tables.ts';
import { readTables, text } from './task-tables.ts';
import { openWarehouse, sqlText } from './warehouse.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const schema = text(await io.input(cell, 'schema'));
    const rows = await readTables([cell], io);
    const warehouse = await openWarehouse({ schema, rows, scratch: io.scratch });
    try {
      const files = new Map<string, Uint8Array>([['data/schema.sql', new TextEncoder().encode(schema)]]);
      const write = async (name: string, sql: (path: string) => string): Promise<void> => {
        const path = join(io.scratch, name);
        await warehouse.execute(sql(sqlText(path)));
        files.set(`data/${name}`, await readFile(path));
      };
      let done = 0;
      for (const table of warehouse.tables.keys()) {
        await write(`${table}.parquet`, (path) => `COPY ${table} TO ${path} (FORMAT parquet, COMPRESSION zstd)`);
        await write(csvName(table), (path) => `COPY ${table} TO ${path} (FORMAT csv, HEADER${PACKED.has(table) ? ', COMPRESSION gzip' : ''})`);
        io.progress(++done, warehouse.tables.size, 'tables');
      }
      const database = join(io.scratch, 'results.duckdb');
      await warehouse.execute(`ATTACH ${sqlText(database)} AS results; COPY FROM DATABASE memory TO results; DETACH results`);
      const whole = await readFile(database);
      // DuckDB fills its file in blocks: whole megabytes are what is the same each time.
      const sizes = { ...Object.fromEntries([...files].map(([name, bytes]) => [name, bytes.length])), 'data/results.duckdb': Math.max(1, Math.round(whole.length / 1e6)) * 1e6 };
      await io.commit(cell.id, { files: { tree: files }, database: { tree: new Map([['data/results.duckdb', whole]]) }, sizes: JSON.stringify(sizes) });
    } finally {
      warehouse.close();
    }
  }
};
