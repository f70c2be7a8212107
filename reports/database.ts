/** The stage `database`: all tables in one DuckDB file, and about how large it is. Its bytes are not the same each time; its rows are. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '../stages/dag/index.ts';
import { readTables, text } from './task-tables.ts';
import { openWarehouse, sqlText } from './warehouse.ts';

const FILE = 'data/results.duckdb';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const warehouse = await openWarehouse({ schema: text(await io.input(cell, 'schema')), rows: await readTables([cell], io), scratch: io.scratch });
    try {
      const path = join(io.scratch, 'results.duckdb');
      await warehouse.execute(`ATTACH ${sqlText(path)} AS results; COPY FROM DATABASE memory TO results; DETACH results`);
      const whole = await readFile(path);
      // DuckDB fills its file in blocks: whole megabytes are what is the same each time.
      const sizes = { [FILE]: Math.max(1, Math.round(whole.length / 1e6)) * 1e6 };
      await io.commit(cell.id, { database: { tree: new Map([[FILE, whole]]) }, sizes: JSON.stringify(sizes) });
    } finally {
      warehouse.close();
    }
  }
};
