/**
 * What a person or a program sees of a run. One contract, three forms: events as NDJSON, plain lines, and lines that are redrawn
 * on a terminal (progress-terminal.ts).
 */
import { reasonText } from './reasons.ts';
import type { CacheTraffic } from './cache/traffic.ts';
import type { Outcome } from './decide.ts';
import type { ExportResult } from './export-folder.ts';
import type { ReadyTask } from './queue.ts';
import type { NotStored } from './stand-in.ts';
import type { RunCounts } from './store.ts';
import type { Cell } from './types.ts';

/**
 * ran: computed now. cached: was there. failed: now. remembered: failed before, would again. skipped: needs one that failed.
 * lacking: has no result, but its stage is optional.
 */
export type CellStatus = 'ran' | 'cached' | 'failed' | 'remembered' | 'skipped' | 'lacking';

export interface Progress {
  /** Before each pass, with the cells that it looks at; a second one follows when damage was found. */
  started(cells: readonly Cell[], jobs: number): void;
  /** One cell more: it only helps, and one that uses it is going to run. */
  joined(cell: Cell): void;
  taskStarted(task: ReadyTask): void;
  taskProgress(task: ReadyTask, done: number, total: number, unit: string): void;
  taskEnded(task: ReadyTask): void;
  cell(cell: Cell, outcome: Outcome, status: CellStatus): void;
  /** Something went through the shared cache; not more than about twice a second. */
  cache(traffic: CacheTraffic): void;
  warn(sentence: string): void;
  exported(result: ExportResult): void;
  /** The last call. */
  done(end: RunEnd): void;
}

export interface RunEnd {
  readonly counts: RunCounts;
  readonly durationMs: number;
  /** A cell failed, or an export could not be written. */
  readonly failed: boolean;
  readonly interrupted: boolean;
  /** Cells that failed by themselves, with their outcome; not those of optional stages. */
  readonly failures: readonly { readonly cell: string; readonly outcome: Outcome & { kind: 'failed' } }[];
  /** Sentences for the end. */
  readonly closing: readonly string[];
  /** What went through the shared cache. */
  readonly cache?: CacheTraffic;
  /** The store that could not be written, and why: what was computed is not on record. */
  readonly notStored?: NotStored;
}

/** Events as NDJSON: { event, ... }. Cells that were there already have none; the counts of `done` include them. */
export function jsonProgress(write: (line: string) => void): Progress {
  const event = (name: string, body: object): void => write(JSON.stringify({ event: name, ...body }));
  return {
    started: (cells, jobs) => event('start', { cells: cells.length, jobs }),
    joined: () => undefined,
    taskStarted: ({ stage, pending }) => {
      for (const { cell, reasons } of pending) event('running', { cell: cell.id, stage: stage.name, reasons: reasons.map(reasonText) });
    },
    taskProgress: ({ stage, pending }, done, total, unit) => event('progress', { stage: stage.name, cells: pending.length, done, total, unit }),
    taskEnded: () => undefined,
    cell(cell, outcome, status) {
      if (status === 'cached') return;
      if (outcome.kind === 'done') event('ran', { cell: cell.id, durationMs: outcome.records[0]!.durationMs });
      else event(status === 'remembered' ? 'failed' : status, { cell: cell.id, ...outcome.failure, ...(status === 'remembered' ? { remembered: true } : {}) });
    },
    cache: (traffic) => event('cache', { ...traffic }),
    warn: (sentence) => event('warning', { sentence }),
    exported: ({ to, files, written, removed }) => event('exported', { to, files, written, removed }),
    done: ({ counts, durationMs, interrupted, notStored, cache }) => event('done', { ...counts, ...(cache === undefined ? {} : { cache }), ...(interrupted ? { interrupted } : {}), ...(notStored === undefined ? {} : { notStored }), durationMs: Math.round(durationMs) }),
  };
}
