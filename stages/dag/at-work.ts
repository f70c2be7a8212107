/** Which cells are being computed at this moment, and by whom. */
import { processIsStopped } from './process-id.ts';
import { isTurn } from './turns.ts';
import { count, grouped, timeText } from './words.ts';
import type { Forecast } from './preview.ts';
import type { LeaseHolder, Store } from './store.ts';

export type Held = Awaited<ReturnType<Store['leases']['held']>>;

/** Of what a process computes so many cells are named. */
const NAMED = 3;

/** 'running: score:a, score:b and 3 more by process 4711 on this machine, since 2026-11-26 07:12:03 UTC'; a line for each process. */
export function atWorkLines(held: Held, forecasts: ReadonlyMap<string, Forecast>, machine: string): readonly string[] {
  const cellOf = new Map<string, string>();
  for (const [id, forecast] of forecasts) {
    if (forecast.kind === 'run') cellOf.set(forecast.key, id);
    // What counts and is computed all the same: it was asked for by force, or to measure once more.
    else if (forecast.kind === 'done') for (const { key } of forecast.records) cellOf.set(key, id);
  }
  const byHolder = new Map<string, { readonly holder: LeaseHolder; readonly cells: string[]; others: number }>();
  for (const { key, holder } of held) {
    if (isTurn(key, holder.machine)) continue;
    let one = byHolder.get(holder.id);
    if (one === undefined) byHolder.set(holder.id, one = { holder, cells: [], others: 0 });
    const cell = cellOf.get(key);
    if (cell === undefined) one.others++;
    else one.cells.push(cell);
  }
  return [...byHolder.values()].map(({ holder, cells, others }) => {
    const unnamed = others + Math.max(0, cells.length - NAMED);
    const what = [...cells.slice(0, NAMED), ...(unnamed > 0 ? [cells.length === 0 ? count(unnamed, 'cell') : `${grouped(unnamed)} more`] : [])];
    const words = what.length === 1 ? what[0]! : `${what.slice(0, -1).join(', ')} and ${what.at(-1)!}`;
    const where = holder.machine === machine ? 'this machine' : holder.machine;
    return `running: ${words} by process ${holder.pid} on ${where}, at work since ${holder.startedAt === '' ? 'an unknown time' : timeText(holder.startedAt)}${processIsStopped(holder.id) ? '; it is stopped (Ctrl-Z, SIGSTOP): kill -CONT lets it go on' : ''}`;
  });
}
