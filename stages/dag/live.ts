/** What goes on in a store at this moment, for a page that follows runs of other processes: read from what they write anyway. */
import { atWorkLines } from './at-work.ts';
import { exportStamp } from './export-folder.ts';
import { failureLines, lackingLine } from './failure-lines.ts';
import { openStoreOf, readGround } from './ground.ts';
import { isOfCells } from './kept.ts';
import { recentLines } from './past-runs.ts';
import { preview } from './preview.ts';
import { processIsStopped } from './process-id.ts';
import { endings } from './run-ending.ts';
import { select } from './selection.ts';
import { Tally } from './tally.ts';
import { toldTasks } from './told-tasks.ts';
import { isTurn } from './turns.ts';
import { amount, duration } from './words.ts';
import type { Held } from './at-work.ts';
import type { Forecast } from './preview.ts';
import type { LeaseHolder, RunSummary } from './store.ts';
import type { ToldTask } from './told-tasks.ts';
import type { CellRecord, Failure, Pipeline } from './types.ts';

/** `lacking`: failed, and the rest does without it. */
export interface LiveCell { readonly cell: string; readonly stage: string; readonly state: 'done' | 'failed' | 'lacking' | 'running' | 'open' | 'not needed' }

/** A task as people read of it. */
export interface LiveTask {
  /** Its first cell, how many it has, and how many of them have ended. */
  readonly cell: string;
  readonly cells: number;
  readonly settled: number;
  /** ISO 8601 with +00:00. */
  readonly startedAt: string;
  /** '12/30 windows', as its stage says it. */
  readonly progress?: string;
  /** How long its cells took last time: '24 s'. */
  readonly last?: string;
}

export interface LiveState {
  /** Lines for people: who computes what, what failed, what happened lately. */
  readonly running: readonly string[];
  /** The processes that compute, since when (ISO 8601 with +00:00, '' where that is not known), and whether somebody stopped them. */
  readonly holders: readonly { readonly id: string; readonly startedAt: string; readonly stopped: boolean }[];
  /** What they are at, of tasks that have been at work for a second or longer. */
  readonly tasks: readonly LiveTask[];
  readonly failures: readonly string[];
  readonly recent: readonly string[];
  readonly cells: readonly LiveCell[];
  /** 'about 3 min 20 s left', as the run itself says it; undefined where none is going, or too little is computed to tell. */
  readonly left: string | undefined;
  /** Of the cells that count now, by id. */
  readonly records: ReadonlyMap<string, CellRecord>;
}

export interface Live {
  /** The state, or undefined where nothing has changed since it was last told. */
  look(): Promise<LiveState | undefined>;
  /** Reads and hashes an output of a record. Throws DamagedObject. */
  read(record: CellRecord, output: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Is another once a run has written something into this exported folder, and all of it. */
  exported(to: string): string;
  close(): Promise<void>;
}

/** Follows the pipeline's store. It commits nothing; only the cache of file hashes may be written, as `status` does. */
export function openLive(pipeline: Pipeline): Live {
  const store = openStoreOf(pipeline);
  let [seen, found]: [string, LiveState | undefined] = ['', undefined];
  /** Sources or inputs were edited since `found`, or it could not be told what then is. */
  let edited = false;
  const state = async (held: Held): Promise<LiveState> => {
    const forecasts = preview(select(pipeline, []), await readGround(pipeline, store, pipeline.cells));
    const keys = new Set<string>(held.map(({ key }) => key));
    const cells: LiveCell[] = [];
    const records = new Map<string, CellRecord>();
    const failures: { cell: string; failure: Failure }[] = [];
    const lacking = new Set<string>();
    for (const cell of pipeline.cells) {
      const { id, stage } = cell;
      const forecast = forecasts.get(id)!;
      // What counts may be computed once more: by force, or to be measured again.
      const isHeld = forecast.kind === 'run' ? keys.has(forecast.key) : forecast.kind === 'done' && forecast.records.some(({ key }) => keys.has(key));
      const state = isHeld ? 'running' : forecast.kind === 'run' || forecast.kind === 'follows' ? 'open' : forecast.kind === 'idle' ? 'not needed' : forecast.kind === 'failed' && stage.optional === true ? 'lacking' : forecast.kind;
      cells.push({ cell: id, stage: stage.name, state });
      if (forecast.kind === 'done') records.set(id, forecast.records[0]!);
      if (forecast.kind !== 'failed' || forecast.origin !== id) continue;
      if (stage.optional === true) lacking.add(lackingLine(cell, forecast.failure));
      else failures.push({ cell: id, failure: forecast.failure });
    }
    const holders = held.map(({ holder }) => holder);
    const endingOf = endings(store.runs(), holders);
    const atWork = held.filter(({ key, holder }) => !isTurn(key, holder.machine));
    return {
      running: atWorkLines(atWork, forecasts, store.machine), holders: holdersOf(atWork).map(({ id, startedAt }) => ({ id, startedAt, stopped: processIsStopped(id) })), tasks: [],
      failures: [...failureLines(failures), ...lacking], recent: recentLines(store, holders), cells, records,
      left: timeLeft(pipeline, store.runs().filter((run) => isOfCells(run) && endingOf(run) === 'running'), forecasts),
    };
  };
  return {
    async look() {
      store.refresh();
      const held = await store.leases.held();
      const holders = holdersOf(held);
      const now = JSON.stringify([store.lines, held, holders.map(({ id }) => processIsStopped(id))]);
      const tasks = holders.flatMap(({ id }) => toldTasks(store.folder, id)).map(inWords);
      edited = store.facts.changed() || edited;
      // What tasks are at is cheap to read; what counts is looked at only where something has landed or was edited.
      const same = found !== undefined && now === seen && !edited ? found : undefined;
      if (same !== undefined && JSON.stringify(tasks) === JSON.stringify(same.tasks)) return undefined;
      edited = same === undefined;
      found = { ...(same ?? await state(held)), tasks };
      [seen, edited] = [now, false];
      return found;
    },
    read: async (record, output) => await store.read(store.handle(record.outputs[output]!)),
    exported: (to) => exportStamp(store, to),
    close: () => store.close(),
  };
}

function inWords({ progress, lastMs, ...told }: ToldTask): LiveTask {
  return { ...told, ...(progress === undefined ? {} : { progress: amount(progress.done, progress.total, progress.unit) }), ...(lastMs === undefined ? {} : { last: duration(lastMs) }) };
}

/** Each once. */
function holdersOf(held: Held): readonly LeaseHolder[] {
  return [...new Map(held.map(({ holder }) => [holder.id, holder])).values()];
}

/** What these runs together say of their time, at the rate of what they have computed themselves and with all their jobs. */
function timeLeft(pipeline: Pipeline, runs: readonly RunSummary[], forecasts: ReadonlyMap<string, Forecast>): string | undefined {
  // With --force and --measure cells count and are computed all the same: how many of them are left does not show from outside.
  if (runs.length === 0 || runs.some(({ about }) => about['force'] === true || about['measure'] === true)) return undefined;
  const targets = runs.map(({ about }) => (about['targets'] ?? []) as readonly string[]);
  const tally = new Tally();
  try {
    const { cells } = select(pipeline, targets.some(({ length }) => length === 0) ? [] : targets.flat());
    tally.start(cells, runs.reduce((sum, { about }) => sum + Number(about['jobs'] ?? 1), 0));
    for (const cell of cells) {
      const forecast = forecasts.get(cell.id)!;
      // A record of another cell: equal work under two names, done once.
      if (forecast.kind === 'done') tally.cell(cell, forecast, runs.some(({ run }) => forecast.records[0]!.run === run && forecast.records[0]!.cell === cell.id) ? 'ran' : 'cached');
      else if (forecast.kind === 'failed') tally.cell(cell, forecast, 'failed');
    }
    return tally.timeLeft();
  } catch {
    // A run of another declaration names cells that this one does not have.
    return undefined;
  }
}
