/** Reads the CSV files that the report publishes: a header, fields quoted where they must be; nothing between two commas is null, "" is empty text. */
import type { Column } from './tables.ts';
import type { Row } from './num.ts';

/** Rows as fields; undefined for null. Throws SyntaxError naming the line. */
export function parseCsv(text: string): readonly (readonly (string | undefined)[])[] {
  const rows: (string | undefined)[][] = [];
  let row: (string | undefined)[] = [];
  let at = 0;
  while (at < text.length) {
    if (text[at] === '"') {
      let value = '';
      for (;;) {
        const quote = text.indexOf('"', at + 1);
        if (quote < 0) throw new SyntaxError(`row ${rows.length + 1}: a quoted field does not end`);
        value += text.slice(at + 1, quote);
        at = quote;
        if (text[quote + 1] !== '"') break;
        value += '"';
        at = quote + 1;
      }
      at++;
      row.push(value);
      if (at < text.length && text[at] !== ',' && text[at] !== '\n') throw new SyntaxError(`row ${rows.length + 1}: text follows a quoted field`);
    } else {
      let end = at;
      while (end < text.length && text[end] !== ',' && text[end] !== '\n') end++;
      row.push(end === at ? undefined : text.slice(at, end));
      at = end;
    }
    if (text[at] === ',') {
      at++;
      // A comma at a line's end is followed by one more field, which is nothing.
      if (at === text.length || text[at] === '\n') row.push(undefined);
    }
    if (at === text.length || text[at] === '\n') {
      rows.push(row);
      row = [];
      at++;
    }
  }
  return rows;
}

/** The rows of a table's CSV, as the columns' types say. Throws SyntaxError where the file does not fit them. */
export function tableRows(text: string, columns: readonly Column[]): readonly Row[] {
  const [header = [], ...lines] = parseCsv(text);
  if (header.join(',') !== columns.map(({ name }) => name).join(',')) throw new SyntaxError(`its columns are ${header.join(', ')}; data/schema.sql has ${columns.map(({ name }) => name).join(', ')}`);
  return lines.map((fields, line) => {
    if (fields.length !== columns.length) throw new SyntaxError(`row ${line + 2} has ${fields.length} fields; there are ${columns.length} columns`);
    return Object.fromEntries(columns.map(({ name, type }, i) => [name, valueOf(fields[i], type, line + 2, name)]));
  });
}

function valueOf(field: string | undefined, type: string, line: number, column: string): unknown {
  if (field === undefined) return null;
  if (type === 'BOOLEAN') return field === 'true';
  if (type === 'DOUBLE[]') return numbersOf(field, line, column);
  if (type === 'VARCHAR[]') return textsOf(field, line, column);
  if (!/^(?:DOUBLE|BIGINT|INTEGER)$/.test(type)) return field;
  const value = Number(field);
  if (!Number.isFinite(value)) throw new SyntaxError(`row ${line}: ${column} is "${field}", which is no number`);
  return value;
}

/** Of a list of numbers: '[0.5, 1e-07]'. */
function numbersOf(field: string, line: number, column: string): readonly number[] {
  try {
    const values: unknown = JSON.parse(field);
    if (Array.isArray(values) && values.every((value) => typeof value === 'number')) return values;
  } catch {
    // Said below.
  }
  throw new SyntaxError(`row ${line}: ${column} is "${field.slice(0, 80)}", which is no list of numbers`);
}

/** Of a list of texts, as DuckDB writes it: "[one, 'it\\'s', ', ']": between quotes a backslash stands before a quote and before another. */
function textsOf(field: string, line: number, column: string): readonly string[] {
  const damaged = (): never => { throw new SyntaxError(`row ${line}: ${column} is "${field.slice(0, 80)}", which is no list of texts`); };
  if (!field.startsWith('[') || !field.endsWith(']')) damaged();
  const end = field.length - 1, texts: string[] = [];
  for (let at = 1; at < end;) {
    ITEM.lastIndex = at;
    const [whole = '', quoted, plain = ''] = ITEM.exec(field) ?? [];
    at += whole.length;
    if (whole === '' || (at < end && !field.startsWith(', ', at))) damaged();
    texts.push(quoted === undefined ? plain : quoted.replace(/\\(.)/gs, '$1'));
    // After a comma comes one more.
    if (at < end && (at += 2) >= end) damaged();
  }
  return texts;
}
const ITEM = /'((?:[^'\\]|\\.)*)'|([^,'\[\]]+)/ys;

/** One line, without its end; nothing for null. */
export const csvLine = (fields: readonly (string | undefined)[]): string => fields.map((field) => field === undefined ? '' : field === '' || /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field).join(',');
