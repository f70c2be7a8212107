/** `why`: the stored reason of the last time, and what would happen now. */
import { EXIT } from '../command.ts';
import { failsAgain, representative } from '../decide.ts';
import { openStoreOf, readGround } from '../ground.ts';
import { runNamed } from '../kept.ts';
import { memoryText } from '../memory-lines.ts';
import { helpersOf } from '../pipeline.ts';
import { preview } from '../preview.ts';
import { reasonText } from '../reasons.ts';
import { cellsNamed, select } from '../selection.ts';
import { sampleText, waiverText } from '../waivers.ts';
import { count, duration, timeText } from '../words.ts';
import type { Command } from '../command.ts';
import type { Forecast } from '../preview.ts';
import type { RunSummary, Store } from '../store.ts';
import type { CellRecord, Reason } from '../types.ts';

/** More cells than this are told by what they have in common. */
const EACH = 10;

const why: Command = {
  usage: 'bitwidth why <cell|stage>',
  details: 'Explains field by field why a cell was computed the last time, and whether a run would compute it now; or why a past run computed it.',
  options: {
    run: { type: 'string', value: 'id', summary: 'Of this past run: its id, the beginning of one, or "last"' },
  },
  positionals: { min: 1, max: 1 },
  async run({ pipeline, values, positionals, print }) {
    const target = positionals[0]!;
    const found = cellsNamed(pipeline, target);
    const store = openStoreOf(pipeline);
    try {
      if (typeof values['run'] === 'string') {
        const run = runNamed(store, values['run']);
        print(`run ${run.run}, begun ${timeText(run.startedAt)}, on ${run.machine}`);
        const then = (id: string, withTimes: boolean): readonly string[] => inRun(id, run, store, withTimes);
        for (const line of told(target, found.map(({ id }) => id), then)) print(line);
        return EXIT.done;
      }
      const selection = select(pipeline, [target]);
      const forecasts = preview(selection, await readGround(pipeline, store, selection.cells));
      const helpers = helpersOf(pipeline);
      const explain = (id: string, withTimes: boolean): readonly string[] => {
        const forecast = forecasts.get(id)!;
        const onDemand = forecast.kind === 'run' && helpers.has(id) ? ['    but not before a cell that uses it is computed, or it is asked for by name'] : [];
        return [...lastTime(id, store, withTimes), ...now(id, forecast, store, withTimes), ...onDemand];
      };
      for (const line of told(target, found.map(({ id }) => id), explain)) print(line);
      return EXIT.done;
    } finally {
      await store.close();
    }
  },
};
export default why;

/** Few cells one by one, many by what they have in common. */
function told(target: string, ids: readonly string[], explain: (id: string, withTimes: boolean) => readonly string[]): readonly string[] {
  if (ids.length <= EACH) return ids.flatMap((id) => [id, ...explain(id, true)]);
  return [`${target}: ${count(ids.length, 'cell')}`, ...inCommon(ids.map((id) => explain(id, false).join('\n')))];
}

/** What a past run did with a cell, and why: from what was stored when it was decided. */
function inRun(cell: string, { run }: RunSummary, store: Store, withTimes: boolean): readonly string[] {
  const record = store.recordsOfCell(cell).find((one) => one.run === run);
  const decision = store.decisions(cell).findLast((one) => one.run === run);
  if (record === undefined) {
    if (decision === undefined) return ['  was not computed then: it was up to date, was left undone, or was not asked for'];
    return [`  was begun${withTimes ? ` ${timeText(decision.decidedAt)}` : ''} and did not end in that run, because:`, ...decision.reasons.map((reason) => `    ${reasonText(reason)}`)];
  }
  return recordLines('then', record, decision?.reasons, withTimes);
}

function lastTime(cell: string, store: Store, withTimes: boolean): readonly string[] {
  const record = store.newestOfCell(cell);
  if (record === undefined) return ['  was never computed'];
  const decision = store.decisions(cell).findLast(({ key }) => key === record.key);
  const origin = store.origins().find(({ run }) => run === record.run);
  return [...recordLines('last', record, decision?.reasons, withTimes), ...(origin === undefined ? [] : [`  taken from the shared cache${origin.by === undefined ? '' : `, signed by ${origin.by}`}`])];
}

function recordLines(word: 'last' | 'then', record: CellRecord, reasons: readonly Reason[] | undefined, withTimes: boolean): readonly string[] {
  const what = record.status === 'done' ? 'computed' : `failed (${record.failure?.code ?? 'unknown'})`;
  const when = withTimes ? ` ${timeText(record.finishedAt)}, ${duration(record.durationMs)}, on ${record.machine}` : '';
  const lines = [`  ${word} ${what}${when}${reasons === undefined ? '' : ', because:'}`, ...(reasons ?? []).map((reason) => `    ${reasonText(reason)}`)];
  const memory = withTimes ? memoryText(record) : undefined;
  if (memory !== undefined) lines.push(`  ${memory}`);
  if (record.failure !== undefined) lines.push(`  it failed with: ${record.failure.sentence}`);
  return lines;
}

function now(cell: string, forecast: Forecast, store: Store, withTimes: boolean): readonly string[] {
  switch (forecast.kind) {
    case 'done': {
      if (forecast.waiver !== undefined) return [`  now: up to date, ${waiverText(forecast.waiver)} (waiver ${forecast.waiver.id}; ${sampleText(forecast.waiver)})`, ...forecast.waiver.causes.map((cause) => `    ${cause}`)];
      const used = representative(forecast.records, store);
      // Equal work under two ids is computed once, and what was computed under an earlier setting counts again when that returns.
      if (used.cell !== cell) return [`  now: up to date: the same work as ${used.cell}, which was computed`];
      if (used.key !== store.newestOfCell(cell)?.key) return [`  now: up to date: parameters, inputs and code are again those of ${withTimes ? timeText(used.finishedAt) : 'an earlier time'}; that result is used`];
      return ['  now: up to date'];
    }
    case 'failed': {
      // What failed for a passing reason, and the rest does without.
      if (forecast.origin === cell && !failsAgain(forecast.failure)) return ['  now: tried again by each run that uses it; all else is up to date without it'];
      return [`  now: not run: ${forecast.failure.sentence}`, ...(forecast.record === undefined ? [] : ['    tried again when its input or code changes, or with --retry-failed'])];
    }
    case 'follows': return [`  now: depends on what is computed before (${forecast.producers.slice(0, 3).join(', ')}${forecast.producers.length > 3 ? ` and ${forecast.producers.length - 3} more` : ''})`];
    case 'idle': return ['  now: not needed: nothing that uses it is going to be computed'];
    case 'run': return ['  now: would be computed, because:', ...forecast.reasons.map((reason) => `    ${reasonText(reason)}`)];
  }
}

function inCommon(texts: readonly string[]): readonly string[] {
  const groups = new Map<string, number>();
  for (const text of texts) groups.set(text, (groups.get(text) ?? 0) + 1);
  return [...groups].sort(([, a], [, b]) => b - a).flatMap(([text, cells]) => [`${count(cells, 'cell')}:`, ...text.split('\n')]);
}
