/** `query`: a question in SQL to the tables that the report is drawn from. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError, EXIT, count, located, openResults, plainText } from '../../stages/dag/index.ts';
import { openWarehouse } from '../../reports/warehouse.ts';
import { csvLine } from '../../reports/csv.ts';
import { tablesOf } from '../tables.ts';
import type { Command, Results } from '../../stages/dag/index.ts';
import type { Asked } from '../../reports/warehouse.ts';

/** Rows that are shown as a table, and characters of a value in it. */
const SHOWN = 50, WIDEST = 60;
/** Rows in all: an answer is for a person or a spreadsheet, the downloads of the report for more. */
const MOST_ROWS = 1_000_000;
const SCHEMA_FILE = 'data/schema.sql';

const query: Command = {
  usage: 'bitwidth query "<sql>" [<run>]',
  details: 'Asks the tables of the report in the SQL of DuckDB: what counts now, or what a run had (its id, a part of it, "last", or the name under\nwhich it is kept). The tables and their columns are described in data/schema.sql; "SHOW TABLES" and "DESCRIBE metrics" list them. One\nstatement, which may only read; it reaches no file and no network.\n\n  bitwidth query "SELECT model, format, value FROM metrics WHERE quantity = \'kl_mean\' ORDER BY model, value"',
  options: {
    json: { type: 'boolean', summary: 'Print one JSON object a row' },
    csv: { type: 'boolean', summary: 'Print CSV with a header; null is nothing, "" is empty text' },
    all: { type: 'boolean', summary: `All rows as a table, with all of their characters (default: ${SHOWN} rows, ${WIDEST} characters)` },
  },
  positionals: { min: 1, max: 2 },
  async run({ pipeline, values, positionals: [sql = '', run], print }) {
    if (values['json'] === true && values['csv'] === true) throw new ConfigurationError('query: --json and --csv at once; choose one');
    if (sql.trim() === '') throw new ConfigurationError('query: the question is empty; give a SELECT');
    const schemaFile = located(pipeline, SCHEMA_FILE);
    if (!existsSync(schemaFile)) throw new ConfigurationError(`query: this project has no ${SCHEMA_FILE}, which says what its tables are`);
    const results = await openResults(pipeline, run);
    try {
      const answer = await answered(sql, readFileSync(schemaFile, 'utf8'), results);
      for (const line of values['json'] === true ? jsonLines(answer) : values['csv'] === true ? csvLines(answer) : tableLines(answer, values['all'] === true)) print(line);
      return EXIT.done;
    } finally {
      await results.close();
    }
  },
};
export default query;

async function answered(sql: string, schema: string, results: Results): Promise<Asked> {
  const scratch = mkdtempSync(join(tmpdir(), 'bitwidth-query-'));
  const said = (error: unknown): never => { throw new ConfigurationError(`query: ${(error as Error).message.replaceAll(scratch, '').trim()}`); };
  try {
    const empty = await openWarehouse({ schema, rows: new Map(), scratch });
    let wanted: readonly string[];
    try {
      wanted = empty.tablesIn(sql);
    } catch (error) {
      return said(error);
    } finally {
      empty.close();
    }
    // A table with a row for each token takes seconds to read: only what is asked for is.
    const rows = new Map<string, Uint8Array>();
    const stored = tablesOf(results);
    for (const name of wanted) {
      const table = stored.get(name);
      // An empty answer would be a wrong one.
      if (table === undefined) throw new ConfigurationError(`query: the table ${name} was not computed${results.run === undefined ? '; "bitwidth status" says why' : ` by the run ${results.run.run}, or its list does not have it`}`);
      rows.set(name, await results.read(results.handle(table.output)));
    }
    const warehouse = await openWarehouse({ schema, rows, scratch }).catch(said);
    try {
      return await warehouse.ask(sql, MOST_ROWS);
    } catch (error) {
      return said(error);
    } finally {
      warehouse.close();
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const jsonLines = ({ columns, rows }: Asked): readonly string[] => rows.map((row) => JSON.stringify(Object.fromEntries(columns.map((column, i) => [column, row[i]]))));

const asText = (value: unknown): string | undefined => value === null || value === undefined ? undefined : typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value);

const csvLines = ({ columns, rows }: Asked): readonly string[] => [csvLine(columns), ...rows.map((row) => csvLine(row.map(asText)))];

/** Columns under their names, numbers to the right; a value on one line. */
function tableLines({ columns, rows, more }: Asked, all: boolean): readonly string[] {
  const shown = all ? rows : rows.slice(0, SHOWN);
  const line = (text: string): string => {
    const plain = plainText(text).replaceAll('\n', ' ').replaceAll('\t', ' ');
    return all || plain.length <= WIDEST ? plain : `${plain.slice(0, WIDEST - 1)}…`;
  };
  const cells = [columns.map(line), ...shown.map((row) => row.map((value) => line(asText(value) ?? 'NULL')))];
  const widths = columns.map((_, i) => cells.reduce((most, row) => Math.max(most, row[i]!.length), 0));
  const right = columns.map((_, i) => shown.some((row) => typeof row[i] === 'number'));
  const lines = cells.map((row) => row.map((text, i) => right[i] ? text.padStart(widths[i]!) : text.padEnd(widths[i]!)).join('  ').trimEnd());
  const left = rows.length - shown.length;
  return [
    lines[0]!, widths.map((width) => '-'.repeat(width)).join('  '), ...lines.slice(1),
    left > 0 ? `${count(rows.length, 'row')}${more ? ' and more' : ''}, the first ${SHOWN} are shown; --all, --csv or --json prints them all` : `${count(rows.length, 'row')}${more ? ' and more: add a LIMIT, or take the downloads of the report' : ''}`,
  ];
}
