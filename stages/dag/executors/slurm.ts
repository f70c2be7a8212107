/**
 * Runs tasks as jobs of a Slurm cluster: what becomes ready together is submitted together, as arrays; results are files in the store
 * (slurm/result-file.ts), taken in whoever computed them. A run that was killed, and is started again, finds its jobs by what they compute
 * (slurm/jobs.ts): none is submitted twice, none is lost.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { DEFAULT_PACE, needsOfStage } from '../cluster.ts';
import { temporaryName } from '../disk.ts';
import { MORE_MEMORY } from '../memory-kills.ts';
import { jobProgram } from '../modules.ts';
import { Jobs } from '../slurm/jobs.ts';
import { clusterPlaces, namePrefix, taskDigest } from '../slurm/places.ts';
import { contentOf } from '../slurm/result-file.ts';
import { Results } from '../slurm/results.ts';
import { count } from '../words.ts';
import type { Executor, RunningTask, Surroundings, Task, TaskEnd, TaskEvents } from '../executor.ts';
import type { OutputContent } from '../store.ts';
import type { Sha256 } from '../types.ts';
import type { Asked, Lost, TaskOfElement } from '../slurm/jobs.ts';
import type { FoundCell } from '../slurm/results.ts';

/** Node itself, its program and what a stage needs besides what it is expected to hold. */
const OWN_BYTES = 300 << 20;
/** Memory is asked for in such steps, so that tasks which need about the same share a submission. */
const STEP_BYTES = 256 << 20;
/** A stage's own time limit counts from when its module is loaded. */
const START_MS = 120_000;
/** What arrives while others are still arriving is waited for, but not for ever: so many times the pause that ends it. */
const LONGEST_GATHER = 6;

/** A task as the run gave it: computed by one job, or by several that earlier runs have submitted for parts of it. */
interface Local {
  readonly task: Task;
  readonly events: TaskEvents;
  /** Key -> cell, of those not told of. */
  readonly left: Map<Sha256, string>;
  readonly parts: Set<string>;
  readonly ends: TaskEnd[];
  readonly logs: string[];
  tries: number;
  finish: (end: TaskEnd) => void;
  done: boolean;
}

export function slurmExecutor(surroundings: Surroundings): Executor {
  return new SlurmExecutor(surroundings);
}

class SlurmExecutor implements Executor {
  readonly #surroundings: Surroundings;
  readonly #pace;
  readonly #places;
  readonly #results: Results;
  #jobs: Jobs | undefined;
  readonly #locals = new Set<Local>();
  /** Those that are not divided among jobs yet. */
  #arrived: Local[] = [];
  #firstArrivalMs = 0;
  #lastArrivalMs = 0;
  readonly #byKey = new Map<Sha256, Local>();
  readonly #onDisk = new Set<Promise<unknown>>();
  #attempts = 0;
  #filesAtMs = 0;
  #queueAtMs = 0;
  #queueGapMs: number;
  #picture = '';
  #interrupted: Promise<void> | undefined;
  #killed: () => void = () => undefined;
  readonly #kill = new Promise<void>((resolve) => { this.#killed = resolve; });
  #closed = false;
  #wake: () => void = () => undefined;
  readonly #loop: Promise<void>;

  constructor(surroundings: Surroundings) {
    const { store, cluster } = surroundings;
    this.#surroundings = surroundings;
    this.#pace = { ...DEFAULT_PACE, ...cluster.pace };
    this.#queueGapMs = this.#pace.queueMs;
    this.#places = clusterPlaces(store.folder);
    this.#results = new Results(this.#places, (end) => !this.#byKey.has(end.key) && (store.done(end.key) !== undefined || ('failure' in end && store.failed(end.key) !== undefined)));
    this.#loop = this.#work();
  }

  start(task: Task, events: TaskEvents): RunningTask {
    const { keys } = task;
    if (keys === undefined) throw new Error(`the task ${task.id} has no keys, so that nobody could find its result`);
    let finish: (end: TaskEnd) => void = () => undefined;
    const end = new Promise<TaskEnd>((resolve) => { finish = resolve; });
    const local: Local = { task, events, left: new Map(keys.map((key, i) => [key, task.cells[i]!.id])), parts: new Set(), ends: [], logs: [], tries: 0, finish, done: false };
    this.#locals.add(local);
    const nowMs = performance.now();
    if (this.#arrived.length === 0) this.#firstArrivalMs = nowMs;
    this.#lastArrivalMs = nowMs;
    this.#arrived.push(local);
    this.#wake();
    return {
      end,
      stop: () => { this.#interrupted ??= this.#interrupt(); },
      kill: () => {
        this.#killed();
        this.#end(local, { kind: 'stopped' });
      },
      log: () => local.logs.join(''),
    };
  }

  async release(): Promise<void> {
    this.#closed = true;
    this.#jobs?.close();
    this.#wake();
    // A question that nobody answers any more is not waited for.
    await Promise.race([this.#interrupted, this.#kill]);
    await this.#loop;
    await Promise.all(this.#onDisk);
  }

  // ---- the loop ----

  async #work(): Promise<void> {
    while (!this.#closed) {
      const woken = new Promise<void>((resolve) => { this.#wake = resolve; });
      let waitMs: number;
      try {
        waitMs = await this.#step();
      } catch (error) {
        // Of a store that cannot be written, say. Nothing that was submitted is lost.
        const sentence = error instanceof Error ? error.message : String(error);
        for (const local of this.#locals) this.#end(local, { kind: 'given-up', failure: { code: 'not-available', sentence, hint: 'put that right and run again: jobs that run are found again' } });
        waitMs = this.#pace.filesMs;
      }
      if (this.#closed) break;
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([woken, new Promise<void>((resolve) => { timer = setTimeout(resolve, waitMs); })]);
      clearTimeout(timer);
    }
  }

  /** Does what is due; answers after what time something will be. */
  async #step(): Promise<number> {
    if (this.#locals.size === 0) return this.#pace.queueMostMs;
    const jobs = await this.#ready();
    const now = (): number => performance.now();
    if (this.#arrived.length > 0 && (now() - this.#lastArrivalMs >= this.#pace.gatherMs || now() - this.#firstArrivalMs >= LONGEST_GATHER * this.#pace.gatherMs)) await this.#divide(jobs);
    if (now() >= this.#filesAtMs) await this.#takeIn(jobs);
    if (now() >= this.#queueAtMs && jobs.underway > 0) await this.#look(jobs);
    if (jobs.overdue) {
      this.#unhide();
      await this.#takeIn(jobs);
      await jobs.giveUp();
    }
    await jobs.submitWaiting();
    const next = [this.#filesAtMs, jobs.underway > 0 ? this.#queueAtMs : Infinity, this.#arrived.length > 0 ? this.#lastArrivalMs + this.#pace.gatherMs : Infinity];
    return Math.max(10, Math.min(...next) - now());
  }

  async #ready(): Promise<Jobs> {
    if (this.#jobs !== undefined) return this.#jobs;
    const { store, cluster, warn } = this.#surroundings;
    const command = [cluster.node ?? process.execPath, ...process.execArgv.filter((argument) => !argument.startsWith('--inspect')), jobProgram()];
    const jobs = new Jobs(cluster, this.#pace, this.#places, namePrefix(store.folder), command, { warn, lost: (task, lost) => this.#lost(task, lost) });
    await jobs.prepare();
    return this.#jobs = jobs;
  }

  /** Whether the scheduler answers decides how soon it is asked again. */
  async #look(jobs: Jobs): Promise<void> {
    await jobs.look();
    const { picture } = jobs;
    this.#queueGapMs = picture === this.#picture ? Math.min(this.#queueGapMs * 1.5, this.#pace.queueMostMs) : this.#pace.queueMs;
    this.#picture = picture;
    this.#queueAtMs = performance.now() + this.#queueGapMs;
  }

  /** A client of a network file system may show an old listing; one that has changed the folder itself does not. */
  #unhide(): void {
    const path = `${this.#places.results}/${temporaryName()}`;
    writeFileSync(path, '', { flag: 'wx' });
    rmSync(path);
  }

  // ---- tasks that arrived ----

  /** Gives each cell to where it is: in a result that lies there, in a job of an earlier run, or in a new one. */
  async #divide(jobs: Jobs): Promise<void> {
    if (!await jobs.findOthers()) {
      if (jobs.absent) {
        const failure = { code: 'not-available', sentence: 'there is no squeue on this machine', hint: 'run it where the commands of Slurm are' } as const;
        for (const local of this.#arrived.splice(0)) this.#end(local, { kind: 'given-up', failure });
        return;
      }
      this.#lastArrivalMs = performance.now() + this.#pace.queueMs - this.#pace.gatherMs;
      this.#firstArrivalMs = this.#lastArrivalMs;
      return;
    }
    await this.#takeIn(jobs);
    // Of submissions that were found only now.
    for (const digest of this.#results.ended) jobs.finished(digest);
    let found = 0;
    for (const local of this.#arrived.splice(0)) {
      if (local.done) continue;
      const own: Sha256[] = [];
      for (const key of [...local.left.keys()]) {
        this.#byKey.set(key, local);
        const result = local.task.anew === true ? undefined : this.#results.of(key);
        if (result !== undefined && await this.#deliver(local, key, result)) continue;
        const running = local.task.anew === true ? undefined : jobs.taskOf(key);
        if (running === undefined) own.push(key);
        else {
          local.parts.add(running);
          found++;
        }
      }
      if (own.length > 0) this.#send(jobs, local, own);
      else if (local.parts.size === 0) this.#end(local, { kind: 'ended' });
    }
    if (found > 0) this.#surroundings.warn(`${count(found, 'cell')} ${found === 1 ? 'is' : 'are'} being computed by jobs of an earlier run: waiting for them`);
    this.#queueGapMs = this.#pace.queueMs;
    this.#queueAtMs = Math.min(this.#queueAtMs, performance.now() + this.#queueGapMs);
  }

  #send(jobs: Jobs, local: Local, keys: readonly Sha256[]): void {
    const { task } = local;
    const wanted = new Set(keys);
    const places = task.keys!.flatMap((key, i) => wanted.has(key) ? [i] : []);
    const own = places.map((i) => task.keys![i]!);
    const digest = taskDigest(own, `${this.#surroundings.store.run} ${this.#attempts++}`);
    local.parts.add(digest);
    const { unfinished, scratch: _, ...rest } = task;
    jobs.add({ digest, keys: own, task: { ...rest, scratch: '', ...(unfinished === undefined ? {} : { unfinished }), cells: places.map((i) => task.cells[i]!) } }, this.#asked(task));
  }

  #asked({ stage, needs = { cpus: 1, gpus: 0, memoryBytes: 0 }, timed, timeoutMs }: Task): Asked {
    const said = needsOfStage(this.#surroundings.cluster, stage);
    const expected = needs.memoryBytes > 0 ? Math.ceil((needs.memoryBytes + OWN_BYTES) / STEP_BYTES) * STEP_BYTES : undefined;
    return {
      alone: timed,
      needs: {
        ...(needs.cpus > 1 ? { cpus: needs.cpus } : {}), ...(needs.gpus > 0 ? { gpus: needs.gpus } : {}), ...(expected === undefined ? {} : { memoryBytes: expected }),
        ...(timeoutMs === undefined ? {} : { timeMs: timeoutMs + START_MS }), ...said,
      },
    };
  }

  // ---- results ----

  async #takeIn(jobs: Jobs): Promise<void> {
    this.#filesAtMs = performance.now() + this.#pace.filesMs;
    const fresh = await this.#results.scan(this.#pace.graceMs, this.#surroundings.warn);
    // What jobs have put into the store meanwhile.
    if (fresh.length > 0) this.#surroundings.store.refresh();
    for (const { head } of fresh) {
      const damaged: Sha256[] = [];
      for (const { key } of head.cells) {
        const local = this.#byKey.get(key);
        const result = this.#results.of(key);
        if (local !== undefined && result !== undefined && !await this.#deliver(local, key, result)) damaged.push(key);
      }
      if (head.end === undefined) continue;
      jobs.finished(head.task);
      for (const local of this.#locals) {
        if (!local.parts.has(head.task)) continue;
        local.logs.push(head.log);
        const again = damaged.filter((key) => local.left.has(key));
        if (again.length > 0) this.#again(local, { digest: head.task, keys: again }, 'an object of its result is not in the store');
        else this.#endPart(local, head.task, head.end);
      }
    }
  }

  /** Hands a cell's end to the run; false: part of it is nowhere. */
  async #deliver(local: Local, key: Sha256, { end, result }: FoundCell): Promise<boolean> {
    const cell = local.left.get(key);
    if (cell === undefined || local.done) return true;
    const { store } = this.#surroundings;
    const { machine, description, place, queuedMs } = result.head;
    const ran = { durationMs: end.durationMs, machine, description, place: { name: place, queuedMs } };
    let taken;
    if ('failure' in end) taken = local.events.failed(cell, end.failure, ran);
    else {
      const outputs: { [name: string]: OutputContent } = {};
      for (const [name, output] of Object.entries(end.outputs)) {
        const content = contentOf(output, result, (one) => store.find(one));
        if (content === undefined) {
          await this.#results.taken(key);
          return false;
        }
        outputs[name] = content;
      }
      taken = await local.events.committed(cell, outputs, end.computedBy, end.peakBytes, undefined, ran);
    }
    local.left.delete(key);
    this.#byKey.delete(key);
    // The file goes when the record is on the disk: a kill between the two costs nothing.
    const kept = Promise.resolve(taken?.onDisk).then(() => this.#results.taken(key)).finally(() => this.#onDisk.delete(kept));
    this.#onDisk.add(kept);
    return true;
  }

  // ---- ends ----

  #lost({ digest, keys }: TaskOfElement, { why, sentence }: Lost): void {
    for (const local of this.#locals) {
      if (!local.parts.has(digest)) continue;
      switch (why) {
        case 'not-begun':
        case 'taken':
          this.#again(local, { digest, keys }, sentence, why === 'taken');
          break;
        case 'over': this.#endPart(local, digest, { kind: 'crashed', sentence }); break;
        case 'out-of-memory': this.#endPart(local, digest, { kind: 'crashed', sentence, hint: MORE_MEMORY, certain: true }); break;
        case 'timed-out': this.#endPart(local, digest, { kind: 'timed-out', sentence: `${sentence}; give it more with \`time\` in the cluster's settings` }); break;
        case 'cancelled': this.#endPart(local, digest, { kind: 'given-up', failure: { code: 'interrupted', sentence, hint: 'run again when it may go on' } }); break;
        case 'stuck':
        case 'refused':
        case 'not-started': this.#endPart(local, digest, { kind: 'given-up', failure: { code: 'not-available', sentence: why === 'refused' ? `the scheduler refused its job: ${sentence}` : sentence, hint: 'look at the cluster\'s settings, and run again' } });
      }
    }
  }

  /** Submits once more what a job has left, a limited number of times. */
  #again(local: Local, { digest, keys }: TaskOfElement, sentence: string, counts = true): void {
    const { resubmits } = this.#pace;
    const left = keys.filter((key) => local.left.has(key));
    if (left.length === 0) return this.#endPart(local, digest, { kind: 'ended' });
    if (counts && ++local.tries > resubmits) return this.#endPart(local, digest, { kind: 'given-up', failure: { code: 'interrupted', sentence: `${sentence}, ${resubmits + 1} times in a row`, hint: 'run again when the cluster is well' } });
    if (counts) {
      this.#surroundings.warn(`${local.task.stage}: ${sentence}; ${count(left.length, 'cell')} of it will be submitted again`);
      local.logs.push(`${sentence}; submitted again\n`);
    }
    local.parts.delete(digest);
    this.#send(this.#jobs!, local, left);
  }

  #endPart(local: Local, digest: string, end: TaskEnd): void {
    local.parts.delete(digest);
    local.ends.push(end);
    if ('sentence' in end && end.sentence !== undefined) local.logs.push(`${end.sentence}\n`);
    if (local.parts.size === 0) this.#end(local, local.ends.find(({ kind }) => kind !== 'ended') ?? end);
  }

  #end(local: Local, end: TaskEnd): void {
    if (local.done) return;
    local.done = true;
    this.#locals.delete(local);
    for (const key of local.left.keys()) if (this.#byKey.get(key) === local) this.#byKey.delete(key);
    local.finish(end);
  }

  async #interrupt(): Promise<void> {
    const jobs = this.#jobs;
    jobs?.close();
    const underway = jobs?.underway ?? 0;
    if (jobs !== undefined && underway > 0) {
      const { warn, whenInterrupted } = this.#surroundings;
      if (await whenInterrupted() === 'cancel') {
        await jobs.cancel();
        warn(`${count(underway, 'job')} cancelled`);
      } else warn(`${count(underway, 'job')} left in the queue: the next run takes in what they compute`);
    }
    for (const local of [...this.#locals]) this.#end(local, { kind: 'stopped' });
  }
}
