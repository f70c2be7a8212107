/**
 * The stage `exports`: tables as Parquet and CSV, in the order in which they were written, so that the files are the same bytes each
 * time; and how large each file is. A large table is a cell of its own, so that it need not wait for the others.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '../stages/dag/index.ts';
import { PACKED, csvName } from './tables.ts';
import { readTables, tablesOf, text } from './task-tables.ts';
import { openWarehouse, sqlText } from './warehouse.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const warehouse = await openWarehouse({ schema: text(await io.input(cell, 'schema')), rows: await readTables([cell], io), scratch: io.scratch });
    try {
      const files = new Map<string, Uint8Array>();
      const write = async (name: string, sql: (path: string) => string): Promise<void> => {
        const path = join(io.scratch, name);
        await warehouse.execute(sql(sqlText(path)));
        files.set(`data/${name}`, await readFile(path));
      };
      const tables = tablesOf(cell).map(([table]) => table);
      for (const [done, table] of tables.entries()) {
        await write(`${table}.parquet`, (path) => `COPY ${table} TO ${path} (FORMAT parquet, COMPRESSION zstd)`);
        await write(csvName(table), (path) => `COPY ${table} TO ${path} (FORMAT csv, HEADER${PACKED.has(table) ? ', COMPRESSION gzip' : ''})`);
        io.progress(done + 1, tables.length, 'tables');
      }
      const sizes = Object.fromEntries([...files].map(([name, bytes]) => [name, bytes.length]));
      await io.commit(cell.id, { files: { tree: files }, sizes: JSON.stringify(sizes) });
    } finally {
      warehouse.close();
    }
  }
};
