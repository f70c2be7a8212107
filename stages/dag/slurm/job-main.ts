/**
 * The program of a job: works off the tasks of its element, each in a worker as a run's own would be, and leaves what came of each in
 * the store. It knows no scheduler and opens no connection; what ends it early (its time, preemption, a dead node) costs the cells in flight.
 *
 *   node job-main.js <array file>        with SLURM_ARRAY_TASK_ID, SLURM_JOB_ID, ... as the scheduler sets them
 */
import { mkdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname } from 'node:path';
import { describeMachine, machineLabel } from '../machine.ts';
import { readElement } from './array-file.ts';
import { noteTask, takeClaim } from './claim-file.ts';
import { clusterPlaces, resultNames } from './places.ts';
import { readResult } from './result-file.ts';
import { ResultWriter } from './result-writer.ts';
import { stagedTask } from './staging.ts';
import type { RunningTask, Task, TaskEnd, TaskEvents } from '../executor.ts';
import type { Sha256 } from '../types.ts';
import type { ArrayHead, RemoteTask } from './array-file.ts';

const startedAtMs = Date.now();
const file = process.argv[2];
if (file === undefined) throw new Error('usage: job-main <array file>');
const array = basename(file);
const store = dirname(dirname(dirname(file)));
const places = clusterPlaces(store);
const index = Number(process.env['SLURM_ARRAY_TASK_ID'] ?? '0');
const job = process.env['SLURM_JOB_ID'] ?? 'none';

/** Told once: its time is nearly over, or somebody else needs the node. */
let told = false;
let running: RunningTask | undefined;
let writer: ResultWriter | undefined;
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {
  told = true;
  running?.stop();
  // A task may not come to its next commit before the kill that follows.
  void writer?.flush().catch(() => undefined);
});

const executor = (await import('../executors/worker.ts')).workerExecutor();
process.exitCode = await workOff();
executor.release();

async function workOff(): Promise<number> {
  const element = await readElement(file!, index).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
  // The run has taken this submission back, or has all of its results: a scheduler that lost its memory starts what has ended long ago.
  if (element === undefined) {
    rmSync(`${places.output}/${array}-${index}`, { force: true });
    return 0;
  }
  for (const folder of [places.claims, places.results]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const claim = `${array}-${index}`;
  if (!takeClaim(places.claims, claim, job)) {
    console.error(`another job works at element ${index} of ${array}`);
    return 0;
  }
  const scratch = `${element.head.staging ?? places.scratch}/bitwidth-${array}-${index}`;
  // A job that was put back into the queue begins again on the same node, perhaps.
  rmSync(scratch, { recursive: true, force: true });
  try {
    for (const [place, task] of element.tasks.entries()) {
      if (told) return 1;
      noteTask(places.claims, claim, { job, task: place });
      await workAt(task, element.head, scratch);
    }
    return told ? 1 : 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Computes what is left of a task. */
async function workAt({ digest, keys, task }: RemoteTask, head: ArrayHead, scratch: string): Promise<void> {
  const there = (await resultNames(places)).filter(({ task: name }) => name === digest);
  const done = new Set<Sha256>();
  for (const { file: name } of there) {
    const result = await readResult(`${places.results}/${name}`);
    if (result?.head.end !== undefined) return;
    for (const { key } of result?.head.cells ?? []) done.add(key);
  }
  const left = task.cells.flatMap((cell, i) => done.has(keys[i]!) ? [] : [{ cell, key: keys[i]! }]);
  const keyOf = new Map(left.map(({ cell, key }) => [cell.id, key]));
  const own: Task = { ...task, cells: left.map(({ cell }) => cell), scratch: `${scratch}/${digest.slice(0, 12)}`, cpus: processors() };
  const objects = head.staging === undefined ? undefined : `${head.staging}/bitwidth-objects`;
  const results = writer = new ResultWriter(store, places.results, {
    task: digest, machine: head.machine ?? machineLabel(store, process.env), description: describeMachine(), place: head.place,
    queuedMs: Math.max(0, startedAtMs - head.submittedAtMs),
  }, (there.at(-1)?.part ?? -1) + 1);
  const run = (given: Task): Promise<TaskEnd> => {
    running = executor.start(given, events);
    if (told) running.stop();
    return running.end;
  };
  const events: TaskEvents = {
    committed: (cell, outputs, computedBy, peakBytes, tookMs) => results.commits.add(keyOf.get(cell)!, { outputs, computedBy, peakBytes, tookMs }),
    failed: (cell, failure) => results.fail(keyOf.get(cell)!, failure),
    progress: () => undefined,
    warn: (sentence) => { process.stderr.write(`${sentence}\n`); },
  };
  let end = await run(objects === undefined ? own : await stagedTask(own, objects));
  if (end.kind === 'damaged' && objects !== undefined) {
    // The copy may be what is damaged: whether the object is shows where it is read from the store.
    rmSync(`${objects}/${end.sha256}`, { force: true });
    end = await run(own);
  }
  // Ended by a signal: whoever goes on with it finds what is done.
  await results.close(end.kind === 'stopped' ? undefined : end, running!.log());
  running = writer = undefined;
}

/** What the job was given, which may be less than the node has. */
function processors(): number {
  const given = Number(process.env['SLURM_CPUS_PER_TASK'] ?? process.env['SLURM_CPUS_ON_NODE']);
  return Number.isSafeInteger(given) && given > 0 ? given : availableParallelism();
}
