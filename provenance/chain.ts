/** What a result was computed from, down to the files that came from outside: each cell with what is known of it, and its links checked. */
import { DamagedObject } from '../stages/dag/index.ts';
import { seedsIn } from '../reports/cell-facts.ts';
import { rowsOf, tablesOf } from './tables.ts';
import { verdictsOf } from './ledger.ts';
import type { AuditFinding, AuditNote, ResultCell, Results } from '../stages/dag/index.ts';
import type { Row } from '../reports/num.ts';
import type { Entry, Verdict } from './ledger.ts';

/** A file that a cell read, and where it came from. */
export interface Origin {
  readonly path: string;
  readonly sha256: string | undefined;
  /** Its row in the table of sources. */
  readonly source: Row | undefined;
}

export interface Chain {
  /** First the ones that were asked for, then what each was computed from. */
  readonly cells: readonly ResultCell[];
  readonly origins: readonly Origin[];
  readonly seeds: readonly { readonly cell: string; readonly name: string; readonly value: number | string }[];
  readonly findings: readonly AuditFinding[];
  readonly notes: readonly AuditNote[];
}

/** The cells above these, them included: what each reads, and what that reads. */
export function cellsBehind(ids: readonly string[], cells: ReadonlyMap<string, ResultCell>): readonly ResultCell[] {
  const seen = new Set(ids);
  for (const id of seen) for (const { cell } of Object.values(cells.get(id)?.inputs ?? {}).flat()) if (cell !== undefined) seen.add(cell); // a Set's iteration reaches what is added
  return [...seen].flatMap((id) => cells.get(id) ?? []);
}

/** Checks every link of these cells and of all that they were computed from. */
export async function chainOf(ids: readonly string[], results: Results): Promise<Chain> {
  const cells = cellsBehind(ids, results.cells);
  const known = new Set(results.lost);
  const findings: AuditFinding[] = ids.filter((id) => known.has(id)).map(lostFinding);
  const notes: AuditNote[] = [];
  for (const { cell } of cells) {
    const audit = await results.audit(cell);
    findings.push(...audit.findings, ...(known.has(cell) && !ids.includes(cell) ? [lostFinding(cell)] : []));
    notes.push(...audit.notes);
  }
  const origins = await originsOf(cells, results, findings);
  return { cells, origins, findings, notes, seeds: cells.flatMap(({ cell, params }) => seedsIn(params).map((seed) => ({ cell, ...seed }))) };
}

const lostFinding = (cell: string): AuditFinding => ({ cell, what: 'record', expected: 'the record that its run\'s list of results names', found: 'none of that key in the log' });

/** Files from outside are held to what the table of sources says of them, too. */
async function originsOf(cells: readonly ResultCell[], results: Results, findings: AuditFinding[]): Promise<readonly Origin[]> {
  const stored = tablesOf(results).get('sources');
  const sources = new Map((stored === undefined ? [] : await rowsOf(results, stored)).map((row) => [String(row['path']), row]));
  const origins = new Map<string, Origin>();
  for (const { cell, inputs } of cells) {
    for (const [name, from] of Object.entries(inputs)) {
      for (const { file, sha256 } of from) {
        if (file === undefined) continue;
        const source = sources.get(file);
        if (source !== undefined && sha256 !== undefined && source['sha256'] !== sha256) findings.push({ cell, what: `input ${name}`, expected: `${String(source['sha256'])} (${file} in the table of sources)`, found: sha256 });
        if (!origins.has(file)) origins.set(file, { path: file, sha256, source });
      }
    }
  }
  // What was downloaded was no file of the project: it stands in the table of sources alone, under the cell that took it in.
  for (const { cell, determinism, inputs, record } of cells) {
    if (determinism !== 'fetched' || record?.status !== 'done' || Object.values(inputs).flat().some(({ file }) => file !== undefined)) continue;
    const taken = new Set(Object.values(record.outputs).flatMap((output) => output.tree === true ? filesOf(results, output) : [output.sha256 as string]));
    for (const [path, source] of sources) {
      if (source['cell'] !== cell) continue;
      const sha256 = String(source['sha256']);
      if (!taken.has(sha256)) findings.push({ cell, what: 'a file that it took in', expected: `${sha256} (${path} in the table of sources)`, found: 'no output of that hash' });
      origins.set(path, { path, sha256, source });
    }
  }
  return [...origins.values()];
}

/** Hashes of a folder's files; none where its list is damaged, which the audit of its cell has told. */
function filesOf(results: Results, output: Parameters<Results['tree']>[0]): readonly string[] {
  try {
    return Object.values(results.tree(output).tree).map(({ sha256 }) => sha256);
  } catch (error) {
    if (error instanceof DamagedObject) return [];
    throw error;
  }
}

/** Who computed a cell again, and with what result. */
export const rerunsOf = ({ cell, records }: ResultCell, ledger: readonly Entry[]): readonly Verdict[] => verdictsOf(cell, records.map(({ key }) => key), ledger);
