/** What a run would do now, without doing it. */
import { decide } from './decide.ts';
import { producersOf, topological } from './pipeline.ts';
import type { DecideOptions, Verdict } from './decide.ts';
import type { Ground } from './ground.ts';
import type { Store } from './store.ts';
import type { Cell, CellRecord } from './types.ts';

/** `follows`: it reads what is to be computed first; it runs too unless that comes out as before. */
export type Forecast = Verdict | { readonly kind: 'follows'; readonly producers: readonly string[] };

/** In topological order. `cells` holds with each cell all that it reads. */
export function preview(cells: readonly Cell[], ground: Ground, options: DecideOptions = AS_IS): ReadonlyMap<string, Forecast> {
  const forecasts = new Map<string, Forecast>();
  for (const cell of topological(cells)) {
    const open = [...producersOf(cell)].filter((id) => { const { kind } = forecasts.get(id)!; return kind === 'run' || kind === 'follows'; });
    forecasts.set(cell.id, open.length > 0 ? { kind: 'follows', producers: open } : decide(cell, ground, (id) => {
      const forecast = forecasts.get(id)!;
      if (forecast.kind === 'run' || forecast.kind === 'follows') throw new Error(`${id} is not settled`);
      return forecast;
    }, options));
  }
  return forecasts;
}

const AS_IS: DecideOptions = { force: () => false, measure: () => false, retryFailed: false, changedHere: () => false };

/**
 * How long a cell will take, ms: as long as the last time it was computed; else by its work, at the rate of the stage's recorded
 * cells; undefined where the stage has no record at all.
 */
export function durationEstimates(cells: readonly Cell[], store: Store): (cell: Cell) => number | undefined {
  const last = new Map<string, CellRecord>();
  for (const { id } of cells) {
    const record = store.newestOfCell(id);
    if (record?.status === 'done') last.set(id, record);
  }
  const rates = new Map<string, { ms: number; work: number }>();
  for (const { id, stage, work = 1 } of cells) {
    const record = last.get(id);
    if (record === undefined) continue;
    const rate = rates.get(stage.name) ?? { ms: 0, work: 0 };
    rates.set(stage.name, { ms: rate.ms + record.durationMs, work: rate.work + work });
  }
  return ({ id, stage, work = 1 }) => {
    const recorded = last.get(id)?.durationMs;
    if (recorded !== undefined) return recorded;
    const rate = rates.get(stage.name);
    return rate === undefined || rate.work === 0 ? undefined : rate.ms / rate.work * work;
  };
}
