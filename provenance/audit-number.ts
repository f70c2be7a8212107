/** A number of the site, from the text on a page to the cell that computed it, each step compared with the one before. */
import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { BULK, KEYS, csvName, schemaTables } from '../reports/tables.ts';
import { cellPath } from '../reports/num.ts';
import { tableRows } from '../reports/csv.ts';
import { elements, hasClass, parseHtml, textOf } from '../reports/read-html.ts';
import { isPrintOf, printedText } from '../reports/printed.ts';
import { rowsOf, tablesOf } from './tables.ts';
import { siteFiles } from './target.ts';
import type { AuditFinding, Results } from '../stages/dag/index.ts';
import type { Row } from '../reports/num.ts';
import type { SiteFile } from './target.ts';
import type { StoredNumber } from './numbers.ts';

export interface NumberAudit {
  /** The cell that wrote the table. */
  readonly tableCell: string;
  readonly rowNumber: number;
  readonly rows: number;
  readonly sql: string;
  /** Whether the row was found in an output of its cell, word for word; else the table's cell made it of something that is no rows. */
  readonly inOutput: string | undefined;
  /** Pages with the number, as each prints it. */
  readonly printed: readonly { readonly page: string; readonly text: string }[];
  readonly findings: readonly AuditFinding[];
  /** Files of the site that were hashed. */
  readonly files: readonly SiteFile[];
}

/** Throws DamagedObject where the table cannot be read. */
export async function auditNumber(number: StoredNumber, results: Results, root: string): Promise<NumberAudit> {
  const { table, row, cell } = number;
  const stored = tablesOf(results).get(table)!;
  const findings = [...(await results.audit(stored.cell)).findings];
  const all = await rowsOf(results, stored);
  const at = all.findIndex((one) => sameKeys(one, row, table));
  const { inOutput, findings: outputFindings } = await againstOutputs(number, results);
  const site = againstSite(number, results, root);
  return {
    tableCell: stored.cell, rowNumber: at + 1, rows: all.length, sql: sqlOf(number), inOutput,
    printed: site.printed, files: site.files, findings: [...findings, ...outputFindings, ...site.findings.map((finding) => ({ cell, ...finding }))],
  };
}

const sameKeys = (a: Row, b: Row, table: string): boolean => KEYS[table]!.every((key) => (a[key] ?? null) === (b[key] ?? null));

/** The question that answers with this number. */
export function sqlOf({ table, column, row }: Pick<StoredNumber, 'table' | 'column' | 'row'>): string {
  const literal = (value: unknown): string => typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
  const beside = column === 'value' ? ['low', 'high'].filter((name) => name in row) : [];
  const where = KEYS[table]!.map((key) => `"${key}" ${row[key] === null || row[key] === undefined ? 'IS NULL' : `= ${literal(row[key])}`}`);
  return `SELECT ${[column, ...beside].map((name) => `"${name}"`).join(', ')} FROM ${table} WHERE ${where.join(' AND ')}`;
}

/** The row as its cell wrote it: an object in one of its outputs with the same keys. */
async function againstOutputs({ table, column, row, cell }: StoredNumber, results: Results): Promise<Pick<NumberAudit, 'inOutput' | 'findings'>> {
  for (const [name, output] of Object.entries(results.cells.get(cell)?.record?.outputs ?? {})) {
    if (output.tree === true) continue;
    const own = findRow(await jsonOf(results, output), table, row);
    if (own === undefined) continue;
    const different = Object.keys(row).filter((key) => Object.hasOwn(own, key) && JSON.stringify(own[key]) !== JSON.stringify(row[key]));
    if (!Object.hasOwn(own, column)) continue;
    return { inOutput: name, findings: different.map((key) => ({ cell, what: `${key} of ${table}`, expected: `${JSON.stringify(own[key])} (output ${name})`, found: JSON.stringify(row[key]) ?? 'nothing' })) };
  }
  return { inOutput: undefined, findings: [] };
}

async function jsonOf(results: Results, output: Parameters<Results['handle']>[0]): Promise<unknown> {
  let bytes: Uint8Array;
  try {
    bytes = await results.read(results.handle(output));
  } catch (error) {
    // The cell's own audit names it.
    if ((error as Error).name === 'DamagedObject') return undefined;
    throw error;
  }
  if (bytes[0] !== 0x5b && bytes[0] !== 0x7b) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function findRow(value: unknown, table: string, row: Row): Row | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  if (!Array.isArray(value) && KEYS[table]!.every((key) => Object.hasOwn(value, key) ? ((value as Row)[key] ?? null) === (row[key] ?? null) : (row[key] ?? null) === null)) return value as Row;
  for (const inner of Object.values(value)) {
    const found = findRow(inner, table, row);
    if (found !== undefined) return found;
  }
  return undefined;
}

type SiteFinding = Omit<AuditFinding, 'cell'>;

/** The number where it was published: on each page that prints it, on its cell's page, and in the file of its table. */
function againstSite(number: StoredNumber, results: Results, root: string): { readonly printed: NumberAudit['printed']; readonly findings: readonly SiteFinding[]; readonly files: readonly SiteFile[] } {
  const printed: { page: string; text: string }[] = [];
  const findings: SiteFinding[] = [];
  const files: SiteFile[] = [];
  const published = siteFiles(results, root);
  const csv = `data/${csvName(number.table)}`;
  for (const file of published.values()) {
    const { path } = file;
    // A cell's page prints its own numbers only, and there are thousands of such pages.
    if (path !== csv && (!path.endsWith('.html') || (path.startsWith('cells/') && path !== cellPath(number.cell)))) continue;
    const bytes = bytesOf(file.published);
    if (bytes === undefined) {
      if (path === csv || path === cellPath(number.cell)) findings.push({ what: path, expected: 'a file of the site', found: 'nothing' });
      continue;
    }
    if (path !== csv && !bytes.includes(number.id) && path !== cellPath(number.cell)) continue;
    files.push(file);
    const hash = createHash('sha256').update(bytes).digest('hex');
    if (hash !== file.file.sha256) findings.push({ what: path, expected: `${file.file.sha256} (output ${file.output} of ${file.cell})`, found: hash });
    if (path === csv) findings.push(...againstCsv(number, bytes, path, root));
    else {
      for (const { text, own } of printsIn(bytes, number.id)) {
        if (!own) printed.push({ page: path, text });
        const right = own ? text === String(number.value) : isPrintOf(text, number);
        if (!right) findings.push({ what: path, expected: `${number.value}, as the table has it`, found: text });
      }
    }
  }
  return { printed, findings, files };
}

/** How a page prints a number: linked to its cell, or as the record itself. */
function printsIn(bytes: Buffer, id: string): readonly { readonly text: string; readonly own: boolean }[] {
  const found: { text: string; own: boolean }[] = [];
  for (const element of elements(parseHtml(bytes.toString('utf8')))) {
    const { attributes } = element;
    if (element.tag === 'a' && hasClass(element, 'num') && (attributes.get('id') === id || (attributes.get('href') ?? '').endsWith(`#${id}`))) found.push({ text: printedText(textOf(element)), own: false });
    else if (hasClass(element, 'own') && attributes.get('id') === id) found.push({ text: textOf(element), own: true });
  }
  return found;
}

function againstCsv({ table, column, row, value }: StoredNumber, bytes: Buffer, path: string, root: string): readonly SiteFinding[] {
  // A compressed one is too large to be read for one number; its hash is checked.
  if (path.endsWith('.gz') || BULK.has(table)) return [];
  try {
    const columns = schemaTables(readFileSync(`${root}/data/schema.sql`, 'utf8')).get(table) ?? [];
    const found = tableRows(bytes.toString('utf8'), columns).find((one) => sameKeys(one, row, table));
    return found?.[column] === value ? [] : [{ what: path, expected: `${value}, as the table has it`, found: String(found?.[column] ?? 'no such row') }];
  } catch (error) {
    if (!(error instanceof SyntaxError) && (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return error instanceof SyntaxError ? [{ what: path, expected: `the rows of ${table}`, found: error.message }] : [];
  }
}

function bytesOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
