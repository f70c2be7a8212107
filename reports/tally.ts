/**
 * Lists the cells without a result and those that count by a waiver, and counts the cells of each stage. It stands between the records and the pages so that
 * a page is redrawn for a new failure, and not for every new record: equal lists have equal bytes.
 */
import type { CellProvenance, Run } from '../stages/dag/index.ts';
import type { FailedCell, StageCount } from './page.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const input = cell.inputs['records'];
    const items = input?.kind === 'records' ? input.items : [];
    const { failed, counts, accepted } = tallyOf(items);
    await io.commit(cell.id, { failed: JSON.stringify(failed), counts: JSON.stringify(counts), accepted: JSON.stringify([...accepted]) });
  }
};

export interface Tally { readonly failed: readonly FailedCell[]; readonly counts: readonly StageCount[]; readonly accepted: ReadonlySet<string> }

export function tallyOf(items: readonly CellProvenance[]): Tally {
  const counts = new Map<string, StageCount>();
  const failed: FailedCell[] = [];
  for (const { cell, stage, params, record, failure } of items) {
    const done = record?.status === 'done';
    const before = counts.get(stage) ?? { stage, cells: 0, done: 0 };
    counts.set(stage, { stage, cells: before.cells + 1, done: before.done + (done ? 1 : 0) });
    if (!done) failed.push({ cell, params, failure: failure ?? record?.failure ?? { code: 'no-output', sentence: 'It has no record.' } });
  }
  return { failed, counts: [...counts.values()], accepted: acceptedIn(items) };
}

/** Cells with a result from before a change that a person accepted, and all that is computed from such a one, in their order. */
function acceptedIn(items: readonly CellProvenance[]): ReadonlySet<string> {
  const readers = new Map<string, string[]>();
  for (const { cell, inputs } of items) {
    for (const from of new Set(Object.values(inputs).flat().flatMap((one) => one.cell ?? []))) readers.set(from, [...readers.get(from) ?? [], cell]);
  }
  const accepted = new Set(items.flatMap(({ cell, waiver }) => (waiver ? [cell] : [])));
  // A Set's iteration reaches what is added on the way.
  for (const cell of accepted) for (const reader of readers.get(cell) ?? []) accepted.add(reader);
  return accepted.size === 0 ? accepted : new Set(items.map(({ cell }) => cell).filter((cell) => accepted.has(cell)));
}
