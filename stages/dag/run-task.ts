/** Runs a task's module and holds it to its contract: the same code in this process and in a worker. */
import { lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { ensureFolderSync } from './disk.ts';
import { DamagedObject, StageFailure } from './errors.ts';
import { copyObject, readObject } from './objects.ts';
import { openInOrder, openObject } from './open-object.ts';
import { unsafePath } from './paths.ts';
import { WorkTimes } from './work-times.ts';
import type { Task, TaskEnd } from './executor.ts';
import type { Heartbeat } from './heartbeat.ts';
import type { InputHandle, OpenObject, OutputPart, OutputValue, Run, TaskIo } from './task-types.ts';
import type { Failure, FailureCode } from './types.ts';

/** What `io` passes on, checked. `committed` resolves when the bytes are taken over; `tookMs`: where the stage says at which cells it is. */
export interface TaskSink {
  /** The stage's module is loaded. */
  started?(): void;
  committed(cell: string, outputs: { readonly [name: string]: OutputValue }, computedBy: { readonly [name: string]: string } | undefined, tookMs: number | undefined): Promise<void>;
  failed(cell: string, failure: Failure): void;
  progress(done: number, total: number, unit: string): void;
  warn(sentence: string): void;
  /** Text for the task's log: the stack of an error. */
  log(text: string): void;
}

/** Thrown out of `io.commit` once the run was asked to stop: the cell is committed, the rest is left for the next run. */
class Stopped extends Error {
  override readonly name = 'Stopped';
}

/** Thrown out of `io.commit` and `io.fail` once a task that times stood still. */
class StoodStill extends Error {
  override readonly name = 'StoodStill';
  readonly ms: number;
  constructor(ms: number) {
    super(`the process stood still for ${Math.round(ms)} ms while it timed`);
    this.ms = ms;
  }
}

const CODES: ReadonlySet<string> = new Set<FailureCode>(['bad-input', 'not-finite', 'not-available', 'stage-threw', 'no-output', 'crashed', 'timed-out', 'upstream-failed', 'interrupted']);

/** Never rejects. `signal` is aborted when the run is asked to stop; `heartbeat` is that of this process, for a task that times. */
export async function runTask(task: Task, sink: TaskSink, signal: AbortSignal, heartbeat?: Heartbeat): Promise<TaskEnd> {
  const times = new WorkTimes(task.cells.map(({ id }) => id));
  let still: StoodStill | undefined;
  let damage: DamagedObject | undefined;
  const told = new Set<string>();
  const known = new Set(task.cells.map((cell) => cell.id));
  const tell = (cell: string, what: string): void => {
    if (!known.has(cell)) throw new Error(`${what} of "${cell}", which is not a cell of this task`);
    if (told.has(cell)) throw new Error(`${what} of "${cell}", which is already committed or failed`);
    told.add(cell);
  };
  /** Cells of one task are timed in turns, so that standing still once spoils all that are not committed. */
  const refuseStandstill = (): void => {
    const ms = task.timed ? heartbeat?.stoodStillMs() ?? 0 : 0;
    if (ms > 0) throw still ??= new StoodStill(ms);
  };
  const seen = (error: unknown): unknown => {
    if (error instanceof DamagedObject) damage = error;
    return error;
  };
  const read = async (handle: InputHandle): Promise<Uint8Array<ArrayBuffer>> => {
    try {
      return await readObject(handle);
    } catch (error) {
      throw seen(error);
    }
  };
  const opened: (OpenObject & { verified?(): void })[] = [];
  const open = async (opening: Promise<(typeof opened)[number]>): Promise<OpenObject> => {
    const object = await opening.catch((error: unknown) => { throw seen(error); });
    opened.push(object);
    const checked = <T>(act: () => T): T => {
      try {
        return act();
      } catch (error) {
        throw seen(error);
      }
    };
    return {
      bytes: object.bytes,
      read: (offset, length) => checked(() => object.read(offset, length)),
      readNext: (offset, length) => checked(() => object.readNext?.(offset, length)),
      readNoMore: () => object.readNoMore?.(),
      reuse: (bytes) => object.reuse?.(bytes),
      close() {
        // What was read of it counts all the same.
        if (object.verified === undefined) object.close();
        else object.readNoMore?.();
      },
    };
  };
  /** Throws DamagedObject where what was read in order turns out not to have been the object. */
  const verify = (): void => {
    try {
      for (const object of opened) object.verified?.();
    } catch (error) {
      throw seen(error);
    }
  };
  let scratch: string | undefined;
  let copies = 0;
  const io: TaskIo = {
    signal,
    cpus: task.cpus,
    read,
    open: (handle) => open(openObject(handle)),
    openInOrder: (handle) => open(openInOrder(handle)),
    async input(cell, name) {
      const input = cell.inputs[name];
      if (input?.kind !== 'object') throw new Error(`cell "${cell.id}" has ${input === undefined ? 'no input' : 'no single object as input'} "${name}"`);
      return await read(input.handle);
    },
    async copy(handle) {
      return { file: await copyObject(handle, `${io.scratch}/copy-${copies++}`).catch((error: unknown) => { throw seen(error); }) };
    },
    async commit(cell, outputs, computedBy) {
      checkOutputs(task, cell, outputs);
      verify();
      refuseStandstill();
      tell(cell, 'commit');
      await sink.committed(cell, outputs, computedBy, times.end(cell));
      if (signal.aborted) throw new Stopped('the run is being stopped');
    },
    workOn: (cells) => times.workOn(cells),
    async fail(cell, failure) {
      if (!CODES.has(failure.code)) throw new Error(`failure code "${failure.code}" of "${cell}" is unknown; allowed are ${[...CODES].join(', ')}`);
      // A failure may be one of the bytes.
      verify();
      refuseStandstill();
      tell(cell, 'failure');
      times.end(cell);
      sink.failed(cell, failure);
    },
    progress: (done, total, unit) => sink.progress(done, total, unit),
    warn: (sentence) => sink.warn(sentence),
    get scratch() {
      if (scratch === undefined) {
        scratch = `${task.scratch}/work`;
        ensureFolderSync(scratch);
      }
      return scratch;
    },
    get unfinished() {
      if (task.unfinished === undefined) return io.scratch;
      ensureFolderSync(task.unfinished);
      return task.unfinished;
    },
  };
  try {
    const module = await import(task.moduleUrl) as { readonly run?: Run };
    if (typeof module.run !== 'function') throw new Error(`the module of stage "${task.stage}" has no export "run"`);
    sink.started?.();
    if (task.timed) {
      await heartbeat?.ready;
      heartbeat?.reset();
    }
    await module.run(task.cells, io);
    // A stage that swallows the damage has computed from less than it was given.
    if (damage !== undefined && told.size < known.size) return damageEnd(damage);
    if (still !== undefined && told.size < known.size) return { kind: 'stood-still', ms: still.ms };
    return signal.aborted && told.size < known.size ? { kind: 'stopped' } : { kind: 'ended' };
  } catch (error) {
    try {
      if (damage === undefined) verify();
    } catch (found) {
      if (damage === undefined) error = found;
    }
    if (damage !== undefined) return damageEnd(damage);
    if (error instanceof Stopped || signal.aborted) return { kind: 'stopped' };
    if (error instanceof StoodStill) return { kind: 'stood-still', ms: error.ms };
    if (error instanceof StageFailure) return { kind: 'threw', failure: error.failure };
    sink.log(`${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
    return { kind: 'threw', failure: failureOf(error) };
  } finally {
    for (const object of opened) object.close();
  }
}

/** Errors of the system that say nothing about the work: it is tried again by the next run. */
const PASSING: { readonly [code: string]: string } = {
  ENOSPC: 'free some space and run again', EDQUOT: 'free some space and run again', EROFS: 'make the disk writable and run again',
  EIO: 'check the disk', ENOMEM: 'free some memory, or use fewer jobs', EMFILE: 'raise the limit on open files, or use fewer jobs',
  ENFILE: 'raise the limit on open files, or use fewer jobs', ERR_MODULE_NOT_FOUND: 'run "npm ci" in the project',
};

function failureOf(error: unknown): Failure {
  const sentence = (error instanceof Error ? `${error.name === 'Error' ? '' : `${error.name}: `}${error.message}` : String(error)).slice(0, 2000);
  const hint = PASSING[(error as NodeJS.ErrnoException | undefined)?.code ?? ''];
  return hint === undefined ? { code: 'stage-threw', sentence } : { code: 'not-available', sentence, hint };
}

function damageEnd({ sha256, what }: DamagedObject): TaskEnd {
  return { kind: 'damaged', sha256, what };
}

/** Throws when a stage commits other outputs than it declares. */
function checkOutputs(task: Task, cell: string, outputs: { readonly [name: string]: OutputValue }): void {
  for (const name of task.outputs) {
    const value = Object.hasOwn(outputs, name) ? outputs[name] : undefined;
    if (value === undefined) throw new Error(`commit of "${cell}" lacks the output "${name}"`);
    if (value instanceof Uint8Array || typeof value === 'string' || !('tree' in value)) {
      checkPart(task, `commit of "${cell}": the output "${name}"`, value);
      continue;
    }
    for (const [path, part] of value.tree) {
      const unsafe = unsafePath(path);
      if (unsafe !== undefined) throw new Error(`commit of "${cell}": the path "${path}" in the tree "${name}" ${unsafe}`);
      checkPart(task, `commit of "${cell}": "${path}" in the tree "${name}"`, part);
    }
  }
  for (const name of Object.keys(outputs)) {
    if (!task.outputs.includes(name)) throw new Error(`commit of "${cell}" has the output "${name}"; the stage declares ${task.outputs.join(', ')}`);
  }
}

/** Throws for what is no bytes, and for a file that is not the task's: the store moves what it is given. */
function checkPart({ scratch, unfinished = scratch }: Task, what: string, part: OutputPart): void {
  if (part instanceof Uint8Array || typeof part === 'string') return;
  if (typeof part === 'object' && part !== null && 'stored' in part) return;
  if (typeof part !== 'object' || part === null || typeof part.file !== 'string') throw new Error(`${what} is neither bytes nor text nor a file`);
  const path = resolve(part.file);
  if (!path.startsWith(`${resolve(scratch)}/`) && !path.startsWith(`${resolve(unfinished)}/`)) throw new Error(`${what} is a file outside the task's own folders, and would be moved away from there`);
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) throw new Error(`${what} is no file`);
}
