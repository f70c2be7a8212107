/**
 * What computing a pack once more came to: for each claim and each cell whether it came out as it was, as data that can be given
 * back to the study.
 */
import { hashOf } from './pack-format.ts';
import type { Row } from '../reports/num.ts';
import type { PackedCell } from './pack-format.ts';
import type { Pack } from './pack-reader.ts';

export const REPRODUCTION_FORMAT = 1;

/**
 * equal    every output that must come out equal has the same bytes
 * within   it rests on timings, which no two machines share: what is said of it is the same
 * differs
 * not run  there is no result to compare; `why` says why
 */
export type ReproductionResult = 'equal' | 'within' | 'differs' | 'not run';

export interface ClaimReproduction {
  readonly claim: string;
  readonly version: string;
  readonly title: string;
  readonly cell: string;
  readonly result: ReproductionResult;
  readonly why: string;
  /** Of computing it and all that it was computed from. */
  readonly minutes: number;
}

export interface Reproduction {
  readonly format: number;
  /** The pack: the sha256 of its list of cells, and the run that it is of. */
  readonly of: { readonly pipeline: string; readonly run: string | null; readonly cells: string };
  /** Who says so, in their own word. */
  readonly by: string;
  /** Of whoever computed it again. */
  readonly machine: string;
  readonly cpu: string;
  /** ISO 8601, to the minute. */
  readonly when: string;
  /** Code of results that is not that of the pack, by file; empty: the same code. */
  readonly otherCode: readonly string[];
  readonly claims: readonly ClaimReproduction[];
  /** Cells that must come out equal and were computed: the key of the record compared with, and how they came out. */
  readonly cells: { readonly [cell: string]: { readonly key: string; readonly result: 'equal' | 'differs' } };
}

/** Compares what a pack says with what was computed again. */
export async function reproductionOf(then: Pack, now: Pack, about: Pick<Reproduction, 'by' | 'machine' | 'cpu' | 'when'>): Promise<Reproduction> {
  const again = new Map(now.cells.map((cell) => [cell.cell, cell]));
  const timed = restsOnTimings(then.cells);
  const cells: { [cell: string]: { key: string; result: 'equal' | 'differs' } } = {};
  const otherCode = new Set<string>();
  for (const cell of then.cells) {
    const other = again.get(cell.cell);
    if (cell.record === undefined || other?.record === undefined) continue;
    if (cell.record.fields.code !== other.record.fields.code) for (const name of otherFiles(cell, other, then, now)) otherCode.add(name);
    if (cell.compared.length > 0 && !timed.has(cell.cell)) cells[cell.cell] = { key: cell.record.key, result: sameOutputs(cell, other) ? 'equal' : 'differs' };
  }
  const [claims, claimsNow] = [await then.rows('claims') ?? [], await now.rows('claims') ?? []];
  return {
    format: REPRODUCTION_FORMAT,
    of: { pipeline: then.manifest.pipeline, run: then.manifest.run, cells: hashOf(then.cells.map((cell) => JSON.stringify(cell)).join('\n')) },
    ...about, otherCode: [...otherCode].sort(), cells,
    claims: claims.map((claim) => claimReproduction(claim, claimsNow, then, again, timed)),
  };
}

/** The cells that a timing went into, however far above. */
export function restsOnTimings(cells: readonly PackedCell[]): ReadonlySet<string> {
  const byId = new Map(cells.map((cell) => [cell.cell, cell]));
  const known = new Map<string, boolean>();
  const timed = (id: string): boolean => {
    const before = known.get(id);
    if (before !== undefined) return before;
    known.set(id, false);
    const cell = byId.get(id);
    const found = cell !== undefined && (cell.determinism === 'measured' || producersOf(cell).some(timed));
    known.set(id, found);
    return found;
  };
  return new Set([...byId.keys()].filter(timed));
}

export const producersOf = ({ inputs }: PackedCell): readonly string[] => Object.values(inputs).flat().flatMap(({ cell }) => cell ?? []);

function sameOutputs({ record: a, compared }: PackedCell, { record: b }: PackedCell): boolean {
  return compared.every((output) => a!.outputs[output]?.sha256 === b!.outputs[output]?.sha256);
}

function claimReproduction(claim: Row, claimsNow: readonly Row[], then: Pack, again: ReadonlyMap<string, PackedCell>, timed: ReadonlySet<string>): ClaimReproduction {
  const cell = String(claim['cell']);
  const own = then.cells.find((one) => one.cell === cell);
  const other = again.get(cell);
  const about = { claim: String(claim['claim']), version: String(claim['version']), title: String(claim['title']), cell, minutes: minutesOf(cell, again) };
  if (own?.record === undefined) return { ...about, result: 'not run', why: 'the pack has no result of it' };
  if (other?.record === undefined) return { ...about, result: 'not run', why: other?.failure === undefined ? 'the time was up, or it is not declared any more' : firstFailure(other, again) };
  if (sameOutputs(own, other)) return { ...about, result: 'equal', why: 'the same bytes' };
  const row = claimsNow.find((one) => one['claim'] === claim['claim'] && one['version'] === claim['version']);
  const verdicts = `${String(claim['verdict'])} -> ${String(row?.['verdict'] ?? 'nothing')}`;
  if (timed.has(cell)) return row?.['verdict'] === claim['verdict'] ? { ...about, result: 'within', why: 'it rests on timings of another machine; the verdict is the same' } : { ...about, result: 'differs', why: `it rests on timings: ${verdicts}` };
  return { ...about, result: 'differs', why: row?.['verdict'] === claim['verdict'] ? 'its numbers differ, its verdict does not' : verdicts };
}

function firstFailure(cell: PackedCell, again: ReadonlyMap<string, PackedCell>): string {
  const failed = [...producersOf(cell).flatMap((id) => again.get(id) ?? []), cell].find(({ failure }) => failure !== undefined && failure.code !== 'upstream-failed');
  return (failed ?? cell).failure!.sentence;
}

/** Of a cell and everything above it. */
function minutesOf(id: string, cells: ReadonlyMap<string, PackedCell>): number {
  const seen = new Set<string>();
  const sum = (one: string): number => {
    if (seen.has(one)) return 0;
    seen.add(one);
    const cell = cells.get(one);
    return cell === undefined ? 0 : (cell.record?.durationMs ?? 0) + producersOf(cell).reduce((total, from) => total + sum(from), 0);
  };
  return Math.round(sum(id) / 600) / 100;
}

/** Files and packages that one closure has otherwise than the other. */
function otherFiles(a: PackedCell, b: PackedCell, then: Pack, now: Pack): readonly string[] {
  const [before, after] = [then.closure(a.record!.fields.code), now.closure(b.record!.fields.code)];
  if (before === undefined || after === undefined) return [`code of ${a.cell}`];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => before[name] !== after[name]);
}
