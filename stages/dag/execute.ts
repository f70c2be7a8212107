/**
 * A whole run: passes over the cells until none is left that damage has undone, then the exports. Signals end it in order: the
 * first lets running tasks end where they can, the second stops at once; no process outlives it either way.
 */
import { randomInt } from 'node:crypto';
import { noteCitations } from './cited.ts';
import { leaves } from './cluster.ts';
import { ConfigurationError } from './declare.ts';
import { DamagedObject, StoreUnwritable } from './errors.ts';
import { Executors } from './executor.ts';
import { exportFolder } from './export-folder.ts';
import { RunGpus } from './gpus.ts';
import { readGround } from './ground.ts';
import { notify } from './notify.ts';
import { Pass } from './schedule.ts';
import { onSignals } from './signals.ts';
import { openToCompute } from './stand-in.ts';
import { timestamp } from './timestamp.ts';
import { TaskTeller } from './told-tasks.ts';
import { count } from './words.ts';
import type { SharedCache } from './cache/shared-cache.ts';
import type { Cluster } from './cluster.ts';
import type { Outcome } from './decide.ts';
import type { WhenInterrupted } from './executor.ts';
import type { Progress } from './progress.ts';
import type { CellStatus } from './progress.ts';
import type { Resources } from './resources.ts';
import type { Selection } from './selection.ts';
import type { NotStored, OpenedToCompute } from './stand-in.ts';
import type { Store } from './store.ts';
import type { Cell, FolderExport, Pipeline, Sha256 } from './types.ts';

export interface RunOptions {
  readonly selection: Selection;
  /** What was asked for, in words, for the record of runs. */
  readonly targets: readonly string[];
  readonly resources: Resources;
  readonly force: boolean;
  readonly measure: boolean;
  readonly retryFailed: boolean;
  readonly failFast: boolean;
  /** Shuffles the order of ready work. Default: another one for each run. */
  readonly seed?: number;
  /** Nothing is put into the shared cache. */
  readonly cacheReadOnly?: boolean;
  /** A program that is told how the run ended (notify.ts). */
  readonly notify?: string;
  /** The executor of tasks that leave this machine (executor.ts), and what becomes of them when the run is interrupted. */
  readonly away?: { readonly executor: string; readonly cluster: Cluster; readonly whenInterrupted: () => Promise<WhenInterrupted> };
}

export interface RunResult { readonly failed: boolean; readonly interrupted: boolean }

/** An object that is damaged again after being made anew so many times is a failing disk. */
const MAX_HEALINGS = 3;

/** Runs what is selected. Throws ConfigurationError, or what is a fault of ours; in each case nothing is left running. */
export async function execute(pipeline: Pipeline, options: RunOptions, progress: Progress): Promise<RunResult> {
  const startedMs = performance.now();
  let run: Run | undefined;
  let early = 0;
  const ignoreSignals = onSignals(() => {
    if (run === undefined) early++;
    else run.interrupt();
  });
  let opened: OpenedToCompute | undefined;
  let shared: SharedCache | undefined;
  try {
    opened = await openToCompute(pipeline);
    if (pipeline.cache !== undefined) shared = await (await import('./cache/shared-cache.ts')).SharedCache.open(pipeline, opened.store, { readOnly: options.cacheReadOnly === true || opened.notStored !== undefined, told: (sentence) => progress.warn(sentence), moved: (traffic) => progress.cache(traffic) });
    await shared?.vouch(options.selection.cells);
    run = new Run(pipeline, opened, options, progress, shared);
    for (; early > 0; early--) run.interrupt();
    await run.untilSettled();
  } finally {
    if (run === undefined) await shared?.close(true);
    await run?.close();
    ignoreSignals();
    opened?.remove();
  }
  return await run.report(performance.now() - startedMs);
}

/** Something that was to come from the shared cache cannot be had. */
class Lacking extends Error {}

class Run {
  readonly #pipeline: Pipeline;
  readonly #store: Store;
  readonly #notStored: NotStored | undefined;
  readonly #options: RunOptions;
  readonly #shared: SharedCache | undefined;
  readonly #progress: Progress;
  readonly #gpus: RunGpus;
  /** For whoever follows the run from another process. */
  readonly #teller: TaskTeller;
  readonly #ranHere = new Set<string>();
  readonly #changedHere = new Set<string>();
  readonly #failedHere = new Map<string, Outcome & { kind: 'failed' }>();
  readonly #healings = new Map<Sha256, number>();
  /** The last word on each cell: a later pass may find cached what an earlier one ran. */
  readonly #status = new Map<string, CellStatus>();
  #outcomes: ReadonlyMap<string, Outcome> = new Map();
  #pass: Pass | undefined;
  #interrupts = 0;
  #incomplete = false;
  #saidNotStored = false;
  readonly #saidEarlier = new Set<string>();
  readonly #startedAt = timestamp();
  /** Folders that were written in full. */
  readonly #exported: FolderExport[] = [];

  constructor(pipeline: Pipeline, { store, notStored }: OpenedToCompute, options: RunOptions, progress: Progress, shared: SharedCache | undefined) {
    this.#shared = shared;
    this.#pipeline = pipeline;
    this.#store = store;
    this.#teller = new TaskTeller(store);
    this.#notStored = notStored;
    this.#options = options;
    this.#progress = {
      ...progress,
      cell: (cell, outcome, status) => {
        this.#status.set(cell.id, status);
        this.#teller.settled(cell.id);
        progress.cell(cell, outcome, status);
        if (status === 'lacking' && outcome.kind === 'failed' && outcome.origin === cell.id) this.#sayEarlier(cell);
      },
      taskStarted: (task) => {
        this.#sayNotStored();
        // One that leaves waits in a queue first, nobody here knows how long.
        if (options.away === undefined || !leaves(options.away.cluster, task.stage)) this.#teller.started(task);
        progress.taskStarted(task);
      },
      taskProgress: (task, done, total, unit) => {
        this.#teller.progress(task, done, total, unit);
        progress.taskProgress(task, done, total, unit);
      },
      taskEnded: (task) => {
        this.#teller.ended(task);
        progress.taskEnded(task);
      },
    };
    const { targets, resources: { jobs, gpus }, force, measure, retryFailed } = options;
    this.#gpus = new RunGpus(pipeline, gpus, (sentence) => progress.warn(sentence));
    const damage = store.untoldDamage().length;
    if (damage > 0) progress.warn(`${count(damage, 'line')} of the log cannot be trusted and ${damage === 1 ? 'is' : 'are'} ignored: what stood there counts as never computed`);
    store.describeRun({ targets, jobs, force, measure, retryFailed });
  }

  async untilSettled(): Promise<void> {
    for (;;) {
      const damage = await this.#onePass() ?? (this.#pass?.lacking === true ? 'lacking' : await this.#export());
      if (damage === undefined || this.#interrupts > 0) return;
      if (damage === 'lacking') {
        // Each such pass has at least one object fewer to hope for.
        this.#store.refresh();
        continue;
      }
      const times = (this.#healings.get(damage.sha256) ?? 0) + 1;
      this.#healings.set(damage.sha256, times);
      const cells = await this.#store.setAside(damage.sha256, damage.what);
      const whose = cells.length === 0 ? 'a file changed while it was being read' : `an output of ${cells.join(', ')} is damaged (${damage.what}): set aside, to be made again`;
      this.#progress.warn(whose);
      for (const cell of cells) this.#ranHere.delete(cell);
      if (times >= MAX_HEALINGS) {
        this.#progress.warn(`this happened ${times} times in this run: check the disk`);
        this.#incomplete = true;
        return;
      }
      this.#store.refresh();
    }
  }

  /** First: start nothing, and have what runs end where it can: at the end of a cell, or of a step of one that takes long. Second: stop now. */
  interrupt(): void {
    this.#interrupts++;
    this.#shared?.hurry();
    if (this.#interrupts === 1) {
      this.#progress.warn('stopping: running cells end where their stage can stop, finished or not, and what is done is kept; once more to stop at once');
      this.#pass?.stop(true);
    } else this.#pass?.kill();
  }

  async close(): Promise<void> {
    const interrupted = this.#interrupts > 0;
    this.#teller.close();
    try {
      await this.#shared?.close(interrupted);
      await noteCitations(this.#pipeline, this.#store, this.#startedAt, this.#outcomes, interrupted ? [] : this.#exported);
    } finally {
      await this.#store.close({ ...this.#counts(), ...(interrupted ? { interrupted: true } : {}) }).catch((error: unknown) => {
        // What could not be kept has failed already; that the run's end is not in the log must not cost its report.
        if (!(error instanceof StoreUnwritable)) throw error;
        this.#progress.warn(`${error.message}: the end of this run is not on record`);
      });
    }
  }

  async report(durationMs: number): Promise<RunResult> {
    const interrupted = this.#interrupts > 0;
    const failures = this.#options.selection.cells.flatMap(({ id }) => {
      const outcome = this.#outcomes.get(id);
      return outcome?.kind === 'failed' && outcome.origin === id && this.#status.get(id) !== 'lacking' ? [{ cell: id, outcome }] : [];
    });
    const counts = this.#counts();
    const failed = counts.failed > 0 || this.#incomplete;
    const complete = !interrupted && this.#exportsSelected().length > 0;
    const cache = this.#shared?.traffic();
    const end = { counts, ...(cache === undefined ? {} : { cache }), durationMs, failed, interrupted, failures, closing: complete ? this.#pipeline.closing ?? [] : [], ...(this.#notStored === undefined ? {} : { notStored: this.#notStored }) };
    const { notify: program } = this.#options;
    const wrong = program === undefined ? undefined : await notify(program, this.#pipeline.name, end);
    if (wrong !== undefined) this.#progress.warn(wrong);
    this.#progress.done(end);
    return { failed, interrupted };
  }

  /** Before the first task: whoever would rather make room for days of work is told while there is time. */
  #sayNotStored(): void {
    if (this.#notStored === undefined || this.#saidNotStored) return;
    this.#saidNotStored = true;
    const { store, reason } = this.#notStored;
    this.#progress.warn(`${store} cannot be written (${reason}): what is computed is used in this run and not stored`);
  }

  /** Of what the rest does without it is easily missed that it was there: once for each stage. */
  #sayEarlier(cell: Cell): void {
    const { stage, id } = cell;
    if (stage.determinism !== 'measured' || !this.#store.recordsOfCell(id).some(({ status }) => status === 'done')) return;
    // What was only to be computed once more (--force, --measure) is no worse for it.
    const sentence = `${stage.name}: earlier results of it ${this.#pass?.stillCounts(cell) === true ? 'go on counting: this run leaves them out, and the next one shows them' : 'stay in the store and are not shown'}`;
    if (this.#saidEarlier.has(sentence)) return;
    this.#saidEarlier.add(sentence);
    this.#progress.warn(sentence);
  }

  async #onePass(): Promise<{ readonly sha256: Sha256; readonly what: string } | undefined> {
    const { selection: { cells, named, onDemand }, resources, failFast, force, measure, retryFailed, seed } = this.#options;
    const asked = (cell: Cell): boolean => named.has(cell.id) && !this.#ranHere.has(cell.id);
    const ground = await readGround(this.#pipeline, this.#store, cells);
    this.#progress.started(cells.filter(({ id }) => !onDemand.has(id)), resources.jobs);
    this.#pass = new Pass(cells, ground, {
      resources, gpus: this.#gpus, onDemand, failFast, seed: seed ?? randomInt(2 ** 32),
      force: (cell) => force && asked(cell),
      measure: (cell) => measure && cell.stage.determinism === 'measured' && asked(cell),
      retryFailed: (cell) => retryFailed && !this.#failedHere.has(cell.id),
      ...(this.#shared === undefined ? {} : { shared: this.#shared }),
      executors: this.#executors(),
      ranHere: this.#ranHere, changedHere: this.#changedHere, failedHere: this.#failedHere, progress: this.#progress,
    });
    if (this.#interrupts > 0) return undefined;
    await this.#pass.run();
    this.#outcomes = this.#pass.outcomes;
    return this.#pass.damaged;
  }

  #executors(): Executors {
    const { away } = this.#options;
    if (away === undefined) return new Executors();
    if (this.#notStored !== undefined) throw new ConfigurationError(`${this.#notStored.store} cannot be written (${this.#notStored.reason}): jobs leave their results there, so with --executor it must be`);
    const { executor: name, cluster, whenInterrupted } = away;
    return new Executors({ name, surroundings: { store: this.#store, cluster, warn: (sentence) => this.#progress.warn(sentence), whenInterrupted } });
  }

  /** Only exports all of whose cells were looked at: a run of some targets leaves the others as they are. */
  #exportsSelected(): readonly FolderExport[] {
    return this.#pipeline.exports.filter(({ from }) => from.every(({ cell }) => this.#outcomes.has(cell)));
  }

  async #export(): Promise<{ readonly sha256: Sha256; readonly what: string } | 'lacking' | undefined> {
    if (this.#interrupts > 0) return undefined;
    this.#exported.length = 0;
    for (const folder of this.#exportsSelected()) {
      try {
        this.#progress.exported(await exportFolder(this.#pipeline.root, folder, this.#store, (cell) => this.#outcomes.get(cell)!, async (outputs) => {
          if (((await this.#shared?.bring(outputs)) ?? []).length > 0) throw new Lacking();
        }));
        this.#exported.push(folder);
      } catch (error) {
        if (error instanceof DamagedObject) return error;
        if (error instanceof Lacking) return 'lacking';
        if (typeof (error as NodeJS.ErrnoException).code !== 'string') throw error;
        this.#progress.warn(`${folder.to} could not be written: ${(error as Error).message.split(',')[0]}`);
        this.#incomplete = true;
      }
    }
    return undefined;
  }

  #counts(): { readonly ran: number; readonly cached: number; readonly failed: number; readonly skipped: number } {
    const counts = { ran: 0, cached: 0, failed: 0, skipped: 0 };
    const { cells, onDemand } = this.#options.selection;
    for (const { id } of cells) {
      const status = this.#status.get(id);
      // What only helps and was not asked for, or what the run does without, is neither done nor left undone.
      if (status === 'lacking' || (status === undefined && onDemand.has(id))) continue;
      if (this.#ranHere.has(id)) counts.ran++;
      else if (status === 'cached') counts.cached++;
      else if (status === 'failed' || status === 'remembered') counts.failed++;
      else counts.skipped++;
    }
    return counts;
  }
}
