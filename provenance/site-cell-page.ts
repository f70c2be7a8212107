/** A cell's page against its record and its rows. */
import { cellPath, formatNumber, formattedText } from '../reports/num.ts';
import { escapeText } from '../reports/html.ts';
import { utcMinute } from '../reports/time.ts';
import { decode, elements, hasClass, textOf } from '../reports/read-html.ts';
import type { Element } from '../reports/read-html.ts';
import type { SiteFault } from './site-folder.ts';
import type { PublishedCell, SiteRecords } from './site-records.ts';
import type { SiteTables } from './site-tables.ts';

type Report = (what: string, expected: string, found: string) => void;

export function checkCellPage(page: Element, path: string, tables: SiteTables, records: SiteRecords): readonly SiteFault[] {
  const faults: SiteFault[] = [];
  const report: Report = (what, expected, found) => void (expected === found ? undefined : faults.push({ file: path, what, expected, found }));
  const heading = [...elements(page)].find(({ tag }) => tag === 'h1');
  const cell = heading === undefined ? '' : textOf(heading);
  if (!/^[\w.+=:/-]+$/.test(cell) || cellPath(cell) !== path) {
    report('its heading', 'the cell whose page it is', cell === '' ? 'none' : cell);
    return faults;
  }
  checkRows(page, cell, tables, report);
  const published = records.cells.get(cell);
  if (published === undefined) {
    if (records.cells.size > 0) report('its cell', 'a record in data/records.ndjson.gz', 'none');
  } else if (published.record !== undefined) checkRecord(page, published, published.record, report);
  return faults;
}

/** The rows that it lists, value by value. */
function checkRows(page: Element, cell: string, tables: SiteTables, report: Report): void {
  let table = '';
  for (const element of elements(page)) {
    if (element.tag === 'h3') table = element.attributes.get('id') ?? '';
    if (element.tag !== 'table' || !hasClass(element, 'record')) continue;
    const rows = tables.rows.get(table)?.filter((row) => row['cell'] === cell);
    if (rows === undefined) continue;
    const [head = [], ...lines] = [...elements(element)].filter(({ tag }) => tag === 'tr').map((line) => [...elements(line)].filter(({ tag }) => tag === 'td' || tag === 'th').map(textOf));
    if (lines.length > rows.length) report(`rows of ${table}`, String(rows.length), String(lines.length));
    for (const [i, line] of lines.entries()) {
      for (const [j, column] of head.entries()) {
        const value = rows[i]?.[column];
        // A list is in the files only.
        report(`${column} in row ${i + 1} of ${table}`, value === null || value === undefined ? '' : decode(escapeText(String(value))), line[j] ?? '');
      }
    }
  }
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
