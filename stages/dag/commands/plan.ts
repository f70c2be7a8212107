/** `plan`: what a run would compute, why, and how long that takes, before anything runs. */
import { availableParallelism } from 'node:os';
import { EXIT } from '../command.ts';
import { openStoreOf, readGround } from '../ground.ts';
import { durationEstimates, preview } from '../preview.ts';
import { reasonText } from '../reasons.ts';
import { select } from '../selection.ts';
import { count, duration, grouped } from '../words.ts';
import type { Command } from '../command.ts';
import type { Forecast } from '../preview.ts';
import type { Cell, Reason } from '../types.ts';

const plan: Command = {
  usage: 'bitwidth plan [target ...]',
  details: 'Shows by cause what a run would compute. Durations are those of the last time, or by the amount of work; nothing runs.',
  options: {
    cells: { type: 'boolean', summary: 'List every cell with its reasons' },
    json: { type: 'boolean', summary: 'Print one JSON object a cell' },
  },
  positionals: { min: 0, max: Infinity },
  async run({ pipeline, values, positionals, print }) {
    const store = openStoreOf(pipeline);
    try {
      const selection = select(pipeline, positionals);
      const { cells } = selection;
      const forecasts = preview(selection, await readGround(pipeline, store, cells));
      const estimate = durationEstimates(cells, store);
      const todo = cells.flatMap((cell) => {
        const forecast = forecasts.get(cell.id)!;
        return forecast.kind === 'run' || forecast.kind === 'follows' ? [{ cell, forecast, ms: estimate(cell) }] : [];
      });
      if (values['json'] === true) for (const item of todo) print(JSON.stringify({ cell: item.cell.id, ...causesOf(item.forecast), ...(item.ms === undefined ? {} : { durationMs: Math.round(item.ms) }) }));
      else for (const line of values['cells'] === true ? listed(todo) : byCause(todo, cells.filter(({ id }) => forecasts.get(id)!.kind !== 'idle').length)) print(line);
      return EXIT.done;
    } finally {
      await store.close();
    }
  },
};
export default plan;

type Todo = { readonly cell: Cell; readonly forecast: Forecast; readonly ms: number | undefined };

function causesOf(forecast: Forecast): { readonly reasons: readonly string[] } | { readonly follows: readonly string[] } {
  return forecast.kind === 'follows' ? { follows: forecast.producers } : { reasons: forecast.kind === 'run' ? forecast.reasons.map(reasonText) : [] };
}

function listed(todo: readonly Todo[]): readonly string[] {
  return todo.map(({ cell, forecast, ms }) => {
    const why = forecast.kind === 'follows' ? `follows ${forecast.producers.length > 2 ? `${forecast.producers[0]} and ${forecast.producers.length - 1} more` : forecast.producers.join(', ')}`
      : forecast.kind === 'run' ? forecast.reasons.map(reasonText).join('; ') : '';
    return `${cell.id}: ${why}${ms === undefined ? '' : ` (${duration(ms)})`}`;
  });
}

const FOLLOWS = 'follows what is computed before';

function shortly([first, ...others]: readonly Reason[]): string {
  return `${reasonText(first!)}${others.length === 0 ? '' : `, and ${count(others.length, 'other reason')}`}`;
}

function byCause(todo: readonly Todo[], cells: number): readonly string[] {
  if (todo.length === 0) return [`Nothing to compute: all ${count(cells, 'cell')} are up to date or known to fail.`];
  const groups = new Map<string, { readonly stages: Set<string>; cells: number; ms: number; unknown: number }>();
  for (const { cell, forecast, ms } of todo) {
    const cause = forecast.kind === 'run' ? shortly(forecast.reasons) : FOLLOWS;
    const group = groups.get(cause) ?? { stages: new Set(), cells: 0, ms: 0, unknown: 0 };
    group.stages.add(cell.stage.name);
    group.cells++;
    if (ms === undefined) group.unknown++;
    else group.ms += ms;
    groups.set(cause, group);
  }
  const ordered = [...groups].sort(([nameA, a], [nameB, b]) => Number(nameA === FOLLOWS) - Number(nameB === FOLLOWS) || b.ms - a.ms || b.cells - a.cells);
  const lines = ordered.map(([cause, group]) =>
    `  ${count(group.cells, 'cell').padStart(14)}  ${(group.unknown === group.cells ? 'time unknown' : duration(group.ms)).padStart(12)}  ${cause} (${[...group.stages].join(', ')})`);
  const ms = [...groups.values()].reduce((sum, group) => sum + group.ms, 0);
  const unknown = [...groups.values()].reduce((sum, group) => sum + group.unknown, 0);
  const jobs = availableParallelism();
  const time = unknown === todo.length ? 'of unknown duration: nothing like it was computed here before'
    : `about ${duration(ms / jobs)} with ${count(jobs, 'job')}${unknown > 0 ? `, without ${grouped(unknown)} of unknown duration` : ''}`;
  return [`A run would compute ${grouped(todo.length)} of ${count(cells, 'cell')}, ${time}:`, ...lines, 'Cells that follow others are left out where those come out as before. "plan --cells" lists all.'];
}
