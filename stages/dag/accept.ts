/**
 * Which results would go on counting if a change were accepted: cells that are out of date for nothing but that change, and those
 * that then are. Reads only.
 */
import { preview } from './preview.ts';
import { reasonsFor, reasonText } from './reasons.ts';
import type { Ground } from './ground.ts';
import type { Forecast } from './preview.ts';
import type { Cell, CellRecord, Reason, Sha256 } from './types.ts';
import type { WaivedKey, Waiver } from './waivers.ts';

/** A cell, the key that it has now, and the record from before the change. */
export interface Covered extends WaivedKey { readonly of: Cell; readonly record: CellRecord; readonly reasons: readonly Reason[] }

export interface Acceptance {
  readonly covered: readonly Covered[];
  /** All cells as they would be. */
  readonly forecasts: ReadonlyMap<string, Forecast>;
  /** Reasons (in words) of cells that are exact and stay out of date -> how many. */
  readonly otherwise: ReadonlyMap<string, number>;
  /** Cells that the change touches and whose results are not exact: nothing could be compared. */
  readonly inexact: number;
}

/** `causes`: files (code or inputs, from the root) and packages that changed. */
export function acceptance(ground: Ground, causes: ReadonlySet<string>, waiver: Waiver): Acceptance {
  const { cells } = ground.pipeline;
  const covered = new Map<Sha256, Covered>();
  const withCovered: Ground = { ...ground, waived: (key) => { const found = covered.get(key); return found === undefined ? ground.waived(key) : { waiver, counts: found.counts }; } };
  for (;;) {
    const forecasts = preview({ cells, onDemand: new Set() }, withCovered);
    const before = covered.size;
    const otherwise = new Map<string, number>();
    let inexact = 0;
    for (const cell of cells) {
      const forecast = forecasts.get(cell.id)!;
      // What only helps shows in no result: it is made again where it is used.
      if (forecast.kind !== 'run' || cell.stage.optional === true || covered.has(forecast.key)) continue;
      const earlier = nearestEarlier(cell, forecast, ground, causes);
      if (earlier !== undefined && cell.stage.determinism !== 'exact') inexact++;
      else if (earlier !== undefined) covered.set(forecast.key, { cell: cell.id, key: forecast.key, counts: earlier.record.key, of: cell, ...earlier });
      else for (const text of new Set(forecast.reasons.map(reasonText))) otherwise.set(text, (otherwise.get(text) ?? 0) + 1);
    }
    // What reads these cells is known now to be up to date, or to be out of date by itself.
    if (covered.size === before) return { covered: [...covered.values()], forecasts, otherwise, inexact };
  }
}

/** The newest result of a cell from which it differs in nothing but the change. */
function nearestEarlier(cell: Cell, { key, fields }: Forecast & { kind: 'run' }, ground: Ground, causes: ReadonlySet<string>): { readonly record: CellRecord; readonly reasons: readonly Reason[] } | undefined {
  const { store } = ground;
  const closure = ground.codeOf(cell).files;
  // Only a file's change is told with its name: what other cells made is theirs to be accepted.
  const changedCells = Object.fromEntries(Object.entries(cell.inputs).map(([name, input]) => [name, input.kind === 'file' ? [input.path] : []]));
  for (const record of store.recordsOfCell(cell.id)) {
    if (record.status !== 'done' || record.key === key || store.missingOutputs(record).length > 0 || store.done(record.key) === undefined) continue;
    const reasons = reasonsFor({ fields, closure, changedCells }, record, store.closure(record.fields.code));
    if (reasons.every((reason) => causes.has(causeOf(reason) ?? ''))) return { record, reasons };
  }
  return undefined;
}

/** The file or package of a reason; undefined for one that is no such change. */
export function causeOf({ field }: Reason): string | undefined {
  return /^code (\S+)(?: changed| added| removed)?$/.exec(field)?.[1] ?? /^input \S+ changed \((\S+)\)$/.exec(field)?.[1];
}
