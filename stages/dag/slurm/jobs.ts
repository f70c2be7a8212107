/**
 * The jobs of a store: submitted, found again, watched, given up. What is known of a job is only ever a guess that the scheduler's next answer
 * may correct; that a task is done is told by its file of results alone.
 *
 * A submission writes its tasks to a file before it asks for jobs. So whoever starts later, after whatever kill, finds every task that may be
 * underway, and by the name of the file the jobs that work at it. Nothing is submitted before the queue has been seen.
 */
import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { DEFAULT_JOBS, DEFAULT_TASKS_PER_JOB } from '../cluster.ts';
import { ensureFolder, sweepLeftovers, textOrNothing, writeDurably } from '../disk.ts';
import { ownProcessId, processState } from '../process-id.ts';
import { readArrayHead, writeArrayFile } from './array-file.ts';
import { jobEnvironment } from './ask.ts';
import { readClaim } from './claim-file.ts';
import { maxArraySize, SCRIPT, submit } from './sbatch.ts';
import { cancelJobs, queuedJobs } from './squeue.ts';
import type { Cluster, JobNeeds, Pace } from '../cluster.ts';
import type { Sha256 } from '../types.ts';
import type { RemoteTask } from './array-file.ts';
import type { ClusterPlaces } from './places.ts';
import type { Submitted } from './sbatch.ts';
import type { QueuedJob } from './squeue.ts';
import type { Standing } from './states.ts';

/** What a task asks for; tasks that ask for the same share a submission. */
export interface Asked { readonly needs: JobNeeds; readonly alone: boolean }

/** Why a task has no result and no job. `not-begun`: another task of its job is to blame; `refused`, `not-started`: so will every other be. */
export type Lost = { readonly why: Exclude<Standing, 'live'> | 'not-begun' | 'not-started' | 'refused'; /** What happened, for people: 'its job was ended by NODE_FAIL'. */ readonly sentence: string };

export interface JobEvents {
  lost(task: TaskOfElement, lost: Lost): void;
  warn(sentence: string): void;
}

export interface TaskOfElement { readonly digest: string; readonly keys: readonly Sha256[] }

interface Element {
  readonly array: Submission;
  readonly index: number;
  readonly tasks: readonly TaskOfElement[];
  /** Those without a result. */
  readonly open: Set<string>;
  job: QueuedJob | undefined;
  /** Since when no job works at it, as far as can be told; ms of the monotonic clock. */
  lostSinceMs: number | undefined;
}

interface Submission {
  readonly name: string;
  /** The process that made it. */
  readonly by: string;
  elements: readonly Element[];
  /** The scheduler's numbers for it: several where it was submitted twice because nobody could tell. */
  readonly ids: Set<number>;
  /** How often the queue was seen without it, while it is not known whether it was taken. */
  unknown: number | undefined;
  /** Of a submission of this run. */
  readonly again: (() => Promise<Submitted>) | undefined;
}

/** The queue is seen so often without a submission of which nobody knows whether it was taken, before it is made again. */
const LOOKS_BEFORE_AGAIN = 2;
/** A controller that is silent for so many questions is told of. */
const SILENT_TIMES = 3;
const OUTPUT_CHARACTERS = 2000;
/** So much longer a submission of another run that may go on is believed in. */
const OTHERS_MS = 10 * 60_000;

export class Jobs {
  readonly #cluster: Cluster;
  readonly #pace: Pace;
  readonly #places: ClusterPlaces;
  readonly #prefix: string;
  readonly #command: readonly string[];
  readonly #events: JobEvents;
  readonly #submissions = new Map<string, Submission>();
  /** Task -> its element. */
  readonly #elements = new Map<string, Element>();
  readonly #tasksOfKeys = new Map<Sha256, string>();
  readonly #waiting: { readonly task: RemoteTask; readonly asked: Asked }[] = [];
  /** There is no scheduler's program on this machine. */
  absent = false;
  #maxArray: number | undefined;
  #silent = 0;
  #tooMany = 0;
  /** No submission before; ms of the monotonic clock. */
  #notBeforeMs = 0;
  #closed = false;
  /** The queue was seen after the last submission of another run was found. */
  #seen = false;
  /** Submissions whose file may not be gone yet. */
  readonly #ended = new Set<string>();

  /** `command`: the program of a job, which is given the path of an array file besides. */
  constructor(cluster: Cluster, pace: Pace, places: ClusterPlaces, prefix: string, command: readonly string[], events: JobEvents) {
    this.#cluster = cluster;
    this.#pace = pace;
    this.#places = places;
    this.#prefix = prefix;
    this.#command = command;
    this.#events = events;
  }

  /** Jobs of which something may yet come. */
  get underway(): number {
    return [...this.#submissions.values()].reduce((sum, { elements }) => sum + elements.filter(({ open }) => open.size > 0).length, 0);
  }

  /** Tasks that wait for a place. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** The task that computes a key, of those that jobs were submitted for. */
  taskOf(key: Sha256): string | undefined {
    const digest = this.#tasksOfKeys.get(key);
    return digest !== undefined && this.#elements.get(digest)?.open.has(digest) === true ? digest : undefined;
  }

  /** Makes the folders. Throws StoreUnwritable. */
  async prepare(): Promise<void> {
    await ensureFolder(this.#places.folder);
    for (const folder of [this.#places.arrays, this.#places.claims, this.#places.results, this.#places.output]) {
      await ensureFolder(folder);
      await sweepLeftovers(folder);
    }
    if (textOrNothing(this.#places.script) !== SCRIPT) await writeDurably(this.#places.folder, 'job.sh', [Buffer.from(SCRIPT)]);
  }

  /** Finds the submissions of other runs, and sees the queue if there are new ones. False: the scheduler does not answer (yet), so nothing may be submitted. */
  async findOthers(): Promise<boolean> {
    let found = !this.#seen;
    for (const name of await readdir(this.#places.arrays)) {
      if (!name.startsWith(this.#prefix) || this.#submissions.has(name) || this.#ended.has(name)) continue;
      const head = await readArrayHead(`${this.#places.arrays}/${name}`);
      if (head === undefined) continue;
      this.#add({ name, by: head.by, ids: new Set(), unknown: undefined, again: undefined }, head.elements);
      found = true;
    }
    // First the files, then the queue: what was submitted between the two shows in it.
    if (found) this.#seen = await this.look();
    return this.#seen;
  }

  add(task: RemoteTask, asked: Asked): void {
    this.#waiting.push({ task, asked });
  }

  /** A task's result is here: nothing more is expected of it. */
  finished(digest: string): void {
    const element = this.#elements.get(digest);
    if (element === undefined) return;
    element.open.delete(digest);
    this.#elements.delete(digest);
    if (element.open.size === 0) void this.#tidy(element);
  }

  /** Asks the scheduler. Answers whether it did answer. */
  async look(): Promise<boolean> {
    const answer = await queuedJobs(this.#prefix);
    if ('trouble' in answer) {
      this.absent = answer.absent;
      if (++this.#silent === SILENT_TIMES) this.#events.warn(`the scheduler does not answer (${answer.trouble.split('\n')[0]!.slice(0, 200)}): waiting for it; what runs goes on`);
      return false;
    }
    if (this.#silent >= SILENT_TIMES) this.#events.warn('the scheduler answers again');
    this.#silent = 0;
    const byPlace = new Map<string, QueuedJob>();
    for (const job of answer.jobs) {
      const place = `${job.name}-${job.index}`;
      const other = byPlace.get(place);
      // Of two jobs for one element the one that lives counts: only one of them has the claim.
      if (other === undefined || (other.standing !== 'live' && (job.standing === 'live' || job.arrayId > other.arrayId))) byPlace.set(place, job);
      this.#submissions.get(job.name)?.ids.add(job.arrayId);
    }
    const nowMs = performance.now();
    for (const submission of this.#submissions.values()) {
      if (submission.unknown !== undefined) {
        if (submission.ids.size > 0) submission.unknown = undefined;
        else if (++submission.unknown > LOOKS_BEFORE_AGAIN) await this.#submit(submission);
        continue;
      }
      for (const element of submission.elements) {
        if (element.open.size === 0) continue;
        element.job = byPlace.get(`${submission.name}-${element.index}`);
        if (element.job?.standing === 'live') element.lostSinceMs = undefined;
        else element.lostSinceMs ??= nowMs;
      }
    }
    return true;
  }

  /** What the queue looks like, to tell whether anything has changed. */
  get picture(): string {
    return [...this.#submissions.values()].map(({ name, elements }) => `${name} ${elements.map(({ open, job }) => `${open.size}${job?.state ?? '-'}`).join(' ')}`).join('\n');
  }

  /** Whether some job is gone, and its results, if there are any, must have come by now. */
  get overdue(): boolean {
    return this.#overdue().length > 0;
  }

  /** Gives up what is overdue: only after a look for results that nothing can have hidden from. */
  async giveUp(): Promise<void> {
    for (const element of this.#overdue()) {
      const claim = readClaim(this.#places.claims, `${element.array.name}-${element.index}`);
      const lost = this.#whyLost(element, claim !== undefined);
      if (element.job?.state === 'PENDING') await cancelJobs([element.job.id]);
      const tasks = element.tasks.flatMap((task, place) => element.open.has(task.digest) ? [{ task, place }] : []);
      element.open.clear();
      for (const { task: { digest } } of tasks) this.#elements.delete(digest);
      await this.#tidy(element);
      const atFault = tasks.some(({ place }) => claim !== undefined && place <= claim.task);
      for (const { task, place } of tasks) {
        const begun = claim !== undefined && place <= claim.task;
        // Cancelled or refused, all of them are; else only what was being computed has to do with it.
        const spared = !begun && atFault && lost.why !== 'cancelled' && lost.why !== 'stuck';
        this.#events.lost(task, spared ? { why: 'not-begun', sentence: lost.sentence } : lost);
      }
    }
  }

  /** Makes as many jobs of what waits as there are places for. */
  async submitWaiting(): Promise<void> {
    if (this.#closed || this.#waiting.length === 0 || performance.now() < this.#notBeforeMs) return;
    this.#maxArray ??= await maxArraySize();
    const groups = new Map<string, { readonly asked: Asked; readonly tasks: RemoteTask[] }>();
    for (const { task, asked } of this.#waiting.splice(0)) {
      const name = JSON.stringify(asked);
      const group = groups.get(name);
      if (group === undefined) groups.set(name, { asked, tasks: [task] });
      else group.tasks.push(task);
    }
    const { jobs = DEFAULT_JOBS, tasksPerJob = DEFAULT_TASKS_PER_JOB } = this.#cluster;
    for (const { asked, tasks } of groups.values()) {
      let left: readonly RemoteTask[] = tasks;
      while (left.length > 0) {
        const free = Math.min(jobs - this.underway, this.#maxArray);
        if (free <= 0 || this.#closed || performance.now() < this.#notBeforeMs) break;
        // As few to a job as there are jobs to have; dealt out in turns, since those with most work come first.
        const count = Math.min(free, left.length);
        const now = left.slice(0, count * Math.min(tasksPerJob, Math.ceil(left.length / count)));
        left = left.slice(now.length);
        await this.#make(Array.from({ length: count }, (_, i) => now.filter((__, at) => at % count === i)), asked);
      }
      for (const task of left) this.#waiting.push({ task, asked });
    }
  }

  /** Ends every job that is underway, also those that an earlier run submitted. */
  async cancel(): Promise<void> {
    this.#closed = true;
    // Whoever begins now finds nothing to do.
    for (const name of this.#submissions.keys()) await rm(`${this.#places.arrays}/${name}`, { force: true });
    await this.look();
    await cancelJobs([...this.#submissions.values()].flatMap(({ ids }) => [...ids].map(String)));
    for (const name of this.#submissions.keys()) await this.#removeAll(name);
  }

  /** Submits nothing more. */
  close(): void {
    this.#closed = true;
  }

  async #make(elements: readonly (readonly RemoteTask[])[], { needs, alone }: Asked): Promise<void> {
    const name = `${this.#prefix}${randomBytes(8).toString('hex')}`;
    const { staging, environment } = this.#cluster;
    const file = `${this.#places.arrays}/${name}`;
    await writeArrayFile(this.#places.arrays, name, {
      by: ownProcessId(), submittedAtMs: Date.now(), place: needs.nodeType ?? needs.partition ?? 'cluster',
      ...(needs.nodeType === undefined ? {} : { machine: needs.nodeType }), ...(staging === undefined ? {} : { staging }),
    }, elements);
    const tasks = elements.reduce((most, { length }) => Math.max(most, length), 0);
    const submission = this.#add({
      name, by: ownProcessId(), ids: new Set(), unknown: 0,
      again: () => submit({ name, elements: elements.length, needs, alone, tasks, script: this.#places.script, folder: this.#places.folder, output: `${this.#places.output}/${name}`, command: [...this.#command, file] }, jobEnvironment(environment)),
    }, elements);
    const outcome = await this.#submit(submission);
    if (outcome.kind !== 'too-many') return;
    this.#forget(submission);
    await this.#removeAll(name);
    for (const task of elements.flat()) this.#waiting.push({ task, asked: { needs, alone } });
  }

  async #submit(submission: Submission): Promise<Submitted> {
    const outcome = await submission.again!();
    const all = (): readonly TaskOfElement[] => submission.elements.flatMap(({ tasks, open }) => tasks.filter(({ digest }) => open.has(digest)));
    switch (outcome.kind) {
      case 'submitted':
        submission.ids.add(outcome.arrayId);
        submission.unknown = undefined;
        this.#tooMany = 0;
        break;
      case 'unknown':
        submission.unknown = 0;
        break;
      case 'too-many':
        if (this.#tooMany++ === 0) this.#events.warn(`the scheduler takes no more jobs for now (${outcome.sentence}): waiting until some have ended`);
        this.#notBeforeMs = performance.now() + this.#pace.queueMostMs;
        // With no job underway nothing will make room.
        if (this.underway > submission.elements.length || this.#tooMany <= this.#pace.resubmits) return outcome;
        this.#refuse(submission, all(), outcome.sentence);
        return { kind: 'refused', sentence: outcome.sentence };
      case 'refused':
        this.#refuse(submission, all(), outcome.sentence);
    }
    return outcome;
  }

  #refuse(submission: Submission, tasks: readonly TaskOfElement[], sentence: string): void {
    this.#forget(submission);
    void this.#removeAll(submission.name);
    for (const task of tasks) this.#events.lost(task, { why: 'refused', sentence });
  }

  #add(submission: Omit<Submission, 'elements'>, elements: readonly (readonly TaskOfElement[])[]): Submission {
    const added: Submission = { ...submission, elements: [] };
    added.elements = elements.map((tasks, index) => ({ array: added, index, tasks, open: new Set(tasks.map(({ digest }) => digest)), job: undefined, lostSinceMs: undefined }));
    this.#submissions.set(added.name, added);
    for (const element of added.elements) for (const { digest, keys } of element.tasks) {
      this.#elements.set(digest, element);
      for (const key of keys) this.#tasksOfKeys.set(key, digest);
    }
    return added;
  }

  #forget({ name, elements }: Submission): void {
    this.#submissions.delete(name);
    this.#ended.add(name);
    for (const element of elements) for (const digest of element.open) if (this.#elements.get(digest) === element) this.#elements.delete(digest);
  }

  #overdue(): readonly Element[] {
    const nowMs = performance.now();
    // What another run has written down it may be about to submit.
    const graceMs = (by: string): number => by === ownProcessId() || processState(by) === 'dead' ? this.#pace.graceMs : this.#pace.graceMs + OTHERS_MS;
    return [...this.#submissions.values()].flatMap(({ elements }) => elements.filter(({ array, open, job, lostSinceMs }) => open.size > 0 && lostSinceMs !== undefined
      // A job that waits and will never start has no results on their way.
      && (job?.state === 'PENDING' || nowMs - lostSinceMs >= graceMs(array.by))));
  }

  #whyLost({ array, index, job }: Element, begun: boolean): Lost {
    if (job === undefined) return { why: 'taken', sentence: 'its job is gone from the queue and has left no result' };
    const output = textOrNothing(`${this.#places.output}/${array.name}-${index}`).slice(-OUTPUT_CHARACTERS).trim();
    const reason = ['None', ''].includes(job.reason) ? job.state : `${job.state} (${job.reason})`;
    const last = output.split('\n').at(-1) ?? '';
    switch (job.standing) {
      case 'over': return begun
        ? { why: 'over', sentence: `its job ended as ${reason} without a result${last === '' ? '' : ` after "${last.slice(0, 300)}"`}` }
        : { why: 'not-started', sentence: `the program of its job did not start (${reason})${last === '' ? '' : `: ${last.slice(0, 300)}`}` };
      case 'stuck': return { why: 'stuck', sentence: `its job can never start: ${job.reason}` };
      case 'live': return { why: 'taken', sentence: 'its job lives' };
      default: return { why: job.standing, sentence: job.state === 'PENDING' ? `a node could not start its job (${job.reason})` : `its job was ended: ${reason}` };
    }
  }

  /** Removes what an element without open tasks has left; with the last of them its submission. */
  async #tidy({ array, index }: Element): Promise<void> {
    for (const folder of [this.#places.claims, this.#places.output]) await rm(`${folder}/${array.name}-${index}`, { force: true }).catch(() => undefined);
    if (array.elements.some(({ open }) => open.size > 0)) return;
    this.#submissions.delete(array.name);
    this.#ended.add(array.name);
    await this.#removeAll(array.name);
  }

  async #removeAll(name: string): Promise<void> {
    await rm(`${this.#places.arrays}/${name}`, { force: true }).catch(() => undefined);
    for (const folder of [this.#places.claims, this.#places.output]) {
      for (const file of await readdir(folder).catch(() => [])) if (file.startsWith(`${name}-`)) await rm(`${folder}/${file}`, { force: true }).catch(() => undefined);
    }
  }
}
