/**
 * A cell's page, where every number of the site leads: what was computed, from what, by which code, where and how it can be computed again, and the
 * cell's numbers, each at its anchor. Drawn when the report is written, and again by a reader's browser.
 */
import type { CellProvenance } from '../stages/dag/index.ts';
import { constantsOf, missingFrom, seedsIn } from './cell-facts.ts';
import type { Omitted } from './cell-facts.ts';
import { cut, escapeText, html, link, lit, trusted } from './html.ts';
import type { Html } from './html.ts';
import { writePage } from './layout.ts';
import { cellPath, formatNumber, formattedText, numberId } from './num.ts';
import type { Row } from './num.ts';
import { failureAnchor } from './page.ts';
import { rerunSection } from './rerun-section.ts';
import { BULK, CLAIMED, KEYS, erratumPath } from './tables.ts';
import type { Column } from './tables.ts';
import { utcMinute } from './time.ts';
import { rerunList } from './verdicts.ts';
import type { Verdicts } from './verdicts.ts';

const MOST_LINKS = 40;
/** More of a table than that are counted, and not listed. */
const MOST_ROWS_OF_CELL = 400;

/** Characters of a text in a row. */
const LONGEST = 400;

/** Columns too long to list, as every list is; the exports have them. */
const LONG = new Set(['cell', 'tokens', 'text', 'prompt_text', 'sql', 'statement', 'operationalised', 'margin_reason', 'would_change', 'sentence', 'test', 'what']);

/** Left out where they are the same in all rows: the cell's parameters say them. */
const SAME = new Set(['model', 'format']);

interface Context {
  /** Table -> cell -> rows. */
  readonly rows: ReadonlyMap<string, ReadonlyMap<string, readonly Row[]>>;
  readonly users: ReadonlyMap<string, readonly string[]>;
  readonly known: ReadonlySet<string>;
  readonly machines: ReadonlyMap<string, Row>;
  readonly sources: ReadonlyMap<string, Row>;
  readonly verdicts: Verdicts | undefined;
  /** Cell -> what it says that it left out. */
  readonly omitted: ReadonlyMap<string, readonly Omitted[]>;
  /** Ids of numbers that were wrong once. */
  readonly errata: ReadonlySet<string>;
}

/** What the pages of all cells are drawn from. */
export interface CellsGiven {
  /** Table -> cell -> rows, in the order of the tables, of the columns that `columnsListed` names. */
  readonly rows: Context['rows'];
  readonly items: readonly CellProvenance[];
  readonly verdicts: Verdicts | undefined;
  readonly omitted: Context['omitted'];
  readonly errata: ReadonlySet<string>;
  readonly accepted: ReadonlySet<string>;
}

export const columnsListed = (table: string, columns: readonly Column[]): readonly string[] =>
  columns.filter((c) => c.name === 'cell' || KEYS[table]!.includes(c.name) || (!LONG.has(c.name) && !c.type.endsWith('[]'))).map((c) => c.name);

/** Of one of the items the text of its page. */
export function cellPages({ rows, items, accepted, ...given }: CellsGiven): (item: CellProvenance) => string {
  const users = new Map<string, string[]>();
  for (const item of items) {
    for (const from of new Set(Object.values(item.inputs).flat().flatMap((i) => (i.cell === undefined ? [] : [i.cell])))) {
      const list = users.get(from);
      if (list) list.push(item.cell); else users.set(from, [item.cell]);
    }
  }
  const byKey = (table: string, key: string): Map<string, Row> => new Map([...(rows.get(table)?.values() ?? [])].flat().map((row) => [row[key] as string, row]));
  const context: Context = { ...given, rows, users, known: new Set(items.map((i) => i.cell)), machines: byKey('machines', 'machine'), sources: byKey('sources', 'path') };
  return (item) => writePage(cellPath(item.cell), { title: item.cell, kicker: html`cell of the stage ${item.stage}, ${item.determinism}`, body: body(item, context, accepted), computes: true }, undefined, undefined, context.errata);
}

function body(item: CellProvenance, context: Context, accepted: ReadonlySet<string>): Html {
  const { record } = item;
  return html`${lead(item)}${claimed(item.cell, context)}${waiver(item, accepted)}
<h2>Compute it again</h2>
<pre>npx bitwidth run ${shellWord(item.cell)}</pre>
<p class="note">In a clone of the project after <code>npm ci</code>; what it needs is computed first. A result that is there already is kept.</p>
<h2 id="again">Computed again by</h2>${rerunList(context.verdicts, item.cell)}
${rerunSection(item.cell)}${numbers(item.cell, context)}${leftOut(item, context)}
<h2 id="inputs">Inputs</h2>
${inputs(item, context)}
<h2 id="parameters">Parameters and outputs</h2>
<dl class="facts-list">${parameters(item)}${seedsAndEnvironment(item)}
${record ? html`<dt>key</dt><dd class="hash">${hash(record.key)}</dd>
${sorted(record.outputs).map(([name, output]) => html`<dt>output ${name}</dt><dd><span class="hash">${hash(output.sha256)}</span>, ${own(output.bytes, 'bytes')}</dd>
`)}` : ''}</dl>
${code(item)}${users(item.cell, context)}${thisRun(item, context)}`;
}

/** Seeds stand among the parameters; that there is none, and what the result depends on besides them, is said here. */
function seedsAndEnvironment(item: CellProvenance): Html {
  const seeds = seedsIn(item.params);
  const environment = [...Object.entries(item.record?.fields.facts ?? {}).map(([name, value]) => `${name} ${value}`), ...constantsOf(item)];
  return html`<dt>seeds</dt><dd>${seeds.length === 0 ? 'none: no noise enters here' : seeds.map(({ name, value }, i) => html`${i > 0 ? ', ' : ''}${name} ${literal(value)}`)}</dd>
${environment.length === 0 ? '' : html`<dt>environment</dt><dd>${environment.map((one, i) => html`${i > 0 ? ', ' : ''}${literal(one)}`)}</dd>
`}`;
}

/** What it could not state, and what it would have read. */
function leftOut(item: CellProvenance, context: Context): Html {
  const own = context.omitted.get(item.cell) ?? [];
  const missing = missingFrom(item);
  if (own.length === 0 && missing.length === 0) return html``;
  return html`<h2 id="left-out">Left out</h2><ul class="links">${own.map(({ quantity, reason }) => html`<li>${quantity}: ${literal(reason)}</li>
`)}${missing.slice(0, MOST_LINKS).map((cell) => html`<li>${context.known.has(cell) ? link(cellPath(cell), cell) : cell}, which has no result</li>
`)}</ul>${more(missing.length - MOST_LINKS, 'cells without a result')}`;
}

/** What belongs to this run and not to the result: marked, because it differs where the study is computed again. */
function thisRun({ record, others = [], reasons }: CellProvenance, context: Context): Html {
  if (!record && reasons.length === 0) return html``;
  return html`<section class="measured"><h2 id="run">This run</h2>
<p class="note">When, where and why it was computed: another run has other values here.</p>
<dl class="facts-list">${record ? html`<dt>finished</dt><dd>${literal(utcMinute(record.finishedAt))}</dd>
<dt>time</dt><dd>${own(record.durationMs, 'ms')}, its share of the task that computed it</dd>
${record.memory ? html`<dt>memory</dt><dd>${own(record.memory.peakBytes, 'bytes')} held at its height by the process, ${record.memory.expectedBytes === undefined ? 'with nothing said beforehand' : html`${own(record.memory.expectedBytes, 'bytes')} expected`}</dd>
` : ''}<dt>machine</dt><dd>${machine(record.machine, context)}</dd>
${record.place ? html`<dt>place</dt><dd>a job on ${literal(record.place.name)}, after ${own(record.place.queuedMs, 'ms')} in the queue</dd>
` : ''}${others.map((other) => html`<dt>also measured by</dt><dd>${machine(other.machine, context)}; ${literal(utcMinute(other.finishedAt))}</dd>
`)}${record.computedBy ? html`<dt>computed by</dt><dd>${sorted(record.computedBy).map(([name, value], i) => html`${i > 0 ? ', ' : ''}${name} ${literal(value)}`)}</dd>` : ''}` : ''}
${reasons.length > 0 ? html`<dt>why it ran</dt><dd>${reasons.map((r) => html`${r.field}${r.before === undefined && r.after === undefined ? '' : html`: ${literal(r.before ?? 'nothing')} → ${literal(r.after ?? 'nothing')}`}<br>`)}</dd>` : ''}</dl></section>`;
}

/** Entries by name: the order in which outputs were committed is not part of a result. */
const sorted = <T>(entries: { readonly [name: string]: T }): [string, T][] => Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1));

/** The first sentence, from the record. */
function lead(item: CellProvenance): Html {
  const failure = item.failure ?? item.record?.failure;
  if (!item.record || item.record.status === 'failed') {
    return html`<p class="lead">This cell has no result: ${failure ? html`${failure.sentence} <span class="quiet">(${link(`failures.html#${failureAnchor(item.cell)}`, failure.code)})</span>` : 'it has no record'}.</p>
${failure?.hint ? html`<p>What to do: ${failure.hint}</p>` : ''}`;
  }
  const kind = item.determinism === 'measured' ? 'Measured on one machine; another machine gives other numbers.'
    : item.determinism === 'fetched' ? 'Fetched from outside and held to its sha256.' : 'Exact: the same inputs and code give the same bytes on every machine.';
  return html`<p class="lead">${kind}</p>`;
}

/** That its numbers were given by other programs, and where what is known of them ends. */
function claimed(cell: string, { rows }: Context): Html {
  const own = rows.get(CLAIMED)?.get(cell) ?? [];
  if (own.length === 0) return html``;
  const [file] = own.map((row) => String(row['file']));
  return html`
<section class="waiver"><h2 id="claimed-not-derived">Claimed, not derived</h2>
<p>Other programs gave these numbers: ${[...new Set(own.map((row) => `${String(row['program'])} ${String(row['version'])}`))].slice(0, MOST_LINKS).map((program, i) => html`${i > 0 ? ', ' : ''}${literal(program)}`)}. What this study knows of them ends at the file <code>data/claimed/${literal(file)}.csv</code>, whose lines say their sources: the cell only read it. Nothing else is computed from them, and no verdict rests on them.</p></section>`;
}

/** That a result stands although something changed, or rests on one that does. */
function waiver({ cell, waiver: own, inputs: from }: CellProvenance, accepted: ReadonlySet<string>): Html {
  if (own) {
    return html`
<section class="waiver"><h2 id="accepted">Accepted after a change</h2>
<p>This result is from before a change that a person judged harmless; it was not computed again.</p>
<dl class="facts-list"><dt>what changed</dt><dd>${own.causes.map((cause) => html`${cause}<br>`)}</dd>
<dt>why it is harmless</dt><dd>${literal(own.because)}</dd>
<dt>accepted by</dt><dd>${literal(own.by)}, ${literal(utcMinute(own.at))}</dd>
<dt>sample</dt><dd>${literal(String(own.sampled))} of ${literal(String(own.cells))} cells were computed again first, and came out equal</dd>
<dt>waiver</dt><dd>${literal(own.id)}</dd></dl></section>`;
  }
  if (!accepted.has(cell)) return html``;
  const origins = [...new Set(Object.values(from).flat().flatMap((one) => one.cell ?? []))].filter((one) => accepted.has(one));
  return html`
<section class="waiver"><h2 id="accepted">Rests on accepted results</h2>
<p>It is computed from results that stand although something changed: ${origins.slice(0, MOST_LINKS).map((one, i) => html`${i > 0 ? ', ' : ''}${link(`${cellPath(one)}#accepted`, one)}`)}${origins.length > MOST_LINKS ? html` and others` : ''}.</p></section>`;
}

/** A single-quoted word for a shell, where quoting is needed at all. */
const shellWord = (word: string): string => (/^[\w:/.+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** Outside text that may be only a number: a parameter, a time, a build. */
const literal = (value: unknown): Html => lit(typeof value === 'string' ? value : JSON.stringify(value) ?? 'null', 'parameter');
const hash = (sha256: string): Html => lit(sha256, 'hash');

function parameters(item: CellProvenance): Html {
  return html`${Object.entries(item.params).map(([name, value]) => html`<dt>${name}</dt><dd>${parameter(value)}</dd>
`)}`;
}

/** A parameter that holds others is listed, one a line. */
const parameter = (value: unknown): Html =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? html`${Object.entries(value).map(([name, inner]) => html`${name}: ${literal(inner)}<br>`)}` : literal(value);

function machine(label: string, context: Context): Html {
  const row = context.machines.get(label);
  if (!row) return literal(label);
  return html`${literal(label)}: ${literal(row['cpu'])}, ${own(Number(row['cores']), 'cores')}, ${own(Number(row['memory_bytes']), 'bytes')} of memory, ${literal(row['os'])}, Node ${literal(row['node'])}`;
}

const more = (left: number, what: string): Html => (left > 0 ? html`<p class="note">And ${own(left)} more ${what}.</p>` : html``);

function inputs(item: CellProvenance, context: Context): Html {
  const lines = Object.entries(item.inputs).flatMap(([name, from]) => from.map((origin) => ({ name, ...origin })));
  if (lines.length === 0) return html`<p>None: it is made from its parameters and code alone.</p>`;
  return html`<div class="box"><table><thead><tr><th scope="col">input</th><th scope="col">from</th><th scope="col">sha256</th></tr></thead><tbody>
${lines.slice(0, MOST_LINKS).map((line) => html`<tr><th scope="row">${literal(line.name)}</th><td class="wide">${origin(line, context)}</td><td class="hash">${hash((line.sha256 ?? String(context.sources.get(line.file ?? '')?.['sha256'] ?? '')).slice(0, 16))}</td></tr>
`)}</tbody></table></div>${more(lines.length - MOST_LINKS, 'inputs')}`;
}

function origin(from: CellProvenance['inputs'][string][number], context: Context): Html {
  if (from.cell !== undefined) return html`${context.known.has(from.cell) ? link(cellPath(from.cell), from.cell) : from.cell}${from.output ? html`, output ${from.output}` : ''}${from.machine === undefined ? '' : html`, measured by ${literal(from.machine)}`}`;
  if (from.file === undefined) return html`<span class="missing">unknown</span>`;
  const source = context.sources.get(from.file);
  return html`<code>${from.file}</code>${source ? html`: ${literal(source['title'])}, from ${literal(source['origin'])}, licence ${literal(source['licence'])}` : ''}`;
}

function code(item: CellProvenance): Html {
  const files = sorted(item.code);
  if (files.length === 0) return html``;
  return html`<h2 id="code">Code</h2>
<p>${item.record ? html`Identity <span class="hash">${hash(item.record.fields.code)}</span>: ` : ''}the files and packages whose code could change this result. Comments, formatting and types do not count.</p>
<details><summary>Files, each with the hash of its normalised code, and packages with their versions</summary><ul>${files.map(([file, of]) => html`<li><code>${file}</code> <span class="hash">${hash(of.length === 64 ? of.slice(0, 16) : of)}</span></li>
`)}</ul></details>`;
}

function users(cell: string, context: Context): Html {
  const list = context.users.get(cell) ?? [];
  if (list.length === 0) return html``;
  return html`<h2 id="users">Used by</h2><ul class="links">${list.slice(0, MOST_LINKS).map((user) => html`<li>${link(cellPath(user), user)}</li>
`)}</ul>${more(list.length - MOST_LINKS, 'cells')}`;
}

/** Every row that this cell wrote, number by number. */
function numbers(cell: string, context: Context): Html {
  const parts: Html[] = [];
  for (const [table, byCell] of context.rows) {
    const rows = byCell.get(cell);
    if (!rows || rows.length === 0) continue;
    parts.push(html`<h3 id="${table}">${rowsTitle(table, rows.length)}</h3>${rowTable(table, rows.slice(0, MOST_ROWS_OF_CELL), context.errata)}${more(rows.length - MOST_ROWS_OF_CELL, 'rows')}`);
  }
  return parts.length === 0 ? html`` : html`<h2 id="numbers">What it wrote</h2>${parts}`;
}

function rowTable(table: string, rows: readonly Row[], errata: ReadonlySet<string>): Html {
  const keys = KEYS[table]!;
  const columns = Object.keys(rows[0]!).filter((column) => column !== 'cell' && rows.some((row) => row[column] !== null) && !(SAME.has(column) && new Set(rows.map((row) => row[column])).size === 1));
  const anchored = !BULK.has(table);
  // Assembled as text, escaped piece by piece: thousands of pages hold hundreds of these cells each.
  let out = `<div class="box" tabindex="0" role="region" aria-label="Rows of ${table}"><table class="record"><thead><tr>`;
  for (const column of columns) out += `<th scope="col">${escapeText(column)}</th>`;
  out += '</tr></thead><tbody>\n';
  for (const row of rows) {
    out += '<tr>';
    for (const column of columns) {
      const value = row[column];
      const number = typeof value === 'number' && !keys.includes(column);
      const is = anchored && number && column !== 'low' && column !== 'high' ? numberId(row, table, column) : undefined;
      const id = is === undefined ? '' : ` id="${escapeText(is)}"`;
      const wrong = is !== undefined && errata.has(is) ? `<sup><a href="../${escapeText(erratumPath(is))}" title="an erratum speaks of it">‡</a></sup>` : '';
      out += `<td${number ? ' class="n"' : ''}><span class="own"${id}>${escapeText(valueText(value))}</span>${wrong}</td>`;
    }
    out += '</tr>\n';
  }
  return trusted(`${out}</tbody></table></div>`);
}

/** A value as text; nothing for null. */
const valueText = (value: unknown): string => (value === null || value === undefined ? '' : cut(String(value), LONGEST));

/** A number of this very record: it needs no link, it is where links lead. */
const own = (value: number, unit?: string): Html =>
  trusted(`<span class="own">${escapeText(formattedText(formatNumber({ value }, { ...(unit === 'bytes' ? { as: 'count' as const } : unit === 'ms' ? { decimals: value < 100 ? 1 : 0 } : {}), ...(unit === undefined ? {} : { unit }) })))}</span>`);

/** What stands above the rows of a table. */
const rowsTitle = (table: string, rows: number): Html => html`${table}: ${own(rows)} ${rows === 1 ? 'row' : 'rows'}`;
