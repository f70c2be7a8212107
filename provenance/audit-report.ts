/** An audit as a person reads it: what the thing is, what it came from, who computed it again, and what does not hold. */
import { count, timeText } from '../stages/dag/index.ts';
import { constantsOf } from '../reports/cell-facts.ts';
import { rerunsOf } from './chain.ts';
import { numberText } from './number-text.ts';
import { CLAIMED, KEYS } from '../reports/tables.ts';
import type { AuditFinding, ResultCell, Results } from '../stages/dag/index.ts';
import type { Chain } from './chain.ts';
import type { Entry } from './ledger.ts';
import type { NumberAudit } from './audit-number.ts';
import type { StoredNumber } from './numbers.ts';

/** So many cells, pages and origins are told, unless all are asked for. */
const TOLD = 8;

export interface ReportOptions { readonly results: Results; readonly ledger: readonly Entry[]; readonly all: boolean; /** The project's own that were given: ' --quick'. */ readonly flags: string }

export function numberLines(number: StoredNumber, audit: NumberAudit, all: boolean): readonly string[] {
  const { row, table, column, value, low, high, unit } = number;
  const about = KEYS[table]!.flatMap((key) => row[key] === null || row[key] === undefined ? [] : [`${key} ${String(row[key])}`]);
  const n = column === 'value' && typeof row['n'] === 'number' ? `, n ${row['n']}${typeof row['clusters'] === 'number' ? ` in ${count(row['clusters'], 'cluster')}` : ''}` : '';
  const places = [...audit.printed.reduce((found, { page, text }) => found.set(`${page} prints ${text}`, (found.get(`${page} prints ${text}`) ?? 0) + 1), new Map<string, number>())];
  return [
    `${number.id} = ${numberText(number)}`,
    `  ${column} of ${table}: ${about.join(', ')}`,
    `  value ${value}${unit === undefined ? '' : ` ${unit}`}, ${low === undefined ? 'no interval' : `interval ${low} to ${high}`}${n}`,
    `  row ${audit.rowNumber} of ${audit.rows}, written by ${audit.tableCell}; ${audit.inOutput === undefined ? `made by it from what ${number.cell} wrote` : `as the output ${audit.inOutput} of ${number.cell} says`}`,
    `  ${audit.sql}`,
    ...(table === CLAIMED ? [`  claimed, not derived: ${String(row['program'])} ${String(row['version'])} gave it (${String(row['source'])}, ${String(row['date'])}); what is known of it ends at data/claimed/${String(row['file'])}.csv`] : []),
    ...shortened(places, all).map(([place, times]) => `  ${place}${times > 1 ? ` (${times} times)` : ''}`),
    ...more(places.length, all, 'place'),
  ];
}

export function chainLines(chain: Chain, options: ReportOptions): readonly string[] {
  const { results, ledger, all, flags } = options;
  const withResult = chain.cells.filter(({ records }) => records.length > 0);
  const lines = ['', `Computed by ${count(chain.cells.length, 'cell')}:`];
  for (const [i, cell] of shortened(chain.cells, all).entries()) lines.push(...cellLines(cell, results, all || i < 2));
  lines.push(...more(chain.cells.length, all, 'cell'));
  lines.push('', chain.origins.length === 0 ? 'It reads no file.' : `From ${count(chain.origins.length, 'file')}:`);
  for (const { path, sha256, source } of shortened(chain.origins, all)) {
    lines.push(`  ${path}  ${sha256 ?? 'missing'}`);
    if (source !== undefined) lines.push(`    ${String(source['title'])}; ${String(source['origin'])}; licence ${String(source['licence'])}; ${String(source['bytes'])} bytes`);
  }
  lines.push(...more(chain.origins.length, all, 'file'));
  const environment = environmentOf(withResult, results);
  if (environment.length > 0) lines.push('', 'Environment:', ...environment.map((line) => `  ${line}`));
  lines.push('', chain.seeds.length === 0 ? 'Seeds: none; no noise enters.' : `Seeds: ${shortened(chain.seeds, all).map(({ cell, name, value }) => `${name} ${value} of ${cell}`).join(', ')}${chain.seeds.length > TOLD && !all ? ', ...' : ''}`);
  const [first] = chain.cells;
  if (first !== undefined) {
    lines.push(`Compute it again: npx bitwidth run ${first.cell}${flags}${first.determinism === 'exact' ? `   (and compare: npx bitwidth reproduce ${first.cell}${flags})` : ''}`);
    const reruns = rerunsOf(first, ledger);
    lines.push(reruns.length === 0 ? 'Computed again by: nobody whose result was added to the study.' : `Computed again by: ${reruns.map(({ by, cpu, when, result }) => `${by} (${cpu}, ${when.slice(0, 10)}): ${result === 'outdated' ? 'an earlier result' : result}`).join('; ')}`);
  }
  for (const { cell, what, note } of shortened(chain.notes, all)) lines.push(`Note: ${cell}, ${what}: ${note}`);
  lines.push(...more(chain.notes.length, all, 'note'));
  return lines;
}

function cellLines({ cell, determinism, params, inputs, code, record, records, failure, stale }: ResultCell, { machines }: Results, long: boolean): readonly string[] {
  if (record === undefined || records.length === 0) return [`  ${cell}: no result${failure === undefined ? '' : `; ${failure.sentence}`}`];
  const { cpu } = machines.get(record.machine) ?? {};
  const lines = [`  ${cell}  ${determinism}, ${timeText(record.finishedAt)}, ${record.machine}${cpu === undefined ? '' : ` (${cpu})`}`];
  if (stale !== undefined) lines.push('    out of date: a run would compute it anew');
  if (!long) return lines;
  const packages = Object.keys(code).filter((name) => name.startsWith('package:')).length;
  const files = Object.values(code).filter((hash) => /^[0-9a-f]{64}$/.test(hash)).length;
  const constants = constantsOf({ code });
  lines.push(
    `    key ${record.key}, run ${record.run}, ${record.durationMs.toFixed(0)} ms`,
    `    params ${JSON.stringify(params).slice(0, 400)}`,
    `    code ${record.fields.code}: ${count(files, 'file')}${packages > 0 ? `, ${count(packages, 'package')}` : ''}${constants.length > 0 ? `, ${constants.join(', ')}` : ''}`,
  );
  for (const [name, from] of Object.entries(inputs)) {
    const [one] = from;
    lines.push(`    input ${name}: ${from.length > 1 ? `${count(from.length, 'output')}, the first ` : ''}${one === undefined ? 'nothing' : one.file ?? (one.output === undefined ? `the record of ${one.cell}` : `${one.output} of ${one.cell}`)}${one?.sha256 === undefined ? '' : `  ${one.sha256}`}`);
  }
  for (const [name, output] of Object.entries(record.outputs)) lines.push(`    output ${name}: ${output.sha256}, ${output.bytes} bytes`);
  return lines;
}

/** Machines, what computed, and the versions that count as code, each once. */
export function environmentOf(cells: readonly ResultCell[], { machines }: Pick<Results, 'machines'>): readonly string[] {
  const lines = new Set<string>();
  for (const { records } of cells) {
    for (const { machine, computedBy } of records) {
      const about = machines.get(machine);
      lines.add(`machine ${machine}${about === undefined ? '' : `: ${about.cpu}, ${count(about.cores, 'core')}, ${Math.round(about.memoryBytes / 1e9)} GB, ${about.os}, Node ${about.node}`}`);
      if (computedBy !== undefined) lines.add(Object.entries(computedBy).map(([name, value]) => `${name} ${value}`).join(', '));
    }
  }
  const constants = new Set(cells.flatMap(constantsOf));
  return [...lines, ...(constants.size > 0 ? [[...constants].join(', ')] : [])];
}

export function findingLines(findings: readonly AuditFinding[]): readonly string[] {
  return findings.flatMap(({ cell, what, expected, found }) => [`BROKEN ${cell}, ${what}`, `  expected ${expected}`, `  found    ${found}`]);
}

const shortened = <T>(list: readonly T[], all: boolean): readonly T[] => all ? list : list.slice(0, TOLD);
const more = (n: number, all: boolean, noun: string): readonly string[] => all || n <= TOLD ? [] : [`  and ${count(n - TOLD, `more ${noun}`, `more ${noun}s`)} (--all tells them)`];
