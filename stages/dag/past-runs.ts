/** Past runs, for people: in five lines what happened lately, and how it ended. */
import { failureLines } from './failure-lines.ts';
import { isOfCells } from './kept.ts';
import { endings } from './run-ending.ts';
import { count, duration, grouped, timeText } from './words.ts';
import type { Ending } from './run-ending.ts';
import type { LeaseHolder, RunSummary, Store } from './store.ts';
import type { CellRecord } from './types.ts';

/** Of a run's stages so many are named. */
const STAGES_TOLD = 4;

/** What a run did, from its summary, or, where it was cut off, from its records. */
interface Past {
  readonly summary: RunSummary;
  readonly ending: Ending;
  readonly ran: number;
  readonly failed: number;
  readonly left: number;
  readonly ms: number;
  readonly records: readonly CellRecord[];
}

/**
 * At most five lines, none where nothing was ever computed: the last run, what it computed and what failed, the run before it, and
 * all earlier ones together. `holders`: of live runs.
 */
export function recentLines(store: Store, holders: readonly LeaseHolder[]): readonly string[] {
  const runs = store.runs().filter(isOfCells);
  const last = runs.at(-1);
  if (last === undefined) return [];
  const endingOf = endings(runs, holders);
  const ofRun = new Map<string, CellRecord[]>();
  for (const record of store.records()) {
    const list = ofRun.get(record.run);
    if (list === undefined) ofRun.set(record.run, [record]);
    else list.push(record);
  }
  const past = (summary: RunSummary): Past => pastOf(summary, ofRun.get(summary.run) ?? [], endingOf(summary));
  const newest = past(last);
  const lines = [`Last run: ${runText(newest)}`, ...stagesText(newest), ...failuresText(newest)];
  const before = runs.at(-2);
  if (before !== undefined) lines.push(`Before that: ${runText(past(before))}`);
  const earlier = runs.slice(0, -2).map(past);
  if (earlier.length > 0) {
    const short = earlier.filter(({ ending }) => ending === 'cut off' || ending === 'interrupted').length;
    lines.push(`${count(earlier.length, 'earlier run')} since ${timeText(earlier[0]!.summary.startedAt)}: ${count(earlier.reduce((sum, { ran }) => sum + ran, 0), 'cell')} computed${short > 0 ? `, ${grouped(short)} interrupted or cut off` : ''}`);
  }
  return lines;
}

function pastOf(summary: RunSummary, records: readonly CellRecord[], ending: Ending): Past {
  const { counts, startedAt } = summary;
  const endedAt = summary.endedAt ?? records.at(-1)?.finishedAt ?? startedAt;
  return {
    summary, records, ending,
    ran: counts?.ran ?? records.filter(({ status }) => status === 'done').length,
    failed: counts?.failed ?? records.filter(({ status }) => status === 'failed').length,
    left: counts?.skipped ?? 0,
    ms: Math.max(0, Date.parse(endedAt) - Date.parse(startedAt)),
  };
}

const ENDINGS: { readonly [ending in Ending]: string } = {
  ended: '', interrupted: ', interrupted', running: ', still running', 'cut off': ', cut off (its process was killed, or the machine went down)',
};

function runText({ summary: { run, startedAt, about }, ending, ran, failed, left, ms }: Past): string {
  const targets = Array.isArray(about['targets']) ? about['targets'].filter((target) => typeof target === 'string') : [];
  const parts = [`${count(ran, 'cell')} computed`, ...(failed > 0 ? [`${grouped(failed)} failed`] : []), ...(left > 0 ? [`${grouped(left)} ${ending === 'interrupted' ? 'left' : 'skipped'}`] : [])];
  return `${timeText(startedAt)}, ${duration(ms)}: ${parts.join(', ')}${ENDINGS[ending]}${targets.length === 0 ? '' : ` (only ${targets.slice(0, 3).join(' ')}${targets.length > 3 ? ' ...' : ''})`}; run ${run}`;
}

function stagesText({ records }: Past): readonly string[] {
  const stages = new Map<string, { cells: number; ms: number }>();
  for (const { fields: { stage }, status, durationMs } of records) {
    if (status !== 'done') continue;
    const one = stages.get(stage) ?? { cells: 0, ms: 0 };
    stages.set(stage, { cells: one.cells + 1, ms: one.ms + durationMs });
  }
  if (stages.size === 0) return [];
  const most = [...stages].sort(([, a], [, b]) => b.ms - a.ms);
  const told = most.slice(0, STAGES_TOLD).map(([name, { cells, ms }]) => `${name} ${grouped(cells)} (${duration(ms)})`);
  return [`  computed: ${told.join(', ')}${most.length > STAGES_TOLD ? ` and ${count(most.length - STAGES_TOLD, 'more stage')}` : ''}`];
}

function failuresText({ records }: Past): readonly string[] {
  const failures = records.flatMap(({ cell, failure }) => failure === undefined ? [] : [{ cell, failure }]);
  if (failures.length === 0) return [];
  const [first] = failureLines(failures);
  const kinds = new Set(failures.map(({ failure: { code, sentence } }) => `${code} ${sentence}`)).size;
  return [`  ${first}${kinds > 1 ? `; and ${count(kinds - 1, 'other reason')}` : ''}`];
}
