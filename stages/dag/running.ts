/**
 * Runs one ready task from its leases to its last commit. Whatever happens to it (a crash, a timeout, a full disk, a damaged
 * input), each of its cells ends in exactly one way: settled, to be run again, or left for the next run.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Commits, type Made } from './commits.ts';
import { recordsOf } from './decide.ts';
import { DamagedObject, StoreUnwritable } from './errors.ts';
import { taskOf } from './executor.ts';
import { alone, halves, retryLater, timedAgain } from './follow-up.ts';
import { boundTo } from './gpus.ts';
import { elsewhere, memoryOf, otherOutputs, rounded, sizeOf, unwritableFailure } from './record-fields.ts';
import { taskNeeds } from './resources.ts';
import { revocationOf, revocationText } from './revoked.ts';
import { readBy, taskCell } from './task-inputs.ts';
import { writeTaskLog } from './task-log.ts';
import { timestamp } from './timestamp.ts';
import { Turns } from './turns.ts';
import { keepEvidence, refereeOf, verdictText } from './cache/verdict.ts';
import { count, duration } from './words.ts';
import type { SharedCache } from './cache/shared-cache.ts';
import type { Conflict, Outcome } from './decide.ts';
import type { Executors, RanElsewhere, RunningTask, TaskEnd } from './executor.ts';
import type { FollowUp } from './follow-up.ts';
import type { Ground } from './ground.ts';
import type { Progress } from './progress.ts';
import type { Pending, ReadyTask } from './queue.ts';
import type { ResourcePool, Share } from './resources.ts';
import type { TaskCell } from './task-types.ts';
import type { CellRecord, Failure, Gpu, Sha256, Stage } from './types.ts';

/** What the pass is told. */
export interface RunnerEvents {
  /** `changed`: its outputs are not those of the last time. */
  settled(pending: Pending, outcome: Outcome, changed: boolean): void;
  /** Another run has computed it in the meantime. */
  foundElsewhere(pending: Pending, outcome: Outcome): void;
  heldElsewhere(pending: Pending): void;
  again(task: ReadyTask, delayMs: number): void;
  damaged(damage: { readonly sha256: Sha256; readonly what: string }): void;
  /** Something that it reads was to come from the shared cache and cannot be had: its cells are left for the next pass, which has it made. */
  lacking(task: ReadyTask): void;
}

/** A task that commits faster than the disk takes it waits once so much is on its way. */
const MAX_BYTES_UNDERWAY = 64 * 1024 * 1024;

/** A timing is taken so often; who closes a laptop again and again wants no timing. */
const MAX_TIMINGS = 4;

export class TaskRunner {
  /** Tasks that occupy a job of this machine. */
  running = 0;
  /** Tasks that are at work elsewhere. */
  #away = 0;
  /** Tasks with anything left to do, commits included. */
  active = 0;
  /** A stage that suffers nothing beside it is running. */
  exclusive = false;

  readonly #ground: Ground;
  readonly #outcomeOf: (cell: string) => Outcome;
  readonly #pool: ResourcePool;
  readonly #progress: Progress;
  readonly #events: RunnerEvents;
  readonly #shared: SharedCache | undefined;
  readonly #executors: Executors;
  readonly #turns: Turns;
  readonly #tasks = new Set<RunningTask>();
  #count = 0;
  #bytesUnderway = 0;
  #stopped = false;
  #killed = false;
  /** Once the disk has refused, nothing is computed that could not be kept. */
  #unwritable: StoreUnwritable | undefined;
  /** Errors of our own: the pass ends with the first of them. */
  readonly #faults: unknown[] = [];

  /** `pool`: what its tasks may use together on this machine. */
  constructor(ground: Ground, outcomeOf: (cell: string) => Outcome, pool: ResourcePool, progress: Progress, executors: Executors, events: RunnerEvents, shared?: SharedCache) {
    this.#executors = executors;
    this.#ground = ground;
    this.#outcomeOf = outcomeOf;
    this.#pool = pool;
    this.#progress = progress;
    this.#events = events;
    this.#shared = shared;
    this.#turns = new Turns(ground.store, ground.pipeline, (sentence) => progress.warn(sentence), () => this.#stopped);
  }

  /**
   * `changed` is called when a job is free again, and when the task has nothing left to do. The job is free once the task has ended,
   * while its last commits are on their way to the disk; `untilSettled`: only when it is known how each of its cells ended.
   */
  start(task: ReadyTask, untilSettled: boolean, changed: () => void): void {
    this.active++;
    const share = this.#leaves(task) ? undefined : this.#pool.take(taskNeeds(task));
    if (share === undefined) this.#away++;
    else {
      this.running++;
      this.exclusive = this.isExclusive(task.stage);
    }
    let occupies = true;
    const free = (): void => {
      if (!occupies) return;
      occupies = false;
      if (share === undefined) this.#away--;
      else {
        this.running--;
        this.#pool.give(share);
        this.exclusive = false;
      }
      changed();
    };
    void this.#run(task, share, untilSettled ? () => undefined : free).catch((error: unknown) => this.#faults.push(error)).finally(() => {
      free();
      this.active--;
      changed();
    });
  }

  /** To be awaited before a task starts or is asked whether it fits. */
  async prepare(task: ReadyTask): Promise<void> {
    if (!this.#leaves(task)) await this.#pool.prepare(taskNeeds(task));
  }

  /** One that decides between others is computed here. */
  #leaves({ stage, pending }: ReadyTask): boolean {
    return this.#executors.leave(stage) && pending[0]!.conflict === undefined;
  }

  /** Whether a task may start now: what leaves needs nothing that is here. */
  readonly fits = (task: ReadyTask): boolean => this.#executors.leave(task.stage) ? this.#away < this.#executors.mostAway : this.running < this.#pool.jobs && !this.exclusive && this.#pool.fits(taskNeeds(task));

  /** Whether nothing of this machine may work beside a stage's tasks. */
  readonly isExclusive = (stage: Stage): boolean => stage.exclusive === true && !this.#executors.leave(stage);

  /** Whether no task can start, whatever it needs. */
  get isFull(): boolean {
    return (this.running >= this.#pool.jobs || this.exclusive) && this.#away >= this.#executors.mostAway;
  }

  stop(): void {
    this.#stopped = true;
    for (const task of this.#tasks) task.stop();
  }

  kill(): void {
    this.#stopped = true;
    this.#killed = true;
    for (const task of this.#tasks) task.kill();
  }

  /** Ends idle processes. Throws what should not have happened. */
  async close(): Promise<void> {
    await this.#executors.release();
    if (this.#faults.length > 0) throw this.#faults[0];
  }

  async #run(task: ReadyTask, share: Share | undefined, free: () => void): Promise<void> {
    const { store } = this.#ground;
    let mine: readonly Pending[] = [];
    let scratch: string | undefined, giveGpus: (() => Promise<void>) | undefined;
    let followUps: readonly FollowUp[] = [];
    try {
      if (this.#unwritable !== undefined) throw this.#unwritable;
      if (this.isExclusive(task.stage)) await this.#turns.begin();
      mine = await this.#lease(task);
      if (mine.length === 0 || this.#stopped) return;
      const refusal = share === undefined ? undefined : this.#pool.refusal(share);
      if (refusal !== undefined) return void await Promise.all(mine.map((pending) => this.#fail(pending, refusal, 0)));
      if (!await this.#bring(mine)) {
        this.#events.lacking({ stage: task.stage, pending: mine });
        return;
      }
      if (share !== undefined) giveGpus = await this.#turns.takeGpus(this.#pool.gpusOf(share));
      if (this.#stopped) return;
      scratch = await store.scratchPath();
      const cells = mine.map(({ cell }) => taskCell(cell, this.#ground, this.#outcomeOf));
      followUps = await this.#execute({ stage: task.stage, pending: mine }, cells, share?.gpu, scratch, free);
    } catch (error) {
      if (error instanceof DamagedObject) this.#events.damaged(error);
      else if (error instanceof StoreUnwritable) {
        this.#unwritable = error;
        const outcome = (cell: string): Outcome => ({ kind: 'failed', failure: unwritableFailure(error), origin: cell });
        for (const pending of mine.length > 0 ? mine : task.pending) this.#events.settled(pending, outcome(pending.cell.id), true);
      } else throw error;
    } finally {
      await giveGpus?.();
      for (const { key } of mine) await store.leases.release(key);
      if (this.isExclusive(task.stage)) await this.#turns.end();
      if (scratch !== undefined && existsSync(scratch)) await rm(scratch, { recursive: true, force: true });
    }
    // Only now: the next task takes the same leases.
    for (const { task: next, delayMs } of followUps) this.#events.again(next, delayMs);
  }

  /** Answers the cells that are ours to compute; tells of those that another run computes or has computed. */
  async #lease({ stage, pending }: ReadyTask): Promise<readonly Pending[]> {
    const { store } = this.#ground;
    let held: Pending[] = [];
    let elsewhere: Pending[] = [];
    for (;;) {
      for (const one of pending) (await store.leases.acquire(one.key) === undefined ? held : elsewhere).push(one);
      if (stage.exclusive === true || this.#executors.leave(stage) || held.length === 0 || !await this.#turns.mustWait()) break;
      for (const { key } of held) await store.leases.release(key);
      [held, elsewhere] = [[], []];
      await this.#turns.free();
      if (this.#stopped) return [];
    }
    for (const one of elsewhere) this.#events.heldElsewhere(one);
    store.refresh();
    const mine: Pending[] = [];
    for (const one of held) {
      const records = this.#isAskedFor(one) ? [] : recordsOf(one.cell, one.key, this.#ground);
      if (records.length === 0) mine.push(one);
      else {
        await store.leases.release(one.key);
        this.#events.foundElsewhere(one, { kind: 'done', records });
      }
    }
    return mine;
  }

  /** False: something cannot be had. */
  async #bring(pending: readonly Pending[]): Promise<boolean> {
    if (this.#shared === undefined) return true;
    const { needed, promised } = readBy(pending.map(({ cell }) => cell), this.#ground, this.#outcomeOf);
    // What is only promised is fetched from where it comes from, if it is not there.
    await this.#shared.bring(promised.filter((object) => this.#ground.store.catalogue?.has(object)));
    return (await this.#shared.bring(needed)).length === 0;
  }

  #isAskedFor({ reasons, conflict, key }: Pending): boolean {
    return (conflict !== undefined && !this.#ground.store.isRuled(key)) || reasons.some(({ field }) => field.startsWith('asked for with'));
  }

  async #execute(task: ReadyTask, cells: readonly TaskCell[], gpu: Gpu | undefined, scratch: string, free: () => void): Promise<readonly FollowUp[]> {
    const { store, pipeline } = this.#ground;
    const { stage } = task;
    for (const { cell, key, fields, reasons } of task.pending) {
      store.noteDecision(cell.id, key, reasons);
      store.noteClosure(fields.code, this.#ground.codeOf(cell).files);
    }
    this.#progress.taskStarted(task);
    const id = `${stage.name}-${++this.#count}`;
    const left = new Map(task.pending.map((pending) => [pending.cell.id, pending]));
    const again: Pending[] = [];
    const commits = new Commits((pending, made, durationMs) => this.#commit(pending, made, durationMs));
    // One that decides between others is alone in its task.
    const environment = boundTo(gpu, task.pending[0]!.conflict === undefined ? undefined : refereeOf(pipeline, task.pending[0]!.conflict)?.environment);
    const executor = await this.#executors.of(stage, environment);
    const parts = {
      id, cells, scratch, jobs: this.#pool.jobs, unfinished: join(store.folder, 'unfinished', stage.name), keys: task.pending.map(({ key }) => key),
      needs: taskNeeds(task), ...(task.pending.some((one) => this.#isAskedFor(one)) ? { anew: true } : {}), ...(environment === undefined ? {} : { environment }),
    };
    const running = executor.start(taskOf(pipeline, stage, parts), {
      committed: async (cell, outputs, computedBy, peakBytes, tookMs, ran) => {
        const pending = left.get(cell);
        if (pending === undefined) return;
        left.delete(cell);
        const bytes = sizeOf(outputs);
        this.#bytesUnderway += bytes;
        // What goes wrong is heard by commits.finish().
        const written = commits.add(pending, { outputs, computedBy, peakBytes, tookMs, ran }).catch(() => undefined).finally(() => { this.#bytesUnderway -= bytes; });
        if (this.#bytesUnderway > MAX_BYTES_UNDERWAY) await written;
        return { onDisk: written };
      },
      failed: (cell, failure, ran) => {
        const pending = left.get(cell);
        if (pending === undefined) return;
        left.delete(cell);
        if (failure.code === 'not-available' && (pending.retries ?? 0) < (stage.retries ?? 0)) {
          again.push(pending);
          return;
        }
        const written = this.#fail(pending, failure, commits.sinceLast(), ran);
        commits.fail(() => written);
        return { onDisk: written.catch(() => undefined) };
      },
      progress: (done, total, unit) => this.#progress.taskProgress(task, done, total, unit),
      warn: (sentence) => this.#progress.warn(`${stage.name}: ${sentence}`),
    });
    this.#tasks.add(running);
    if (this.#killed) running.kill();
    else if (this.#stopped) running.stop();
    const end = await running.end;
    this.#tasks.delete(running);
    free();
    await commits.finish();
    const log = running.log();
    if (log !== '') writeTaskLog(store.folder, store.run, id, task.pending.map(({ cell }) => cell.id), log);
    const followUps = await this.#settleRest(task, [...left.values()], end, again, commits.sinceLast());
    this.#progress.taskEnded(task);
    return followUps;
  }

  /** What becomes of the cells that a task neither committed nor failed; answers what is to be run again. */
  async #settleRest(task: ReadyTask, rest: readonly Pending[], end: TaskEnd, retry: readonly Pending[], tookMs: number): Promise<readonly FollowUp[]> {
    const { stage } = task;
    const failAll = async (failure: Failure): Promise<readonly FollowUp[]> => {
      for (const pending of rest) await this.#fail(pending, failure, tookMs / rest.length);
      return [];
    };
    const retried = retryLater(stage, retry);
    if (end.kind === 'damaged') {
      this.#events.damaged(end);
      return [];
    }
    if (rest.length === 0) {
      const late = end.kind === 'threw' ? end.failure.sentence : end.kind === 'crashed' ? end.sentence : undefined;
      if (late !== undefined) this.#progress.warn(`${stage.name}: after all of its cells had ended: ${late}`);
      return retried;
    }
    switch (end.kind) {
      case 'stopped': return [];
      case 'ended': return [...retried, ...await failAll({ code: 'no-output', sentence: 'the stage ended without committing or failing the cell' })];
      case 'timed-out':
        if ((rest[0]!.retries ?? 0) < (stage.retries ?? 0)) return [...retried, ...retryLater(stage, rest)];
        // One cell that hangs must not fail those that stood behind it.
        if (rest.length > 1) return [...retried, ...halves(stage, rest)];
        return [...retried, ...await failAll({ code: 'timed-out', sentence: end.sentence ?? `it ran longer than its limit of ${(stage.timeoutMs ?? 0) / 1000} s` })];
      case 'stood-still': {
        const sentence = `the process stood still for ${duration(end.ms)} while it timed (a suspended machine, a stopped process, or no processor for it)`;
        if ((rest[0]!.standstills ?? 0) + 1 < MAX_TIMINGS) {
          this.#progress.warn(`${stage.name}: ${sentence}; ${count(rest.length, 'cell')} of it will be timed again`);
          return [...retried, timedAgain(stage, rest)];
        }
        return [...retried, ...await failAll({ code: 'interrupted', sentence: `${sentence}, ${MAX_TIMINGS} times in a row`, hint: 'run again when the machine is not suspended' })];
      }
      case 'threw':
        // What this machine lacks it lacks for all of them; what is wrong with one cell's work is that cell's.
        if (rest.length > 1 && end.failure.code !== 'not-available') return [...retried, ...halves(stage, rest)];
        return [...retried, ...await failAll(end.failure)];
      case 'crashed':
        if (rest.length > 1 || (rest[0]!.diedAlone === undefined && end.certain !== true)) this.#progress.warn(`${stage.name}: ${end.sentence}; ${count(rest.length, 'cell')} of it will be tried again`);
        if (rest.length > 1) return [...retried, ...halves(stage, rest)];
        if (rest[0]!.diedAlone === undefined && end.certain !== true) return [...retried, alone(stage, rest[0]!)];
        return [...retried, ...await failAll({ code: 'crashed', sentence: end.sentence, ...(end.hint === undefined ? {} : { hint: end.hint }) })];
      case 'given-up': return [...retried, ...await failAll(end.failure)];
    }
  }

  async #commit(pending: Pending, { outputs, computedBy, peakBytes, ran }: Made, durationMs: number): Promise<void> {
    const { store } = this.#ground;
    const { cell, key, fields } = pending;
    // A stage that computed with it all the same: its result would count for nothing, and be computed again in every run.
    const revocation = computedBy === undefined ? undefined : revocationOf({ computedBy }, this.#ground.pipeline.revoked ?? []);
    if (revocation !== undefined) return this.#fail(pending, { code: 'not-available', sentence: `It was computed by what does not count: ${revocationText(revocation)}.` }, durationMs, ran);
    const earlier = cell.stage.determinism === 'exact' ? store.done(key) : undefined;
    const last = store.newestOfCell(cell.id);
    if (pending.conflict !== undefined) store.noteRuling(key);
    try {
      const record = await store.commit({ cell: cell.id, key, fields, status: 'done', ...(computedBy === undefined ? {} : { computedBy }), durationMs: rounded(ran?.durationMs ?? durationMs), ...elsewhere(ran), ...memoryOf(cell, peakBytes), finishedAt: timestamp() }, outputs);
      if (pending.conflict !== undefined) this.#decided(pending, pending.conflict, record);
      else if (earlier !== undefined) this.#warnOfDifference(pending, earlier, record);
      this.#shared?.settled(cell, [record]);
      const records = cell.stage.determinism === 'measured' ? store.donePerMachine(key) : [record];
      this.#events.settled(pending, { kind: 'done', records }, cell.stage.outputs.some((name) => last?.outputs[name]?.sha256 !== record.outputs[name]?.sha256));
    } catch (error) {
      this.#couldNotKeep(pending, error);
    }
    await store.leases.release(key);
  }

  async #fail(pending: Pending, failure: Failure, durationMs: number, ran?: RanElsewhere): Promise<void> {
    const { cell, key, fields } = pending;
    try {
      const record = await this.#ground.store.commit({ cell: cell.id, key, fields, status: 'failed', failure, durationMs: rounded(ran?.durationMs ?? durationMs), ...elsewhere(ran), finishedAt: timestamp() }, {});
      this.#events.settled(pending, { kind: 'failed', failure, origin: cell.id, record }, true);
    } catch (error) {
      this.#couldNotKeep(pending, error);
    }
    await this.#ground.store.leases.release(key);
  }

  #couldNotKeep(pending: Pending, error: unknown): void {
    if (!(error instanceof StoreUnwritable)) throw error;
    this.#unwritable = error;
    this.#events.settled(pending, { kind: 'failed', failure: unwritableFailure(error), origin: pending.cell.id }, true);
  }

  /** Says which of the records that differed is right, and keeps all of them for a person to look at. */
  #decided({ cell }: Pending, conflict: Conflict, record: CellRecord): void {
    const { store, pipeline } = this.#ground;
    this.#shared?.ruled(cell, record);
    this.#progress.warn(verdictText(cell, conflict, record, refereeOf(pipeline, conflict)?.label));
    keepEvidence(store.folder, conflict, record);
  }

  /** An exact cell that was run again must give the same bytes. */
  #warnOfDifference({ cell }: Pending, earlier: CellRecord, record: CellRecord): void {
    const different = otherOutputs(cell.stage, earlier, record);
    if (different.length > 0) this.#progress.warn(`${cell.id} is declared exact, but gave other bytes than before with the same key: ${different.join(', ')}`);
  }
}
