/** What a run would do now, without doing it. */
import { decide } from './decide.ts';
import { producersOf, toolCellsOf, topological } from './pipeline.ts';
import type { DecideOptions, Outcome, Verdict } from './decide.ts';
import type { Ground } from './ground.ts';
import type { Selection } from './selection.ts';
import type { Cell } from './types.ts';

export type Forecast =
  | Verdict
  /** It reads what is to be computed first (and runs too unless that comes out as before), or only helps what follows. */
  | { readonly kind: 'follows'; readonly producers: readonly string[] }
  /** It is out of date and only helps; nothing that uses it is going to run. */
  | { readonly kind: 'idle' };

/** `cells` holds with each cell all that it reads and uses. What is asked without options is what the store has and a run would find: see AS_LAST. */
export function preview({ cells, onDemand }: Pick<Selection, 'cells' | 'onDemand'>, ground: Ground, options: DecideOptions = AS_LAST): ReadonlyMap<string, Forecast> {
  const forecasts = new Map<string, Forecast>();
  const settled = (id: string): Outcome => {
    const forecast = forecasts.get(id)!;
    if (forecast.kind !== 'done' && forecast.kind !== 'failed') throw new Error(`${id} is not settled`);
    return forecast;
  };
  const forecast = (cell: Cell): Forecast => {
    const open = [...producersOf(cell)].filter((id) => { const { kind } = forecasts.get(id)!; return kind !== 'done' && kind !== 'failed'; });
    return open.length > 0 ? { kind: 'follows', producers: open } : decide(cell, ground, settled, options);
  };
  /** Of a cell that only helps: what `user` makes of it, if no other has yet. */
  const demand = (id: string, user: string, certain: boolean): void => {
    if (forecasts.has(id)) return;
    const cell = ground.cell(id);
    for (const producer of producersOf(cell)) demand(producer, user, certain);
    const alone = forecast(cell);
    const found: Forecast = alone.kind === 'run' && !certain ? { kind: 'follows', producers: [user] } : alone;
    forecasts.set(id, found);
    equip(cell, found);
  };
  const equip = (cell: Cell, { kind }: Forecast): void => {
    if (kind === 'run' || kind === 'follows') for (const tool of toolCellsOf(cell)) demand(tool, cell.id, kind === 'run');
  };
  const ordered = topological(cells);
  const needed = ordered.filter(({ id }) => !onDemand.has(id));
  for (const cell of needed) forecasts.set(cell.id, forecast(cell));
  if (onDemand.size === 0) return forecasts;
  // First those that run for certain: what they use runs for certain, too.
  for (const kind of ['run', 'follows']) for (const cell of needed) if (forecasts.get(cell.id)!.kind === kind) equip(cell, forecasts.get(cell.id)!);
  for (const cell of ordered) {
    if (forecasts.has(cell.id)) continue;
    const found = forecast(cell);
    forecasts.set(cell.id, found.kind === 'done' || found.kind === 'failed' ? found : { kind: 'idle' });
  }
  return forecasts;
}

export const AS_IS: DecideOptions = { force: () => false, measure: () => false, retryFailed: false, changedHere: () => false };

/**
 * The same where cells that the rest does without come out as last time. A run tries those again that failed for want of something; on a machine that lacks it they fail in the same way,
 * and the run finds all else up to date.
 */
export const AS_LAST: DecideOptions = { ...AS_IS, failureStays: ({ stage }, { code }) => stage.optional === true && code !== 'interrupted' };
