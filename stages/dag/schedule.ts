/**
 * One pass over the selected cells: decides each as soon as its inputs are known, runs what must run, commits as it finishes.
 * The tasks themselves are in running.ts; what a pass cannot settle (an input turned out damaged) is left for the next pass.
 */
import { batchName, workBehind } from './critical-path.ts';
import { decide, recordsOf } from './decide.ts';
import { producersOf, toolCellsOf } from './pipeline.ts';
import { ReadyQueue } from './queue.ts';
import { ResourcePool } from './resources.ts';
import { TaskRunner } from './running.ts';
import type { SharedCache } from './cache/shared-cache.ts';
import type { Outcome, Verdict } from './decide.ts';
import type { Executors } from './executor.ts';
import type { RunGpus } from './gpus.ts';
import type { Ground } from './ground.ts';
import type { Pending, ReadyTask } from './queue.ts';
import type { CellStatus, Progress } from './progress.ts';
import type { Resources } from './resources.ts';
import type { Cell, Sha256, Stage } from './types.ts';

export interface PassOptions {
  readonly resources: Resources;
  readonly gpus: RunGpus;
  /** Cells that only help: they sleep until a cell that uses them is going to run. */
  readonly onDemand: ReadonlySet<string>;
  readonly seed: number;
  readonly failFast: boolean;
  /** Named by --force, --measure, --retry-failed, and not yet done so in this run. */
  readonly force: (cell: Cell) => boolean;
  readonly measure: (cell: Cell) => boolean;
  readonly retryFailed: (cell: Cell) => boolean;
  /** Ended by an earlier pass of this run: cells that ran, and failures that are not tried again. */
  readonly ranHere: Set<string>;
  /** Of those that ran, the ones whose outputs are new or not as before. */
  readonly changedHere: Set<string>;
  readonly failedHere: Map<string, Outcome & { kind: 'failed' }>;
  readonly progress: Progress;
  readonly shared?: SharedCache;
  /** Where tasks run. */
  readonly executors: Executors;
}

/** How often the records of another run are looked at while it computes what this one needs; ms. */
const POLL_MS = 200;
/** Short work in this process goes on for so long before signals, timers and the disk have their turn; ms. */
const BREATH_MS = 5;
/** Leases looked at in one poll. */
const MAX_ASKED = 50;

/** Cells of one stage that are to run together: dispatched when none of them is undecided. */
interface Batch { readonly stage: Stage; undecided: number; ready: Pending[] }

/** A cell that is to run once its tools have ended. */
interface Equipping { readonly pending: Pending; readonly inBatch: boolean; toolsLeft: number }

export class Pass {
  readonly outcomes = new Map<string, Outcome>();
  /** Set when an input was damaged or changed under the run: the pass ends and another one is needed. */
  damaged: { readonly sha256: Sha256; readonly what: string } | undefined;
  /** Set when something that was to come from the shared cache could not be had: another pass is needed, which has it made. */
  lacking = false;

  readonly #cells: readonly Cell[];
  readonly #ground: Ground;
  readonly #options: PassOptions;
  readonly #queue: ReadyQueue;
  readonly #runner: TaskRunner;
  readonly #producersLeft = new Map<string, number>();
  readonly #readers = new Map<string, Cell[]>();
  readonly #batches = new Map<string, Batch>();
  /** Cell -> its place in the pipeline. */
  readonly #order: ReadonlyMap<string, number>;
  /** Cells that only help and that nothing has asked for. */
  readonly #asleep: Set<string>;
  /** Cell whose output is a tool -> the cells that wait for it. */
  readonly #equipping = new Map<string, Equipping[]>();
  /** Keys being computed by this pass -> cells that wait for the same key (equal work under two ids). */
  readonly #twins = new Map<Sha256, Cell[]>();
  /** Computed by another run at this moment. */
  #elsewhere: Pending[] = [];
  /** Ready, and what they need is yet to be looked for. */
  readonly #unprepared: ReadyTask[] = [];
  #saidElsewhere = false;
  /** Waiting before they are tried again. */
  #delayed = 0;
  #stopping = false;
  #wake: () => void = () => undefined;

  constructor(cells: readonly Cell[], ground: Ground, options: PassOptions) {
    this.#cells = cells;
    this.#order = new Map(cells.map(({ id }, i) => [id, i]));
    this.#asleep = new Set(options.onDemand);
    this.#ground = ground;
    this.#options = options;
    // Asked for when something is to run: a run that finds nothing to do need not know.
    let behind: ReadonlyMap<string, number> | undefined;
    this.#runner = new TaskRunner(ground, this.#outcomeOf, new ResourcePool(options.resources, options.gpus), options.progress, options.executors, {
      settled: (pending, outcome, changed) => {
        if (changed) options.changedHere.add(pending.cell.id);
        if (outcome.kind === 'done') options.ranHere.add(pending.cell.id);
        else options.failedHere.set(pending.cell.id, outcome);
        this.#settlePending(pending, outcome, outcome.kind === 'done' ? 'ran' : 'failed');
      },
      foundElsewhere: (pending, outcome) => this.#settlePending(pending, outcome, 'cached'),
      heldElsewhere: (pending) => {
        if (!this.#saidElsewhere) options.progress.warn('another run in this folder computes some of these cells: waiting for its results');
        this.#saidElsewhere = true;
        this.#elsewhere.push(pending);
        this.#wake();
      },
      again: (task, delayMs) => this.#again(task, delayMs),
      damaged: (damage) => { this.damaged ??= damage; this.stop(); },
      // The others go on: what can be done without it is done.
      lacking: () => { this.lacking = true; },
    }, options.shared);
    this.#queue = new ReadyQueue(options.seed, ({ id }) => (behind ??= workBehind(cells)).get(id)!, this.#runner.isExclusive);
  }

  /** Resolves when nothing is left that could run. Cells without an outcome were not reached. */
  async run(): Promise<void> {
    this.#prepare();
    let fault: { readonly error: unknown } | undefined;
    const poll = setInterval(() => void this.#lookElsewhere().catch((error: unknown) => { fault = { error }; this.stop(); }), POLL_MS);
    let breathedMs = performance.now();
    try {
      for (;;) {
        const woken = new Promise<void>((resolve) => { this.#wake = resolve; });
        while (this.#unprepared.length > 0) await this.#runner.prepare(this.#unprepared.pop()!);
        this.#dispatch();
        if (this.#isOver()) break;
        await woken;
        if (performance.now() - breathedMs < BREATH_MS) continue;
        await new Promise((resolve) => setImmediate(resolve));
        breathedMs = performance.now();
      }
      if (fault !== undefined) throw fault.error;
    } finally {
      clearInterval(poll);
      await this.#runner.close();
    }
  }

  /** Starts nothing more. Running tasks are asked to stop at their next commit (`gently`) or let finish. */
  stop(gently = false): void {
    this.#stopping = true;
    if (gently) this.#runner.stop();
    this.#wake();
  }

  /** Ends every task now. */
  kill(): void {
    this.#stopping = true;
    this.#runner.kill();
    this.#wake();
  }

  readonly #outcomeOf = (id: string): Outcome => {
    const outcome = this.outcomes.get(id);
    if (outcome === undefined) throw new Error(`${id} was asked for before it was decided`);
    return outcome;
  };

  #prepare(): void {
    const decidable: Cell[] = [];
    for (const cell of this.#cells) {
      const producers = producersOf(cell);
      this.#producersLeft.set(cell.id, producers.size);
      for (const id of producers) {
        const list = this.#readers.get(id);
        if (list === undefined) this.#readers.set(id, [cell]);
        else list.push(cell);
      }
      if (this.#asleep.has(cell.id)) continue;
      this.#joinBatch(cell);
      if (producers.size === 0) decidable.push(cell);
    }
    this.#decideAll(decidable);
  }

  #joinBatch(cell: Cell): void {
    const name = batchName(cell);
    const batch = this.#batches.get(name);
    if (batch === undefined) this.#batches.set(name, { stage: cell.stage, undecided: 1, ready: [] });
    else batch.undecided++;
  }

  /** Wakes a cell that only helps, and what it reads; answers those of them that can be decided. */
  #wakeUp(id: string): Cell[] {
    if (!this.#asleep.delete(id)) return [];
    const cell = this.#ground.cell(id);
    this.#options.progress.joined(cell);
    this.#joinBatch(cell);
    const decidable = [...producersOf(cell)].flatMap((producer) => this.#wakeUp(producer));
    if (this.#producersLeft.get(id) === 0) decidable.push(cell);
    return decidable;
  }

  /** Decides these and whatever becomes decidable by it; a list instead of recursion, since chains may be long. */
  #decideAll(cells: Cell[]): void {
    for (let cell = cells.pop(); cell !== undefined; cell = cells.pop()) {
      const outcome = this.#decideOne(cell, true, cells);
      if (outcome !== undefined) cells.push(...this.#settle(cell, outcome, outcome.kind === 'done' ? 'cached' : this.#howFailed(outcome)));
    }
  }

  /** Whether a result counts of a cell that this run could not compute: it was there, and was only to be computed once more. */
  stillCounts(cell: Cell): boolean {
    const never = (): boolean => false;
    return this.#verdictOn(cell, { force: never, measure: never }).kind === 'done';
  }

  #verdictOn(cell: Cell, { force, measure }: Pick<PassOptions, 'force' | 'measure'> = this.#options): Verdict {
    const { retryFailed, changedHere } = this.#options;
    return decide(cell, this.#ground, this.#outcomeOf, { force, measure, retryFailed: retryFailed(cell), changedHere: (id) => changedHere.has(id) });
  }

  /** Answers the outcome if there is one already; otherwise puts the cell where it will be run. `awoken` takes the tools that it needs. */
  #decideOne(cell: Cell, inBatch: boolean, awoken: Cell[]): Outcome | undefined {
    const verdict = this.#options.failedHere.get(cell.id) ?? this.#verdictOn(cell);
    if (verdict.kind === 'run' && !this.#twins.has(verdict.key)) {
      this.#twins.set(verdict.key, []);
      const pending: Pending = { cell, key: verdict.key, fields: verdict.fields, reasons: verdict.reasons, ...(verdict.conflict === undefined ? {} : { conflict: verdict.conflict }) };
      // Computed in another way than the others, it is none of their batch.
      if (inBatch && verdict.conflict !== undefined) this.#decided(cell);
      this.#equip(pending, inBatch && verdict.conflict === undefined, awoken);
      return undefined;
    }
    if (verdict.kind === 'run') this.#twins.get(verdict.key)!.push(cell);
    if (inBatch) this.#decided(cell);
    return verdict.kind === 'run' ? undefined : verdict;
  }

  /** Has a cell wait for its tools, if some have not ended. */
  #equip(pending: Pending, inBatch: boolean, awoken: Cell[]): void {
    const tools = [...toolCellsOf(pending.cell)].filter((id) => !this.outcomes.has(id));
    if (tools.length === 0) return this.#enter(pending, inBatch);
    const equipping: Equipping = { pending, inBatch, toolsLeft: tools.length };
    for (const id of tools) {
      const list = this.#equipping.get(id);
      if (list === undefined) this.#equipping.set(id, [equipping]);
      else list.push(equipping);
      awoken.push(...this.#wakeUp(id));
    }
  }

  /** Puts a cell that is to run where its batch, or nobody else, is waited for. */
  #enter(pending: Pending, inBatch: boolean): void {
    if (!inBatch) return this.#queueUp({ stage: pending.cell.stage, pending: [pending] });
    this.#batches.get(batchName(pending.cell))!.ready.push(pending);
    this.#decided(pending.cell);
  }

  #decided(cell: Cell): void {
    const batch = this.#batches.get(batchName(cell))!;
    batch.undecided--;
    if (batch.undecided === 0) this.#release(batch);
  }

  /** Cells of a batch come in the pipeline's order, whichever was decided first. */
  #release(batch: Batch): void {
    const pending = batch.ready.sort((a, b) => this.#order.get(a.cell.id)! - this.#order.get(b.cell.id)!);
    if (pending.length > 0) this.#queueUp({ stage: batch.stage, pending });
    batch.ready = [];
  }

  /** Notes an outcome; answers the cells that it makes decidable. */
  #settle(cell: Cell, outcome: Outcome, how: Exclude<CellStatus, 'lacking'>): Cell[] {
    this.outcomes.set(cell.id, outcome);
    if (how === 'cached' && outcome.kind === 'done' && outcome.waiver === undefined) this.#options.shared?.settled(cell, outcome.records);
    const lacking = outcome.kind === 'failed' && cell.stage.optional === true;
    this.#options.progress.cell(cell, outcome, lacking ? 'lacking' : how === 'cached' && this.#options.ranHere.has(cell.id) ? 'ran' : how);
    if (this.#options.failFast && how === 'failed' && !lacking) this.stop();
    for (const equipping of this.#equipping.get(cell.id) ?? []) {
      equipping.toolsLeft--;
      if (equipping.toolsLeft === 0) this.#enter(equipping.pending, equipping.inBatch);
    }
    this.#equipping.delete(cell.id);
    const decidable: Cell[] = [];
    for (const reader of this.#readers.get(cell.id) ?? []) {
      const left = this.#producersLeft.get(reader.id)! - 1;
      this.#producersLeft.set(reader.id, left);
      if (left === 0 && !this.#asleep.has(reader.id)) decidable.push(reader);
    }
    return decidable;
  }

  #settlePending(pending: Pending, outcome: Outcome, how: 'ran' | 'cached' | 'failed'): void {
    const decidable = this.#settle(pending.cell, outcome, how);
    const twins = this.#twins.get(pending.key) ?? [];
    this.#twins.delete(pending.key);
    for (const twin of twins) {
      const same = this.#decideOne(twin, false, decidable);
      if (same !== undefined) decidable.push(...this.#settle(twin, same, same.kind === 'done' ? 'cached' : this.#howFailed(same)));
    }
    this.#decideAll(decidable);
    this.#wake();
  }

  #howFailed(outcome: Outcome & { kind: 'failed' }): 'failed' | 'remembered' | 'skipped' {
    if (outcome.failure.code === 'upstream-failed') return 'skipped';
    return outcome.record === undefined ? 'failed' : 'remembered';
  }

  #queueUp(task: ReadyTask): void {
    this.#queue.push(task);
    this.#unprepared.push(task);
  }

  #dispatch(): void {
    while (!this.#stopping && !this.#runner.isFull) {
      const task = this.#queue.take(this.#runner.active, this.#runner.fits);
      if (task === undefined) break;
      this.#runner.start(task, this.#options.failFast, () => this.#wake());
    }
    if (this.#stopping || this.#runner.active > 0 || this.#queue.size > 0 || this.#elsewhere.length > 0 || this.#delayed > 0) return;
    // Nothing runs, yet some batch waits for a cell that itself waits for a cell of this batch: run what is ready of it.
    const stuck = [...this.#batches.values()].filter((batch) => batch.ready.length > 0);
    for (const batch of stuck) this.#release(batch);
    if (stuck.length > 0) this.#wake();
  }

  #isOver(): boolean {
    if (this.#runner.active > 0) return false;
    return this.#stopping || (this.#queue.size === 0 && this.#elsewhere.length === 0 && this.#delayed === 0);
  }

  #again(task: ReadyTask, delayMs: number): void {
    if (delayMs === 0) {
      this.#queueUp(task);
      this.#wake();
      return;
    }
    this.#delayed++;
    setTimeout(() => {
      this.#delayed--;
      this.#queueUp(task);
      this.#wake();
    }, delayMs);
  }

  /** What another run computes is waited for; what it gave up, failed or died over is decided anew. */
  async #lookElsewhere(): Promise<void> {
    if (this.#elsewhere.length === 0 || this.#stopping) return;
    const { store } = this.#ground;
    const waiting = this.#elsewhere;
    this.#elsewhere = [];
    this.#delayed++;
    try {
      store.refresh();
      const back = new Map<string, Pending[]>();
      let asked = 0;
      for (const pending of waiting) {
        const records = recordsOf(pending.cell, pending.key, this.#ground);
        if (records.length > 0) {
          this.#settlePending(pending, { kind: 'done', records }, 'cached');
          continue;
        }
        // Whether the other one lives is asked for some at a time; the rest come up again.
        const holder = asked++ < MAX_ASKED ? await store.leases.acquire(pending.key) : 'not asked';
        if (holder !== undefined) {
          this.#elsewhere.push(pending);
          continue;
        }
        store.refresh();
        const verdict = this.#verdictOn(pending.cell);
        await store.leases.release(pending.key);
        if (verdict.kind !== 'run') this.#settlePending(pending, verdict, verdict.kind === 'done' ? 'cached' : 'failed');
        else back.set(batchName(pending.cell), [...back.get(batchName(pending.cell)) ?? [], pending]);
      }
      for (const pending of back.values()) this.#queueUp({ stage: pending[0]!.cell.stage, pending });
    } finally {
      this.#delayed--;
      this.#wake();
    }
  }
}
