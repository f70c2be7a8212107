/** A cell's page against its record and its rows: what check-site does with a folder, and a page with the site that it stands in. */
import { MOST_ROWS_OF_CELL, rowsTitle, valueText } from './cell-rows.ts';
import { escapeText } from './html.ts';
import { cellPath, formatNumber, formattedText } from './num.ts';
import { decode, drawn, elements, hasClass, textOf } from './read-html.ts';
import { PACKED } from './tables.ts';
import { utcMinute } from './time.ts';
import type { Row } from './num.ts';
import type { PageFault } from './page-numbers.ts';
import type { Element } from './read-html.ts';
import type { PublishedCell } from './records-file.ts';

type Report = (what: string, expected: string, found: string) => void;

/** What a site publishes of its cells. */
export interface Published {
  /** Tables that there are. */
  readonly tables: ReadonlySet<string>;
  /** Cell -> table -> its rows; of those that pages of cells list. */
  readonly rows: ReadonlyMap<string, ReadonlyMap<string, readonly Row[]>>;
  /** Those of the records, by id. */
  readonly cells: ReadonlyMap<string, PublishedCell>;
}

export function publishedOf(tables: ReadonlyMap<string, readonly Row[]>, cells: Iterable<PublishedCell>): Published {
  const byCell = new Map<string, Map<string, Row[]>>();
  for (const [table, rows] of tables) {
    if (PACKED.has(table)) continue;
    for (const row of rows) {
      const cell = String(row['cell']), own = byCell.get(cell) ?? new Map<string, Row[]>();
      byCell.set(cell, own);
      const list = own.get(table);
      if (list === undefined) own.set(table, [row]);
      else list.push(row);
    }
  }
  return { tables: new Set(tables.keys()), rows: byCell, cells: new Map(Array.from(cells, (cell) => [cell.cell, cell])) };
}

/** Each cell of the records has a page. */
export const missingPages = ({ cells }: Published, has: (path: string) => boolean): readonly PageFault[] =>
  [...cells.keys()].filter((cell) => !has(cellPath(cell))).map((cell) => ({ file: cellPath(cell), what: `the page of ${cell}`, expected: 'a file of the site', found: 'nothing' }));

/** Adds what is wrong to `faults`; answers how many values of rows it looked at. */
export function checkCellPage(page: Element, path: string, published: Published, faults: PageFault[]): number {
  const report: Report = (what, expected, found) => void (expected === found ? undefined : faults.push({ file: path, what, expected, found }));
  const heading = [...elements(page)].find(({ tag }) => tag === 'h1');
  const cell = heading === undefined ? '' : textOf(heading);
  if (!/^[\w.+=:/-]+$/.test(cell) || cellPath(cell) !== path) {
    report('its heading', 'the cell whose page it is', cell === '' ? 'none' : cell);
    return 0;
  }
  const looked = checkRows(page, cell, published, report);
  const known = published.cells.get(cell);
  if (known === undefined) {
    if (published.cells.size > 0) report('its cell', 'a record in data/records.ndjson.gz', 'none');
  } else if (known.record !== undefined) checkRecord(page, known, known.record, report);
  return looked;
}

/** The rows that it lists, value by value, and that it lists those of every table. */
function checkRows(page: Element, cell: string, { tables, rows: byCell }: Published, report: Report): number {
  const own = byCell.get(cell) ?? new Map<string, readonly Row[]>();
  const listed = new Set<string>();
  let table = '', looked = 0;
  for (const element of elements(page)) {
    if (element.tag === 'h3') {
      table = element.attributes.get('id') ?? '';
      if (own.has(table)) report(`the heading of rows of ${table}`, textOf(drawn(rowsTitle(table, own.get(table)!.length))), textOf(element));
    }
    if (element.tag !== 'table' || !hasClass(element, 'record')) continue;
    const rows = own.get(table);
    if (rows === undefined) {
      // Of a table that the site has no file of nothing can be said.
      if (tables.has(table)) report(`rows of ${table}`, 'none', 'some');
      continue;
    }
    listed.add(table);
    const [head = [], ...lines] = [...elements(element)].filter(({ tag }) => tag === 'tr').map((line) => [...elements(line)].filter(({ tag }) => tag === 'td' || tag === 'th').map(textOf));
    const shown = Math.min(rows.length, MOST_ROWS_OF_CELL);
    report(`rows of ${table}`, String(shown), String(lines.length));
    // With one too many or too few all that follow would differ.
    if (lines.length !== shown) continue;
    for (const [i, line] of lines.entries()) {
      for (const [j, column] of head.entries()) {
        // A list is in the files only.
        report(`${column} in row ${i + 1} of ${table}`, decode(escapeText(valueText(rows[i]?.[column]))), line[j] ?? '');
        looked++;
      }
    }
  }
  for (const [name, rows] of own) if (!listed.has(name)) report(`rows of ${name}`, String(rows.length), 'none');
  return looked;
}

function checkRecord(page: Element, { inputs }: PublishedCell, { key, outputs, fields, finishedAt, machine }: NonNullable<PublishedCell['record']>, report: Report): void {
  const listed = factsOf(page);
  report('key', key, listed.get('key') ?? 'nothing');
  for (const [name, { sha256, bytes }] of Object.entries(outputs)) {
    report(`output ${name}`, `${sha256}, ${formattedText(formatNumber({ value: bytes }, { as: 'count', unit: 'bytes' }))}`, listed.get(`output ${name}`) ?? 'nothing');
  }
  report('the time when it was computed', utcMinute(finishedAt), listed.get('finished') ?? 'nothing');
  const shownMachine = listed.get('machine') ?? 'nothing';
  report('machine', machine, shownMachine === machine ? machine : shownMachine.split(':')[0]!);
  const hashes = [...elements(page)].filter((element) => element.tag === 'span' && hasClass(element, 'hash')).map(textOf);
  if (!hashes.includes(fields.code)) report('code', fields.code, 'nothing');
  const table = [...elements(page)].find((element) => element.tag === 'table' && !hasClass(element, 'record'));
  if (table === undefined) return;
  const lines = [...elements(table)].filter(({ tag }) => tag === 'tr').slice(1).map((line) => [...elements(line)].filter(({ tag }) => tag === 'td' || tag === 'th').map(textOf));
  const expected = Object.entries(inputs).flatMap(([name, from]) => from.map(({ sha256 }) => ({ name, sha256 })));
  for (const [i, [name = '', , hash = '']] of lines.entries()) {
    const input = expected[i];
    report(`input ${i + 1}`, input?.name ?? 'none', name);
    if (input?.sha256 !== undefined) report(`input ${name}`, input.sha256.slice(0, 16), hash);
  }
}

/** Terms and what stands beside them, of every list of facts. */
function factsOf(page: Element): ReadonlyMap<string, string> {
  const facts = new Map<string, string>();
  let term = '';
  for (const element of elements(page)) {
    if (element.tag === 'dt') term = textOf(element);
    else if (element.tag === 'dd' && !facts.has(term)) facts.set(term, textOf(element));
  }
  return facts;
}
