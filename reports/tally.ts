/**
 * Counts the cells by stage and lists those without a result. It stands between the records and the pages so that a page
 * is redrawn for a new failure, and not for every new record: equal tallies have equal bytes.
 */
import type { Run } from '../stages/dag/index.ts';
import type { FailedCell, Tally } from './page.ts';

export const run: Run = async (cells, io) => {
  for (const cell of cells) {
    const input = cell.inputs['records'];
    const items = input?.kind === 'records' ? input.items : [];
    const stages = new Map<string, { stage: string; determinism: string; cells: number; done: number }>();
    const failed: FailedCell[] = [];
    for (const item of items) {
      const counts = stages.get(item.stage) ?? { stage: item.stage, determinism: item.determinism, cells: 0, done: 0 };
      counts.cells++;
      if (item.record?.status === 'done') counts.done++;
      else failed.push({ cell: item.cell, params: item.params, failure: item.failure ?? item.record?.failure ?? { code: 'no-output', sentence: 'It has no record.' } });
      stages.set(item.stage, counts);
    }
    const tally: Tally = { stages: [...stages.values()], failed };
    await io.commit(cell.id, { tally: JSON.stringify(tally) });
  }
};
