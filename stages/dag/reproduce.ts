/**
 * Computes recorded cells once more, in scratch folders, and compares, bit for bit or as their stage says (`Stage.agreement`): nothing is committed, no record is read or written but those
 * that are compared with. Cells run grouped as a run groups them, those that are computed otherwise (`Pipeline.variation`) apart; what cannot be computed
 * in one other way is in the next.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { canonicalJson } from './canonical.ts';
import { DamagedObject, StoreUnwritable } from './errors.ts';
import { batchName } from './critical-path.ts';
import { Executors, taskOf } from './executor.ts';
import { boundTo } from './gpus.ts';
import { copyObject } from './objects.ts';
import { hashOutput } from './output-hash.ts';
import { shuffled } from './random.ts';
import { needsOf } from './resources.ts';
import { taskCell, taskTool } from './task-inputs.ts';
import type { Outcome } from './decide.ts';
import type { RunningTask, TaskEnd } from './executor.ts';
import type { Ground } from './ground.ts';
import type { Forecast } from './preview.ts';
import type { OutputContent, Store } from './store.ts';
import type { InputHandle, TaskCell, TaskTool } from './task-types.ts';
import type { Cell, CellRecord, Failure, OutputRecord, OutputRef, Stage, Variation } from './types.ts';

/** A cell with the record that its result is compared with. */
export interface Recorded { readonly cell: Cell; readonly record: CellRecord }

export interface Difference { readonly output: string; readonly then: OutputRecord; readonly now: OutputRecord }

export type Comparison =
  | { readonly kind: 'equal' }
  /** Other bytes, which agree by what the stage tolerates. */
  | { readonly kind: 'within'; readonly what: string }
  /** `what`: in the words of the stage, where it compares. */
  | { readonly kind: 'differs'; readonly differences: readonly Difference[]; readonly what?: string }
  | { readonly kind: 'not-run'; readonly failure: Failure };

/** What came of one cell. `now`: who computed it this time; `how`: in which other way, where it was another one. */
export interface Reproduced extends Recorded {
  readonly comparison: Comparison;
  readonly now: CellRecord['computedBy'];
  readonly how: string | undefined;
  /** Other ways that were tried before, and why they made nothing. */
  readonly passedOver: readonly PassedOver[];
}

export interface PassedOver { readonly how: string; readonly failure: Failure }

/** `ways`: the first of them that can. */
interface Group { readonly first: boolean; readonly stage: Stage; readonly ways: readonly Variation[]; readonly cells: readonly Recorded[] }

/** What a cell made: called once with its outputs, while they last, or with why there are none. */
interface Taker {
  made(outputs: { readonly [name: string]: OutputContent }, computedBy: CellRecord['computedBy']): Promise<void>;
  failed(failure: Failure): void;
}

/** A tool made for this occasion, or why there is none. */
type MadeTool = { readonly kind: 'made'; readonly outputs: { readonly [name: string]: InputHandle } } | { readonly kind: 'missing'; readonly failure: Failure };

export class Reproduction {
  readonly #ground: Ground;
  readonly #forecasts: ReadonlyMap<string, Forecast>;
  readonly #jobs: number;
  readonly #told: (reproduced: Reproduced) => void;
  readonly #executors = new Executors();
  readonly #running = new Set<RunningTask>();
  readonly #tools = new Map<string, Promise<MadeTool>>();
  /** Of tools, which are used until the end. */
  readonly #folders: string[] = [];
  #count = 0;
  #stopped = false;

  /** `forecasts`: of the cells and all that they read and use. `told` is called once for each cell that was not interrupted. */
  constructor(ground: Ground, forecasts: ReadonlyMap<string, Forecast>, jobs: number, told: (reproduced: Reproduced) => void) {
    this.#ground = ground;
    this.#forecasts = forecasts;
    this.#jobs = jobs;
    this.#told = told;
  }

  /**
   * Cells that go `first` are begun before all others. Of the rest what takes longest goes first, since it would be waited for; with
   * `seed`, where the end may come before all are reached, the order is drawn by it.
   */
  async run(cells: readonly Recorded[], first: ReadonlySet<string> = new Set(), seed?: number): Promise<void> {
    const groups = await this.#groups(seed === undefined ? cells : shuffled(cells, seed), first);
    groups.sort((a, b) => Number(b.first) - Number(a.first) || (seed === undefined ? workOf(b) - workOf(a) : 0));
    const shared = groups.filter(({ stage }) => stage.exclusive !== true);
    const onGpus = shared.filter(takesGpu), others = shared.filter((group) => !takesGpu(group));
    const lane = async (...queues: Group[][]): Promise<void> => {
      for (const queue of queues) for (let group = queue.shift(); group !== undefined && !this.#stopped; group = queue.shift()) await this.#runGroup(group);
    };
    try {
      // What takes a GPU counts on having it alone, and goes one by one in one lane: which there are need not be known.
      await Promise.all(Array.from({ length: this.#jobs }, (_, i) => i === 0 ? lane(onGpus, others) : lane(others)));
      for (const group of groups) if (group.stage.exclusive === true && !this.#stopped) await this.#runGroup(group);
    } finally {
      // Where a lane has thrown, the others are still at work.
      this.stop();
      this.#executors.release();
      for (const folder of this.#folders) await rm(folder, { recursive: true, force: true });
    }
  }

  /** Ends it now. */
  stop(): void {
    this.#stopped = true;
    for (const task of this.#running) task.kill();
  }

  async #groups(cells: readonly Recorded[], firstOnes: ReadonlySet<string>): Promise<Group[]> {
    const groups = new Map<string, { first: boolean; stage: Stage; ways: readonly Variation[]; cells: Recorded[] }>();
    for (const one of cells) {
      const { stage, id } = one.cell;
      // A timing by other means is no second timing of the same.
      const ways = stage.determinism === 'measured' ? [] : await this.#ground.pipeline.variation?.(one.record.computedBy) ?? [];
      const first = firstOnes.has(id);
      const name = canonicalJson([first, batchName(one.cell), ways.map(({ environment }) => environment)]);
      const group = groups.get(name);
      if (group === undefined) groups.set(name, { first, stage, ways, cells: [one] });
      else group.cells.push(one);
    }
    return [...groups.values()];
  }

  async #runGroup({ stage, ways, cells }: Group): Promise<void> {
    const passedOver = new Map<string, readonly PassedOver[]>();
    let left = cells;
    // Without another way: once, in the same.
    for (let way = 0; left.length > 0 && way < Math.max(1, ways.length) && !this.#stopped; way++) {
      const variation = ways[way];
      const again: Recorded[] = [];
      const takers = new Map(left.map(({ cell, record }): [string, Taker] => {
        const before = passedOver.get(cell.id) ?? [];
        const tell = (comparison: Comparison, now: CellRecord['computedBy']): void => this.#told({ cell, record, comparison, now, how: variation?.label, passedOver: before });
        return [cell.id, {
          made: async (outputs, computedBy) => tell(await compare(stage, record, outputs, this.#ground.store), computedBy),
          failed: (failure) => {
            if (variation === undefined || way === ways.length - 1 || !(failure.code === 'not-available' || failure.code === 'crashed')) return tell({ kind: 'not-run', failure }, undefined);
            passedOver.set(cell.id, [...before, { how: variation.label, failure }]);
            again.push({ cell, record });
          },
        }];
      }));
      await this.#make(stage, variation, left.map(({ cell }) => cell), takers);
      left = again;
    }
  }

  /** Runs cells of one stage in a task of their own; each of them ends with its taker, unless it is interrupted. */
  async #make(stage: Stage, variation: Variation | undefined, cells: readonly Cell[], takers: ReadonlyMap<string, Taker>, keep?: string): Promise<void> {
    const left = new Map(cells.map((cell) => [cell.id, cell]));
    const take = (id: string): Taker | undefined => left.delete(id) ? takers.get(id) : undefined;
    let scratch = keep;
    let end: TaskEnd;
    try {
      scratch ??= await this.#ground.store.scratchFolder();
      const given: TaskCell[] = [];
      for (const cell of cells) given.push(await this.#taskCell(cell));
      if (this.#stopped) return;
      // What its facts say of the GPU that computed it is to be so again.
      const { gpu } = cells[0]!;
      const environment = boundTo(gpu, variation?.environment);
      const executor = await this.#executors.of(stage, environment);
      const comparisons: Promise<void>[] = [];
      const running = executor.start(taskOf(this.#ground.pipeline, stage, {
        id: `${stage.name}-${++this.#count}`, cells: given, scratch, jobs: this.#jobs, needs: needsOf(stage, cells), ...(environment === undefined ? {} : { environment }),
      }), {
        committed: (id, outputs, computedBy) => {
          const made = take(id)?.made(outputs, computedBy) ?? Promise.resolve();
          comparisons.push(made);
          // What goes wrong is heard below.
          return made.catch(() => undefined);
        },
        failed: (id, failure) => take(id)?.failed(failure),
        progress: () => undefined,
        warn: () => undefined,
      });
      this.#running.add(running);
      if (this.#stopped) running.kill();
      end = await running.end;
      this.#running.delete(running);
      await Promise.all(comparisons);
    } catch (error) {
      const failure = failureOf(error);
      if (failure === undefined) throw error;
      end = { kind: 'threw', failure };
    } finally {
      if (scratch !== undefined && keep === undefined) await rm(scratch, { recursive: true, force: true });
    }
    const rest = [...left.values()];
    if (rest.length === 0 || this.#stopped) return;
    if (rest.length > 1 && (end.kind === 'crashed' || end.kind === 'timed-out' || (end.kind === 'threw' && end.failure.code !== 'not-available'))) {
      // One of them brought the task down: each half by itself, until the guilty one is alone.
      const middle = Math.ceil(rest.length / 2);
      for (const half of [rest.slice(0, middle), rest.slice(middle)]) await this.#make(stage, variation, half, takers, keep);
    } else for (const { id } of rest) takers.get(id)!.failed(failureAt(end, stage));
  }

  /** Throws DamagedObject. */
  async #taskCell({ tools, ...cell }: Cell): Promise<TaskCell> {
    const given = taskCell(cell, this.#ground, this.#outcomeOf);
    if (tools === undefined) return given;
    const made: { [name: string]: TaskTool } = {};
    for (const [name, ref] of Object.entries(tools)) made[name] = await this.#tool(ref);
    return { ...given, tools: made };
  }

  async #tool(ref: OutputRef): Promise<TaskTool> {
    const { kind } = this.#forecasts.get(ref.cell)!;
    if (kind === 'done' || kind === 'failed') return taskTool(ref, this.#ground, this.#outcomeOf);
    let making = this.#tools.get(ref.cell);
    if (making === undefined) this.#tools.set(ref.cell, making = this.#makeTool(this.#ground.cell(ref.cell)));
    const tool = await making;
    if (tool.kind === 'missing') return tool;
    const handle = tool.outputs[ref.output];
    return handle === undefined ? { kind: 'missing', failure: { code: 'bad-input', sentence: `${ref.output} of ${ref.cell} is a folder; a tool must be a single file` } } : { kind: 'object', handle };
  }

  /** A tool that is not up to date is made for this occasion only. */
  async #makeTool(cell: Cell): Promise<MadeTool> {
    const forecast = this.#forecasts.get(cell.id)!;
    if (forecast.kind === 'follows') {
      return { kind: 'missing', failure: { code: 'upstream-failed', sentence: `${cell.id} needs ${forecast.producers[0]}, which is not up to date`, hint: 'compute it first, with the command run' } };
    }
    const folder = await this.#ground.store.scratchFolder();
    this.#folders.push(folder);
    let tool: MadeTool = { kind: 'missing', failure: { code: 'interrupted', sentence: 'it was interrupted' } };
    await this.#make(cell.stage, undefined, [cell], new Map([[cell.id, {
      made: async (outputs) => { tool = { kind: 'made', outputs: await kept(outputs, folder) }; },
      failed: (failure) => { tool = { kind: 'missing', failure }; },
    }]]), folder);
    return tool;
  }

  readonly #outcomeOf = (id: string): Outcome => {
    const forecast = this.#forecasts.get(id)!;
    if (forecast.kind === 'done' || forecast.kind === 'failed') return forecast;
    throw new Error(`${id} is not up to date, yet something that reads it is`);
  };
}

async function compare(stage: Stage, record: CellRecord, outputs: { readonly [name: string]: OutputContent }, store: Store): Promise<Comparison> {
  const differences: Difference[] = [];
  for (const output of comparedOutputs(stage)) {
    const now = await hashOutput(outputs[output]!);
    const then = record.outputs[output]!;
    if (now.sha256 !== then.sha256) differences.push({ output, then, now });
  }
  if (differences.length === 0) return { kind: 'equal' };
  if (stage.agreement === undefined) return { kind: 'differs', differences };
  const then: { [output: string]: Uint8Array } = {};
  const now: { [output: string]: Uint8Array } = {};
  for (const output of comparedOutputs(stage)) {
    const content = outputs[output]!;
    if (record.outputs[output]!.tree === true || 'tree' in content) continue;
    try {
      then[output] = await store.read(store.handle(record.outputs[output]!));
    } catch (error) {
      if (!(error instanceof DamagedObject)) throw error;
      return { kind: 'not-run', failure: { ...damagedFailure(error), sentence: `the recorded result is damaged: ${error.what}` } };
    }
    now[output] = content instanceof Uint8Array ? content : 'file' in content ? await readFile(content.file) : await store.read(content.stored);
  }
  const { within, what } = stage.agreement(then, now);
  return within ? { kind: 'within', what } : { kind: 'differs', differences, what };
}

/** The outputs of which equal work gives equal bytes. */
export function comparedOutputs({ outputs, unstableOutputs = [] }: Stage): readonly string[] {
  return outputs.filter((output) => !unstableOutputs.includes(output));
}

/** Outputs that are single files, as files that can be read until the folder is removed. */
async function kept(outputs: { readonly [name: string]: OutputContent }, folder: string): Promise<{ readonly [name: string]: InputHandle }> {
  const handles: { [name: string]: InputHandle } = {};
  for (const [name, content] of Object.entries(outputs)) {
    if (!(content instanceof Uint8Array) && 'tree' in content) continue;
    const path = content instanceof Uint8Array ? `${folder}/${name}.tool` : 'file' in content ? content.file : await copyObject(content.stored, `${folder}/${name}.tool`);
    if (content instanceof Uint8Array) await writeFile(path, content, { flag: 'wx' });
    const { sha256, bytes } = await hashOutput(content);
    handles[name] = { sha256, bytes, path, offset: 0 };
  }
  return handles;
}

/** What keeps a task from starting; undefined for a fault of ours. */
function failureOf(error: unknown): Failure | undefined {
  if (error instanceof DamagedObject) return damagedFailure(error);
  return error instanceof StoreUnwritable ? { code: 'not-available', sentence: error.message, hint: error.hint } : undefined;
}

function damagedFailure({ what }: Pick<DamagedObject, 'what'>): Failure {
  return { code: 'not-available', sentence: `an input is damaged: ${what}`, hint: 'the command run makes it again' };
}

function failureAt(end: TaskEnd, { timeoutMs = 0 }: Stage): Failure {
  switch (end.kind) {
    case 'threw':
    case 'given-up': return end.failure;
    case 'crashed': return { code: 'crashed', sentence: end.sentence };
    case 'timed-out': return { code: 'timed-out', sentence: `it ran longer than its limit of ${timeoutMs / 1000} s` };
    case 'damaged': return damagedFailure(end);
    case 'stood-still': return { code: 'interrupted', sentence: 'its process stood still while it timed' };
    case 'ended':
    case 'stopped': return { code: 'no-output', sentence: 'the stage ended without committing or failing the cell' };
  }
}

function takesGpu({ stage, cells }: Group): boolean {
  return needsOf(stage, cells.map(({ cell }) => cell)).gpus > 0;
}

function workOf({ cells }: Group): number {
  return cells.reduce((sum, { cell }) => sum + (cell.work ?? 1), 0);
}
