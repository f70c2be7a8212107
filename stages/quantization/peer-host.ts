/** A peer at work for a task: its files laid out, started when it is first needed and again when it died, with one model loaded at a time or many. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { StageFailure } from '../dag/index.ts';
import type { InputHandle, TaskCell, TaskIo } from '../dag/index.ts';
import { taskCheckpoint, withArtifact } from './loaded-model.ts';
import { peerNamed } from './peers.ts';
import type { EncodedSource, PeerFiles, PeerLimits, PeerModel, PeerRequest, PeerRun } from './peers.ts';
import { textParam } from './task-values.ts';

/** A peer that died so often in one task is not started again: what it does to each format takes its time limit. */
const MOST_DEATHS = 3;
/** Longest answer, and longest start or load of a model; the variable says otherwise. */
const ANSWER_SECONDS = 900;
export const SECONDS_VARIABLE = 'BITWIDTH_PEER_SECONDS';
/** Of the machine's memory; the variable gives a number of GB. */
const MEMORY_SHARE = 0.75;
export const MEMORY_VARIABLE = 'BITWIDTH_PEER_MEMORY_GB';

export function peerLimits(env: { readonly [name: string]: string | undefined } = process.env): PeerLimits {
  const positive = (name: string): number | undefined => { const value = Number(env[name] ?? NaN); return value > 0 && value < 1e6 ? value : undefined; };
  const ms = 1000 * (positive(SECONDS_VARIABLE) ?? ANSWER_SECONDS);
  const memoryGb = positive(MEMORY_VARIABLE);
  return { memoryBytes: memoryGb === undefined ? MEMORY_SHARE * totalmem() : memoryGb * 1e9, loadMs: ms, answerMs: ms };
}

export class PeerHost {
  readonly #task: TaskCell;
  readonly #io: TaskIo;
  #request: Promise<PeerRequest> | undefined;
  #run: PeerRun | undefined;
  #deaths = 0;
  #last: StageFailure | undefined;

  /** Of all cells of one task `task` speaks: they share model, peer and settings. */
  constructor(task: TaskCell, io: TaskIo) {
    this.#task = task;
    this.#io = io;
  }

  /** Starts it where it does not run. Throws StageFailure. */
  async run(): Promise<PeerRun> {
    if (this.#run !== undefined) return this.#run;
    if (this.#last !== undefined && this.#deaths >= MOST_DEATHS) throw this.#last;
    const request = await (this.#request ??= this.#requested());
    const run = await peerNamed(textParam(this.#task, 'peer')).start(request).catch((error: unknown) => {
      // What does not start for one does not start for another.
      this.#deaths = MOST_DEATHS;
      this.#last = error instanceof StageFailure ? error : undefined;
      throw error;
    });
    return this.#run = run;
  }

  /** `artifact`: the input of `task` in which the study's artifact of that format is, where the kernels are ours. */
  async load(format: string, task: TaskCell, artifact = 'artifact'): Promise<PeerModel> {
    const encoded: EncodedSource | undefined = peerNamed(textParam(this.#task, 'peer')).ownKernels !== true || task.inputs[artifact] === undefined ? undefined
      : (use) => withArtifact(this.#io, task, artifact, use);
    return (await this.run()).load(format, encoded);
  }

  /** After a failure nothing is known of what it still does: it is ended, and started anew when it is next needed. */
  async drop(failure: unknown): Promise<void> {
    if (this.#run === undefined) return;
    this.#deaths++;
    if (failure instanceof StageFailure) this.#last = failure;
    await this.close();
  }

  async close(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    await run?.close();
  }

  async #requested(): Promise<PeerRequest> {
    const [task, io] = [this.#task, this.#io];
    const programs: { [name: string]: Uint8Array } = {};
    for (const name of Object.keys(task.inputs)) if (name.startsWith('program.')) programs[name.slice('program.'.length)] = await io.input(task, name);
    const scratch = join(io.scratch, 'peer');
    mkdirSync(scratch);
    return {
      device: textParam(task, 'device'), compute: textParam(task, 'compute'), files: await layOut(task, io), threads: io.cpus, scratch, programs, limits: peerLimits(), signal: io.signal,
    };
  }
}

/** The checkpoint as a peer reads it: copies, since what is in the store lies in packs. */
async function layOut(task: TaskCell, io: TaskIo): Promise<PeerFiles> {
  const kind = textParam(task, 'files') as PeerFiles['kind'];
  const folder = join(io.scratch, 'model');
  mkdirSync(folder);
  const put = async (handle: InputHandle, name: string): Promise<void> => renameSync((await io.copy(handle)).file, join(folder, name));
  const weights = task.inputs['weights'];
  const checkpoint = () => taskCheckpoint(io, task);
  if (weights?.kind === 'object') await put(weights.handle, kind === 'gguf' ? 'model.gguf' : 'model.safetensors');
  else if (weights?.kind === 'tree') {
    for (const [name, handle] of Object.entries(weights.handle.tree)) await put(handle, name);
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(await shardsOf(weights.handle.tree, io)) }));
  }
  if (kind === 'gguf') return { kind, path: join(folder, 'model.gguf'), checkpoint };
  writeFileSync(join(folder, 'config.json'), await io.input(task, 'config'));
  return { kind, path: folder, checkpoint };
}

/** The index that says in which file each tensor lies is no part of what was taken in: the files' headers say it. */
async function shardsOf(tree: { readonly [name: string]: InputHandle }, io: TaskIo): Promise<[tensor: string, file: string][]> {
  const all: [string, string][] = [];
  for (const [name, handle] of Object.entries(tree)) {
    const shard = await io.open(handle);
    const length = Number(Buffer.from(shard.read(0, 8)).readBigUInt64LE());
    if (length > shard.bytes - 8) throw new StageFailure({ code: 'bad-input', sentence: `${name} has a header that is longer than the file` });
    const header = JSON.parse(Buffer.from(shard.read(8, length)).toString()) as object;
    shard.close();
    for (const tensor of Object.keys(header)) if (tensor !== '__metadata__') all.push([tensor, name]);
  }
  return all;
}
