/**
 * Writes the rows of one table of data/schema.sql, as NDJSON in the schema's order of columns. What a failed cell would have
 * given is left out: the report says what is missing and why.
 */
import type { Run } from '../dag/index.ts';
import { tableRows } from './tables.ts';
import { guarded, textParam } from './task-values.ts';

/** Rows are encoded in pieces of this many: no table becomes one enormous string, and lines are gone before the collector of garbage moves them. */
const ROWS_PER_PIECE = 500;

export const run: Run = async (cells, io) => {
  for (const task of cells) {
    await guarded(io, task, async () => {
      const table = textParam(task, 'table');
      const rowsOf = tableRows.get(table);
      if (rowsOf === undefined) throw new Error(`unknown table "${table}"; tables are ${[...tableRows.keys()].join(', ')}`);
      const pieces: Buffer[] = [];
      let lines: string[] = [];
      const flush = (): void => {
        if (lines.length > 0) pieces.push(Buffer.from(`${lines.join('\n')}\n`));
        lines = [];
      };
      for await (const row of rowsOf(task, io)) {
        lines.push(JSON.stringify(row));
        if (lines.length === ROWS_PER_PIECE) flush();
      }
      flush();
      await io.commit(task.id, { rows: Buffer.concat(pieces) });
    });
  }
};
