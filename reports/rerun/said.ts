/** What a site says of cells that a page computes again, beside data/rerun.js: their records, and the rows of tables that follow from them. */
import { RECORDS_FILE } from '../records-file.ts';
import { rowsByCell } from '../rows-by-cell.ts';
import { SCHEMA_FILE, csvName } from '../tables.ts';
import { MissingFile } from './objects.ts';
import { PLAN_FILE, siteHas } from './plan.ts';
import { recordFinding } from './planned.ts';
import { publishedCells, publishedSchema, publishedTables } from './published-tables.ts';
import type { Row } from '../num.ts';
import type { CheckContext } from './checks.ts';
import type { Plan, PlannedCell, PlannedFile } from './plan.ts';

/** Table -> cell -> its rows; of tables that could be read. */
export type Said = ReadonlyMap<string, ReadonlyMap<string, readonly Row[]>>;

/** Tables that have rows of what a stage's cells compute, and that follow from it alone. */
const TABLES_OF: { readonly [stage: string]: readonly string[] } = { quantize: ['artifacts', 'tensor_errors'], score: ['windows'], generate: ['generations'] };

const tablesOf = (cells: readonly PlannedCell[]): ReadonlySet<string> => new Set(cells.flatMap(({ stage }) => TABLES_OF[stage] ?? []));
const pathsOf = (cells: readonly PlannedCell[]): readonly string[] => [SCHEMA_FILE, RECORDS_FILE, ...Array.from(tablesOf(cells), (table) => `data/${csvName(table)}`)];

/** The files that hold it. */
export const saidIn = ({ files = {} }: Plan, cells: readonly PlannedCell[]): readonly PlannedFile[] => pathsOf(cells).flatMap((path) => Object.hasOwn(files, path) ? [{ path, bytes: files[path]! }] : []);

/** Says where data/rerun.js is not what the records say, and what cannot be read. */
export async function whatIsSaid(cells: readonly PlannedCell[], context: CheckContext): Promise<Said> {
  if (!context.reads) {
    context.say({ verdict: 'note', what: `the tables and the records were not read: what is computed is compared with what ${PLAN_FILE} says of them`, detail: 'a page that was opened from a file reads them in a folder that is chosen for another check, and nowhere else' });
    return new Map();
  }
  const missing = pathsOf(cells).filter((path) => !siteHas(context.plan, path));
  if (missing.length > 0) context.say({ verdict: 'note', what: `what is computed is not compared with ${missing.join(', ')}: this copy of the report has no such file` });
  try {
    if (!missing.includes(RECORDS_FILE)) {
      const records = new Map((await publishedCells(context)).map((cell) => [cell.cell, cell]));
      for (const cell of cells) {
        const finding = recordFinding(cell, records);
        if (finding !== undefined) context.say(finding);
      }
    }
    if (missing.includes(SCHEMA_FILE)) return new Map();
    const wanted = tablesOf(cells);
    return new Map([...await publishedTables(context, await publishedSchema(context), (table) => wanted.has(table))].map(([table, rows]) => [table, rowsByCell(rows)]));
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof MissingFile)) throw error;
    context.say({ verdict: 'differs', what: 'the tables and the records cannot be read', detail: error.message });
    return new Map();
  }
}
