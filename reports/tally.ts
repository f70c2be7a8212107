/**
 * Lists the cells without a result and counts the cells of each stage. It stands between the records and the pages so that
 * a page is redrawn for a new failure, and not for every new record: equal lists have equal bytes.
 */
import type { Run } from '../stages/dag/index.ts';
import type { FailedCell, StageCount } from './page.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const input = cell.inputs['records'];
    const items = input?.kind === 'records' ? input.items : [];
    const counts = new Map<string, StageCount>();
    const failed: FailedCell[] = [];
    for (const { cell: id, stage, params, record, failure } of items) {
      const done = record?.status === 'done';
      const before = counts.get(stage) ?? { stage, cells: 0, done: 0 };
      counts.set(stage, { stage, cells: before.cells + 1, done: before.done + (done ? 1 : 0) });
      if (!done) failed.push({ cell: id, params, failure: failure ?? record?.failure ?? { code: 'no-output', sentence: 'It has no record.' } });
    }
    await io.commit(cell.id, { failed: JSON.stringify(failed), counts: JSON.stringify([...counts.values()]) });
  }
};
