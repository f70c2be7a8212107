/** Rows and records in which every text is hostile, and the same with harmless ones of the same length, so that pages can be compared. Test use only. */
import { KEYS, schemaTables } from '../../reports/tables.ts';
import type { CellProvenance } from '../../stages/dag/index.ts';

/** What would run, load, leave, hide or disguise, if a page took it for markup. */
export const PAYLOAD = [
  `"><script>alert(1)</script></script><img src=x onerror=alert(1)><svg onload=alert(1)><iframe src=https://example.org/a></iframe>`, `' onmouseover=alert(1) autofocus onfocus=alert(1) x='`,
  `</title></style></textarea><style>*{display:none}</style><base href=https://example.org/><meta http-equiv=refresh content="0;url=https://example.org/b">`,
  `<link rel=stylesheet href=https://example.org/c.css><object data=https://example.org/d></object><a href=javascript:alert(1)>{{7*7}}\${7*7}<!-- ]]> &lt;b&gt; &#x3c;`,
  `\u202Egnp.exe\u2066\u200B\uFEFF\u00AD\u0000\u0007\u001B[31m\u2028\uD800\u{E0041}`,
].join(' ');
/** As long, and nothing in it is anything but a letter or a space. */
export const HARMLESS = PAYLOAD.replace(/[^\w ]|[_]/gs, 'x').replace(/\d/g, 'z');

/** Columns that say which of a few kinds something is: pages ask for their values. */
const KINDS = new Set(['quantity', 'unit', 'family', 'phase', 'level', 'verdict', 'suite', 'product', 'pair', 'kind', 'quick']);
/** Names of the study's own models and formats, and of peers: they are names of files too. */
const NAMES = new Set(['model', 'format', 'base_format', 'alias_of', 'peer']);

export type Reach = 'texts' | 'names' | 'kinds';
type Rows = { readonly [table: string]: readonly { readonly [column: string]: unknown }[] };

/** Adds `what` to every text of every row: to free texts only, to names also, or to kinds also. Cells keep their ids, which the machinery restricts. */
export function spoiledRows(schema: string, rows: Rows, what: string, reach: Reach): Rows {
  const texts = new Map([...schemaTables(schema)].map(([table, columns]) => [table, new Set(columns.filter(({ name, type }) => type.startsWith('VARCHAR') && name !== 'cell'
    && (reach === 'kinds' || !KINDS.has(name)) && (reach !== 'texts' || !NAMES.has(name))).map(({ name }) => name))]));
  const spoil = (value: unknown): unknown => (typeof value === 'string' ? value + what : Array.isArray(value) ? value.map(spoil) : value);
  return Object.fromEntries(Object.entries(rows).map(([table, list]) => [table, list.map((row) => Object.fromEntries(Object.entries(row).map(([column, value]) => [column, texts.get(table)!.has(column) ? spoil(value) : value])))]));
}

/** Adds `long` to the free texts of the first row of every table, but to none that is part of the row's name. */
export function longRows(schema: string, rows: Rows, long: string): Rows {
  const spoiled = spoiledRows(schema, Object.fromEntries(Object.entries(rows).map(([table, list]) => [table, list.slice(0, 1)])), long, 'texts');
  const kept = (table: string, row: Rows[string][number]): object => Object.fromEntries(KEYS[table]!.map((key) => [key, row[key]]));
  return Object.fromEntries(Object.entries(rows).map(([table, list]) => [table, list.map((row, i) => (i === 0 ? { ...spoiled[table]![0], ...kept(table, row) } : row))]));
}

/** Adds `what` to every text of the records that the machinery does not restrict; one cell gets a waiver, with texts of a person. Machines are named as rows have them. */
export function spoiledRecords(records: readonly CellProvenance[], what: string): CellProvenance[] {
  return records.map((one, i): CellProvenance => ({
    ...one,
    params: { ...one.params, [`note${what}`]: what, list: [what], inner: { [what]: what } },
    ...(one.failure ? { failure: { ...one.failure, sentence: one.failure.sentence + what, hint: what } } : {}),
    inputs: Object.fromEntries(Object.entries(one.inputs).map(([name, from]) => [name + what, from.map((origin) => (origin.file === undefined ? origin : { ...origin, file: origin.file + what }))])),
    code: Object.fromEntries(Object.entries(one.code).map(([file, of]) => [file + what, file.startsWith('package') ? of + what : of])),
    reasons: one.reasons.map((reason) => ({ field: reason.field + what, before: what, after: what })),
    ...(i === 0 ? { waiver: { id: what, at: what, by: what, because: what, causes: [what], cells: 3, sampled: 2 } } : {}),
    ...(one.record ? { record: { ...one.record, machine: one.record.machine + what.replace('\uD800', '\uFFFD'), finishedAt: one.record.finishedAt + what, computedBy: { engine: what, build: what } } } : {}),
  }));
}
