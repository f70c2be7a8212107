/** `plan`: what a run would compute, why, and what that costs, before anything runs. */
import { byCause, mainCause } from '../causes.ts';
import { EXIT } from '../command.ts';
import { failsAgain } from '../decide.ts';
import { byteEstimates, durationEstimates } from '../estimates.ts';
import { openStoreOf, readGround } from '../ground.ts';
import { expectedLines } from '../memory-lines.ts';
import { jobsFrom } from '../number-options.ts';
import { AS_LAST, preview } from '../preview.ts';
import { reasonText } from '../reasons.ts';
import { machineMemoryBytes, memoryNeed } from '../resources.ts';
import { select } from '../selection.ts';
import { byteSize, count, duration, grouped } from '../words.ts';
import type { CauseGroup, Todo } from '../causes.ts';
import type { Command } from '../command.ts';
import type { Forecast } from '../preview.ts';
import type { Cell } from '../types.ts';

const plan: Command = {
  usage: 'bitwidth plan [target ...]',
  details: 'Shows by cause what a run would compute. Time and bytes are those of the last time, or by the amount of work; memory is\nwhat a task is expected to hold at its height, of the stages that say; nothing runs.',
  options: {
    cells: { type: 'boolean', summary: 'List every cell with its reasons' },
    jobs: { type: 'string', short: 'j', value: 'n', summary: 'For a run with so many jobs (default: one for each core)' },
    force: { type: 'boolean', summary: 'For a run with --force' },
    measure: { type: 'boolean', summary: 'For a run with --measure' },
    'retry-failed': { type: 'boolean', summary: 'For a run with --retry-failed' },
    json: { type: 'boolean', summary: 'Print one JSON object a cell' },
  },
  positionals: { min: 0, max: Infinity },
  async run({ pipeline, values, positionals, print }) {
    const jobs = jobsFrom(values['jobs']);
    const store = openStoreOf(pipeline);
    try {
      const selection = select(pipeline, positionals);
      const { cells, named } = selection;
      const forecasts = preview(selection, await readGround(pipeline, store, cells), {
        ...AS_LAST,
        force: ({ id }) => values['force'] === true && named.has(id),
        measure: ({ id, stage }) => values['measure'] === true && stage.determinism === 'measured' && named.has(id),
        retryFailed: values['retry-failed'] === true,
      });
      const [msOf, bytesOf] = [durationEstimates(cells, store), byteEstimates(cells, store)];
      const todo = cells.flatMap((cell): readonly Todo[] => {
        const forecast = forecasts.get(cell.id)!;
        return forecast.kind === 'run' || forecast.kind === 'follows' ? [{ cell, forecast, ms: msOf(cell), bytes: bytesOf(cell) }] : [];
      });
      if (values['json'] === true) for (const item of todo) print(asJson(item));
      else if (values['cells'] === true) for (const item of todo) print(asLine(item));
      else for (const line of summary(todo, cells, forecasts, jobs)) print(line);
      return EXIT.done;
    } finally {
      await store.close();
    }
  },
};
export default plan;

function asJson({ cell, forecast, ms, bytes }: Todo): string {
  const causes = forecast.kind === 'follows' ? { follows: forecast.producers } : { reasons: forecast.reasons.map(reasonText) };
  return JSON.stringify({ cell: cell.id, ...causes, ...(ms === undefined ? {} : { durationMs: Math.round(ms) }), ...(bytes === undefined ? {} : { bytes: Math.round(bytes) }), ...(memoryNeed(cell.stage, [cell]) === 0 ? {} : { memoryBytes: memoryNeed(cell.stage, [cell]) }) });
}

function asLine({ cell, forecast, ms, bytes }: Todo): string {
  const why = forecast.kind === 'run' ? forecast.reasons.map(reasonText).join('; ')
    : `follows ${forecast.producers.length > 2 ? `${forecast.producers[0]} and ${forecast.producers.length - 1} more` : forecast.producers.join(', ')}`;
  const costs = [...(ms === undefined ? [] : [duration(ms)]), ...(bytes === undefined ? [] : [byteSize(bytes)])];
  return `${cell.id}: ${why}${costs.length === 0 ? '' : ` (${costs.join(', ')})`}`;
}

function summary(todo: readonly Todo[], cells: readonly Cell[], forecasts: ReadonlyMap<string, Forecast>, jobs: number): readonly string[] {
  const all = cells.filter(({ id }) => forecasts.get(id)!.kind !== 'idle').length;
  if (todo.length === 0) return [`Nothing to compute: all ${count(all, 'cell')} are up to date or known to fail.`, ...triedLine(cells, forecasts)];
  const groups = byCause(todo, forecasts);
  return [
    `A run would compute ${grouped(todo.length)} of ${count(all, 'cell')}, ${costOf(todo, jobs)}: ${mainCause(groups)}`,
    ...groups.map(groupLine),
    ...triedLine(cells, forecasts),
    ...fetchLine(todo),
    ...expectedLines(todo.map(({ cell }) => cell), machineMemoryBytes()),
    ...(groups.some(({ following }) => following > 0) ? ['Cells that follow others are left out where those come out as before.'] : []),
    '"plan --cells" lists every cell.',
  ];
}

/** What the rest does without and a run tries again all the same: on a machine that lacks what it needs, in vain. */
function triedLine(cells: readonly Cell[], forecasts: ReadonlyMap<string, Forecast>): readonly string[] {
  const tried = cells.filter(({ id, stage }) => {
    const forecast = forecasts.get(id)!;
    return forecast.kind === 'failed' && forecast.origin === id && stage.optional === true && !failsAgain(forecast.failure);
  });
  return tried.length === 0 ? [] : [`Tried again, and left out here: ${count(tried.length, 'cell')} of ${[...new Set(tried.map(({ stage }) => stage.name))].join(', ')}, without which the rest is computed; "status" says why ${tried.length === 1 ? 'it' : 'they'} failed last time.`];
}

/** Downloads, whose sizes are known before anything like them was computed here. */
function fetchLine(todo: readonly Todo[]): readonly string[] {
  const bytes = todo.reduce((sum, { cell, bytes: own = 0 }) => sum + (cell.promised === undefined ? 0 : own), 0);
  return bytes === 0 ? [] : [`To be fetched: ${byteSize(bytes)} that the store does not have.`];
}

/** Shared cells are spread over the jobs, exclusive ones are not. */
function costOf(todo: readonly Todo[], jobs: number): string {
  const unknown = todo.filter(({ ms }) => ms === undefined).length;
  if (unknown === todo.length) return 'of unknown duration (nothing like it was computed here before)';
  const sum = (of: readonly Todo[]): number => of.reduce((total, { ms = 0 }) => total + ms, 0);
  const alone = todo.filter(({ cell }) => cell.stage.exclusive === true);
  const ms = (sum(todo) - sum(alone)) / jobs + sum(alone);
  const bytes = todo.reduce((total, one) => total + (one.bytes ?? 0), 0);
  return `about ${duration(ms)} with ${count(jobs, 'job')}, ${byteSize(bytes)}${unknown > 0 ? `, without ${grouped(unknown)} of unknown cost` : ''}`;
}

function groupLine({ cause, stages, cells, following, ms, bytes, unknown }: CauseGroup): string {
  const known = unknown < cells;
  const follow = following === 0 ? '' : following === cells ? '; follows what is computed before' : `; ${grouped(following)} of them ${following === 1 ? 'follows' : 'follow'} others`;
  return `  ${count(cells, 'cell').padStart(14)}  ${(known ? duration(ms) : 'time unknown').padStart(12)}  ${(known ? byteSize(bytes) : '').padStart(9)}  ${cause} (${[...stages].join(', ')})${follow}`;
}
