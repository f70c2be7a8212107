/** The stage `database`: all tables in one DuckDB file, and about how large it is. Its bytes are not the same each time; its rows are. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '../stages/dag/index.ts';
import { DATABASE_FILE, databaseBytes } from './exported-sizes.ts';
import { readTables, text } from './task-tables.ts';
import { openWarehouse, sqlText } from './warehouse.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const warehouse = await openWarehouse({ schema: text(await io.input(cell, 'schema')), rows: await readTables([cell], io), scratch: io.scratch });
    try {
      const path = join(io.scratch, 'results.duckdb');
      await warehouse.execute(`ATTACH ${sqlText(path)} AS results; COPY FROM DATABASE memory TO results; DETACH results`);
      const whole = await readFile(path);
      const sizes = { [DATABASE_FILE]: databaseBytes(whole.length) };
      await io.commit(cell.id, { database: { tree: new Map([[DATABASE_FILE, whole]]) }, sizes: JSON.stringify(sizes) });
    } finally {
      warehouse.close();
    }
  }
};
