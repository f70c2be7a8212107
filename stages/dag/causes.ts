/** What a run would compute, by cause: a cell that follows others has their causes. */
import { reasonText } from './reasons.ts';
import { count } from './words.ts';
import type { Forecast } from './preview.ts';
import type { Cell, Reason } from './types.ts';

/** A cell that would be computed, or may be. */
export interface Todo {
  readonly cell: Cell;
  readonly forecast: Forecast & { readonly kind: 'run' | 'follows' };
  /** Estimates; undefined where nothing like it is recorded. */
  readonly ms: number | undefined;
  readonly bytes: number | undefined;
}

export interface CauseGroup {
  readonly cause: string;
  readonly stages: Set<string>;
  cells: number;
  /** Of these, the ones that are left out where what they read comes out as before. */
  following: number;
  ms: number;
  bytes: number;
  /** Cells without an estimate of their duration. */
  unknown: number;
}

const SEVERAL = 'several of these causes';

/** Groups, the one that costs the most time first. `forecasts`: of all cells, each after what it reads. */
export function byCause(todo: readonly Todo[], forecasts: ReadonlyMap<string, Forecast>): readonly CauseGroup[] {
  const causes = new Map<string, string>();
  for (const [id, forecast] of forecasts) {
    if (forecast.kind === 'run') causes.set(id, shortly(forecast.reasons));
    else if (forecast.kind === 'follows') causes.set(id, common(forecast.producers.map((producer) => causes.get(producer))));
  }
  const groups = new Map<string, CauseGroup>();
  for (const { cell, forecast, ms, bytes } of todo) {
    const cause = causes.get(cell.id)!;
    let group = groups.get(cause);
    if (group === undefined) groups.set(cause, group = { cause, stages: new Set(), cells: 0, following: 0, ms: 0, bytes: 0, unknown: 0 });
    group.stages.add(cell.stage.name);
    group.cells++;
    if (forecast.kind === 'follows') group.following++;
    if (ms === undefined) group.unknown++;
    group.ms += ms ?? 0;
    group.bytes += bytes ?? 0;
  }
  return [...groups.values()].sort((a, b) => Number(a.cause === SEVERAL) - Number(b.cause === SEVERAL) || b.ms - a.ms || b.cells - a.cells);
}

/** '96 % because kernels/formats/nf4.ts changed': the first cause, and its share of the time (of the cells where no time is known). */
export function mainCause(groups: readonly CauseGroup[]): string {
  const [first] = groups;
  const share = (part: (group: CauseGroup) => number): number => part(first!) / groups.reduce((sum, group) => sum + part(group), 0);
  const known = groups.every(({ unknown }) => unknown === 0) && groups.some(({ ms }) => ms > 0);
  const percent = Math.round(100 * share(known ? ({ ms }) => ms : ({ cells }) => cells));
  const cause = first!.cause.replace(/^code (?=.* (changed|added|removed))/, '').replace(/^never computed/, 'they were never computed');
  return `${groups.length === 1 ? 'all' : `${percent} %${known ? '' : ' of the cells'}`} because ${cause}`;
}

function shortly([first, ...others]: readonly Reason[]): string {
  return `${reasonText(first!)}${others.length === 0 ? '' : `, and ${count(others.length, 'other reason')}`}`;
}

function common([first, ...others]: readonly (string | undefined)[]): string {
  return first !== undefined && others.every((other) => other === first) ? first : SEVERAL;
}
