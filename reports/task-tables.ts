/** The tables that reach a task: inputs named `table.<name>`, each gathered, so that a failed one is a gap. */
import type { Gathered, TaskCell, TaskIo } from '../stages/dag/index.ts';

const TABLE_INPUT = 'table.';

/** Table -> its rows, each read once for the whole task. A table whose cell failed is left out. */
export async function readTables(cells: readonly TaskCell[], io: TaskIo): Promise<Map<string, Uint8Array>> {
  const rows = new Map<string, Uint8Array>();
  for (const [table, item] of cells.flatMap(tablesOf)) {
    if ('handle' in item && !rows.has(table)) rows.set(table, await io.read(item.handle));
  }
  return rows;
}

/** The tables that one cell was given. */
export function tablesOf(cell: TaskCell): (readonly [table: string, item: Gathered])[] {
  return Object.entries(cell.inputs).flatMap(([name, input]) =>
    name.startsWith(TABLE_INPUT) && input.kind === 'gather' ? input.items.map((item) => [name.slice(TABLE_INPUT.length), item] as const) : []);
}

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
