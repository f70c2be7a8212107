/** How much work waits behind each cell: what goes first is what the end of the run waits for. */
import { producersOf, toolCellsOf, topological } from './pipeline.ts';
import type { Cell } from './types.ts';

/** What runs in one task: cells of one stage with the same batch, on one GPU where they name it. */
export function batchName({ stage, batch, id, gpu }: Cell): string {
  return `${stage.name}\n${batch ?? id}${gpu === undefined ? '' : `\n${gpu.name}`}`;
}

/** The work of these cells. */
export function workOf(cells: readonly Cell[]): number {
  return cells.reduce((sum, { work = 1 }) => sum + work, 0);
}

/**
 * Cell -> the most work that lies on one path from it to a cell that nothing reads, itself not counted. A reader counts with its whole
 * batch, since that runs as one task. Cells that are up to date count as well: this is an order, not an estimate.
 */
export function workBehind(cells: readonly Cell[]): ReadonlyMap<string, number> {
  const batches = new Map<string, number>();
  for (const cell of cells) batches.set(batchName(cell), (batches.get(batchName(cell)) ?? 0) + (cell.work ?? 1));
  const behind = new Map(cells.map(({ id }) => [id, 0]));
  for (const cell of topological(cells).toReversed()) {
    const own = batches.get(batchName(cell))! + behind.get(cell.id)!;
    for (const id of [...producersOf(cell), ...toolCellsOf(cell)]) if (behind.get(id)! < own) behind.set(id, own);
  }
  return behind;
}
