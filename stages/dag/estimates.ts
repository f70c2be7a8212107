/**
 * What a cell will cost, from what is recorded: as much as the last time it was computed; else by its work, at the rate of the
 * stage's recorded cells; undefined where the stage has no record at all.
 */
import type { Store } from './store.ts';
import type { Cell, CellRecord, Sha256 } from './types.ts';

export type Estimate = (cell: Cell) => number | undefined;

/** Wall time, ms. */
export function durationEstimates(cells: readonly Cell[], store: Store): Estimate {
  return estimates(cells, store, ({ durationMs }) => durationMs);
}

/**
 * Size of the outputs; of promised ones (downloads) of those that the store does not have. What is otherwise already stored under the same name is not
 * stored twice; nobody knows that before.
 */
export function byteEstimates(cells: readonly Cell[], store: Store): Estimate {
  const recorded = estimates(cells, store, ({ outputs }) => Object.values(outputs).reduce((sum, { bytes }) => sum + bytes, 0));
  return (cell) => cell.promised === undefined ? recorded(cell)
    : cell.promised.reduce((sum, { sha256, bytes }) => sum + (store.find({ sha256: sha256 as Sha256, bytes }) === undefined ? bytes : 0), 0);
}

function estimates(cells: readonly Cell[], store: Store, costOf: (record: CellRecord) => number): Estimate {
  const last = new Map<string, number>();
  const rates = new Map<string, { cost: number; work: number }>();
  for (const { id, stage, work = 1 } of cells) {
    // A cell that failed last says nothing; the newest that was computed does.
    const record = store.recordsOfCell(id).find(({ status }) => status === 'done');
    if (record === undefined) continue;
    const cost = costOf(record);
    last.set(id, cost);
    const rate = rates.get(stage.name) ?? { cost: 0, work: 0 };
    rates.set(stage.name, { cost: rate.cost + cost, work: rate.work + work });
  }
  return ({ id, stage, work = 1 }) => {
    const recorded = last.get(id);
    if (recorded !== undefined) return recorded;
    const rate = rates.get(stage.name);
    return rate === undefined || rate.work === 0 ? undefined : rate.cost / rate.work * work;
  };
}
