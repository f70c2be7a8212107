/** Counts of a run by stage, for whoever shows them: how far it is, how long it may take, how it ended. */
import { failureLines } from './failure-lines.ts';
import { trafficText } from './cache/traffic.ts';
import { batchName } from './critical-path.ts';
import { count, duration, grouped } from './words.ts';
import type { Outcome } from './decide.ts';
import type { CellStatus, RunEnd } from './progress.ts';
import type { Cell, Failure } from './types.ts';

/** Fewer cells than so many tell little of the rest. */
const TELLING = 4;

export interface StageTally {
  readonly name: string;
  readonly title: string;
  cells: number;
  readonly byStatus: { [status in CellStatus]: number };
  /** Time of the cells computed here, and their work in the stage's own measure. */
  computedMs: number;
  computedWork: number;
  workLeft: number;
  /** What runs in one task, by its batch. */
  readonly batches: Map<string, Batch>;
}

interface Batch {
  unsettled: number;
  readonly computed: Computed[];
}

/** A cell that was computed here: its share of its step's time, its work, and when it ended. */
interface Computed { readonly ms: number; readonly work: number; readonly at: string }

export class Tally {
  readonly stages = new Map<string, StageTally>();
  readonly #settled = new Set<string>();
  readonly #told = new Set<string>();
  jobs = 1;

  /** Counts afresh. */
  start(cells: readonly Cell[], jobs: number): void {
    this.stages.clear();
    this.#settled.clear();
    this.#told.clear();
    this.jobs = jobs;
    for (const cell of cells) this.join(cell);
  }

  /** Counts one cell more. */
  join(cell: Cell): void {
    const { stage, work = 1 } = cell;
    let tally = this.stages.get(stage.name);
    if (tally === undefined) {
      tally = { name: stage.name, title: stage.title, cells: 0, byStatus: { ran: 0, cached: 0, failed: 0, remembered: 0, skipped: 0, lacking: 0 }, computedMs: 0, computedWork: 0, workLeft: 0, batches: new Map() };
      this.stages.set(stage.name, tally);
    }
    tally.cells++;
    tally.workLeft += work;
    const batch = tally.batches.get(batchName(cell));
    if (batch === undefined) tally.batches.set(batchName(cell), { unsettled: 1, computed: [] });
    else batch.unsettled++;
  }

  cell(cell: Cell, outcome: Outcome, status: CellStatus): StageTally {
    const { id, stage, work = 1 } = cell;
    const tally = this.stages.get(stage.name)!;
    if (this.#settled.has(id)) return tally;
    this.#settled.add(id);
    tally.byStatus[status]++;
    tally.workLeft -= work;
    const batch = tally.batches.get(batchName(cell))!;
    batch.unsettled--;
    if (status === 'ran' && outcome.kind === 'done') {
      const { durationMs, finishedAt } = outcome.records[0]!;
      tally.computedMs += durationMs;
      tally.computedWork += work;
      batch.computed.push({ ms: durationMs, work, at: finishedAt });
    }
    return tally;
  }

  /** False when another cell failed with the same words: a full disk fails all of them, and is told of once. */
  isNews({ code, sentence }: Failure): boolean {
    const words = `${code} ${sentence}`;
    const isNew = !this.#told.has(words);
    this.#told.add(words);
    return isNew;
  }

  /** Estimated time until all is done: 'about 3 min 20 s left', 'at least ...' while of some stage nothing ran yet. */
  timeLeft(): string | undefined {
    let total = 0;
    let known = false;
    let all = true;
    for (const stage of this.stages.values()) {
      const { workLeft, batches } = stage;
      if (settledOf(stage) === stage.cells) continue;
      const telling = [...batches.values()].flatMap(tellingOf);
      const work = sum(telling, (one) => one.work);
      if (telling.length === 0 || (telling.length < TELLING && work < workLeft)) all = false;
      else {
        known = true;
        total += sum(telling, ({ ms }) => ms) / work * workLeft / this.jobs;
      }
    }
    return known && total > 1000 ? `${all ? 'about' : 'at least'} ${duration(total)} left` : undefined;
  }
}

const sum = (list: readonly Computed[], of: (one: Computed) => number): number => list.reduce((total, one) => total + of(one), 0);

/**
 * The cells of a task whose time tells of those to come: of one that is over all. Of one that goes on not those of its first step, which have the opening
 * of its model in their time, and whatever they are all computed with; cells of one step have equal shares of its time.
 */
function tellingOf({ unsettled, computed }: Batch): readonly Computed[] {
  if (unsettled === 0 || computed.length === 0) return computed;
  const first = computed.reduce((earliest, one) => (one.at < earliest.at ? one : earliest));
  return computed.filter(({ ms }) => ms !== first.ms);
}

export function settledOf({ byStatus }: StageTally): number {
  return Object.values(byStatus).reduce((sum, n) => sum + n, 0);
}

/** '38 computed, 2 up to date, 1 failed'. */
export function inWords({ byStatus: { ran, cached, failed, remembered, skipped, lacking } }: StageTally): string {
  const parts: string[] = [];
  if (ran > 0) parts.push(`${grouped(ran)} computed`);
  if (cached > 0) parts.push(`${grouped(cached)} up to date`);
  if (failed + remembered > 0) parts.push(`${grouped(failed + remembered)} failed`);
  if (skipped > 0) parts.push(`${grouped(skipped)} skipped`);
  if (lacking > 0) parts.push(`${grouped(lacking)} done without`);
  return parts.join(', ');
}

/** The end of a run in plain lines: a table of the stages unless nothing was computed, failures, and the closing sentences. */
export function summaryLines(tally: Tally, { counts, durationMs, interrupted, failures, closing, notStored, cache }: RunEnd): readonly string[] {
  const lines: string[] = [];
  if (counts.ran + counts.failed > 0) {
    const rows = [...tally.stages.values()].filter(({ byStatus }) => byStatus.ran + byStatus.failed + byStatus.remembered > 0);
    const width = Math.max(...rows.map(({ name }) => name.length), 0);
    for (const row of rows) lines.push(`  ${row.name.padEnd(width)}  ${inWords(row)}${row.computedMs > 0 ? `, ${duration(row.computedMs)}` : ''}`);
  }
  lines.push(...failureLines(failures.map(({ cell, outcome: { failure } }) => ({ cell, failure })), 10));
  if (failures.some(({ outcome }) => outcome.record !== undefined && ['bad-input', 'not-finite', 'stage-threw'].includes(outcome.failure.code))) {
    lines.push('These are not tried again until their input or code changes, or with --retry-failed.');
  }
  const total = counts.ran + counts.cached + counts.failed + counts.skipped;
  if (interrupted) lines.push(`Interrupted after ${duration(durationMs)}: ${grouped(counts.ran)} computed${notStored === undefined ? ' and kept' : ''}, ${count(counts.skipped, 'cell')} left for the next run.`);
  else if (counts.ran + counts.failed + counts.skipped === 0) lines.push(`Everything is up to date (${count(total, 'cell')}, ${duration(durationMs)}).`);
  else {
    const rest = [`${grouped(counts.cached)} up to date`, ...(counts.failed > 0 ? [`${grouped(counts.failed)} failed`] : []), ...(counts.skipped > 0 ? [`${grouped(counts.skipped)} skipped`] : [])];
    lines.push(`${count(counts.ran, 'cell')} computed, ${rest.join(', ')}, in ${duration(durationMs)}.`);
  }
  if (notStored !== undefined && counts.ran > 0) lines.push(`${count(counts.ran, 'cell')} computed and not stored: ${notStored.store} cannot be written (${notStored.reason}).`);
  if (cache !== undefined && cache.taken + cache.sent > 0) lines.push(trafficText(cache));
  return [...lines, ...closing];
}
