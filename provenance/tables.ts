/** The tables that the report is drawn from, as results hold them. */
import type { OutputRecord, ResultCell, Results } from '../stages/dag/index.ts';
import type { Row } from '../reports/num.ts';

/** The cells of the report read a table as the input of this name. */
const TABLE_INPUT = 'table.';

export interface StoredTable {
  readonly table: string;
  /** The cell that wrote its rows, and where they are: NDJSON. */
  readonly cell: string;
  readonly output: OutputRecord;
}

/** By name, in the order of the report's first use. A table whose cell has no result is left out. */
export function tablesOf({ cells }: Pick<Results, 'cells'>): ReadonlyMap<string, StoredTable> {
  const tables = new Map<string, StoredTable>();
  for (const { inputs } of cells.values()) {
    for (const [name, [from]] of Object.entries(inputs)) {
      const table = name.slice(TABLE_INPUT.length);
      if (!name.startsWith(TABLE_INPUT) || tables.has(table) || from?.cell === undefined || from.output === undefined) continue;
      const output = outputOf(cells.get(from.cell), from.output);
      if (output !== undefined) tables.set(table, { table, cell: from.cell, output });
    }
  }
  return tables;
}

const outputOf = (cell: ResultCell | undefined, name: string): OutputRecord | undefined => cell?.record?.outputs[name];

/** A table's rows, in their order. Throws DamagedObject. */
export async function rowsOf(results: Pick<Results, 'handle' | 'read'>, { output }: StoredTable): Promise<readonly Row[]> {
  const text = new TextDecoder().decode(await results.read(results.handle(output)));
  return text.split('\n').flatMap((line) => line === '' ? [] : [JSON.parse(line) as Row]);
}
