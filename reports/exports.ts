/**
 * The stage `exports`: tables as Parquet and CSV, in the order in which they were written, so that the files are the same bytes each
 * time; and how large each file is. A large table is a cell of its own, so that it need not wait for the others.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Run } from '../stages/dag/index.ts';
import { PACKED, csvName } from './tables.ts';
import { readTables, tablesOf, text } from './task-tables.ts';
import { openWarehouse, sqlText } from './warehouse.ts';

/** zlib's is twice as quick as DuckDB's own, in a thread of its own, and its header holds no time. */
const packed = promisify(gzip);

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const warehouse = await openWarehouse({ schema: text(await io.input(cell, 'schema')), rows: await readTables([cell], io), scratch: io.scratch });
    try {
      const files = new Map<string, Uint8Array>();
      const written = async (sql: (path: string) => string): Promise<Uint8Array> => {
        const path = join(io.scratch, 'table');
        await warehouse.execute(sql(sqlText(path)));
        return await readFile(path);
      };
      const tables = tablesOf(cell).map(([table]) => table);
      for (const [done, table] of tables.entries()) {
        files.set(`data/${table}.parquet`, await written((path) => `COPY ${table} TO ${path} (FORMAT parquet, COMPRESSION zstd)`));
        const csv = await written((path) => `COPY ${table} TO ${path} (FORMAT csv, HEADER)`);
        files.set(`data/${csvName(table)}`, PACKED.has(table) ? await packed(csv) : csv);
        io.progress(done + 1, tables.length, 'tables');
      }
      const sizes = Object.fromEntries([...files].map(([name, bytes]) => [name, bytes.length]));
      await io.commit(cell.id, { files: { tree: files }, sizes: JSON.stringify(sizes) });
    } finally {
      warehouse.close();
    }
  }
};
