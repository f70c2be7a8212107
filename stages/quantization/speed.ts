/**
 * Times every format of a model on one engine, and counts the memory each holds.
 *
 * Blocks in random order (the seed is recorded): a block times every format once and the base a second time, so that each
 * block holds an A/A pair, whose spread is the noise floor. Before each timing some tokens are decoded and thrown away, because
 * a switch of formats has emptied the caches. Nothing is dropped afterwards.
 */
import { computesOnGpu } from '../../kernels/gpu-engines.ts';
import { threadCount } from '../../kernels/threads.ts';
import { threefry2x32 } from '../../kernels/threefry.ts';
import type { Session } from '../../kernels/index.ts';
import { describeMachine } from '../dag/index.ts';
import type { Run, TaskCell, TaskIo } from '../dag/index.ts';
import type { BenchCache } from './bench-file.ts';
import { machineCaches } from './caches.ts';
import { studyEngine } from './engine.ts';
import { gpuFailed } from './gpu-failure.ts';
import { taskCheckpoint, taskSession } from './loaded-model.ts';
import { watchConditions } from './speed-conditions.ts';
import type { Conditions } from './speed-conditions.ts';
import { timeOnce } from './speed-once.ts';
import type { TimedPhase, TimedSession } from './speed-once.ts';
import { DECODE_SPAN } from './speed-settings.ts';
import { BadInput, guarded, jsonInput, listParam, numberParam, textParam } from './task-values.ts';
import type { TokenizedText } from './task-values.ts';

export interface SpeedSample extends TimedPhase {
  readonly format: string;
  readonly phase: 'prefill' | 'decode';
  /** 'A2': the second timing of the base in its block. */
  readonly pair: 'A' | 'A2';
  readonly block: number;
  /** Place in the block's random order, from 0. */
  readonly place: number;
}

/** Output `samples`. */
export interface SpeedSamples {
  readonly engine: { readonly name: string; readonly build: string };
  /** How many threads the engine might use. */
  readonly threads: number;
  readonly promptTokens: number;
  readonly samples: readonly SpeedSample[];
  /** Format -> bytes that the engine holds after the last block, exactly counted. */
  readonly memory: { readonly [format: string]: ReturnType<Session['memory']> };
  /** What else the machine did during each block. */
  readonly conditions: readonly (Conditions & { readonly block: number })[];
  readonly machine: ReturnType<typeof describeMachine>;
  /** Smallest first; empty where the system does not tell. */
  readonly caches: readonly BenchCache[];
}

export const run: Run = async (cells, io) => {
  for (const task of cells) await guarded(io, task, async () => timeModel(task, io));
};

async function timeModel(task: TaskCell, io: TaskIo): Promise<void> {
  const base = textParam(task, 'base');
  const promptTokens = numberParam(task, 'promptTokens');
  const { ids } = await jsonInput<TokenizedText>(io, task, 'tokens');
  const needed = promptTokens + DECODE_SPAN;
  if (ids.length < needed) throw new BadInput(`the text has ${ids.length} tokens; ${needed} are needed`, 'Lower speed.prompt_tokens.');
  const tokens = Int32Array.from(ids.slice(0, needed));
  const checkpoint = await taskCheckpoint(io, task);
  const asked = textParam(task, 'engine');
  const failed = computesOnGpu(asked) ? gpuFailed : thrownOn;
  const lanes: Lane[] = [];
  try {
    for (const format of listParam(task, 'formats') as readonly string[]) {
      const engine = await studyEngine(io, task, { exact: false, name: asked });
      const session = await taskSession(io, task, checkpoint, format, engine, `artifact.${format}`).catch((error: unknown) => {
        engine.ops.dispose();
        return failed(error);
      });
      const lane = { format, session, workedMs: () => engine.workedMs?.() };
      lanes.push({ ...lane, pair: 'A' });
      if (format === base) lanes.push({ ...lane, pair: 'A2' });
    }
    const measured = await timeBlocks(task, lanes, tokens, promptTokens, io, failed);
    const { name, build } = (lanes[0] as Lane).session.engine;
    const result: SpeedSamples = {
      engine: { name, build }, threads: threadCount(), promptTokens,
      ...measured,
      memory: Object.fromEntries(lanes.map(({ format, session }) => [format, session.memory()])),
      machine: describeMachine(), caches: machineCaches(),
    };
    await io.commit(task.id, { samples: JSON.stringify(result) }, { engine: name, build });
  } finally {
    for (const { pair, session } of lanes) if (pair === 'A') session.dispose();
  }
}

/** What becomes of an error of the processor's own: nothing, but that it goes on. */
const thrownOn = (error: unknown): never => { throw error; };

/** One timing of a block: a format, or the base again. */
interface Lane extends TimedSession {
  readonly format: string;
  readonly pair: 'A' | 'A2';
}

async function timeBlocks(task: TaskCell, lanes: readonly Lane[], tokens: Int32Array, promptTokens: number, io: TaskIo, failed: (error: unknown) => never): Promise<Pick<SpeedSamples, 'samples' | 'conditions'>> {
  const blocks = numberParam(task, 'blocks');
  const leastMs = numberParam(task, 'seconds') * 1000;
  const warmUpTokens = numberParam(task, 'warmUpTokens');
  const samples: SpeedSample[] = [];
  const conditions: SpeedSamples['conditions'][number][] = [];
  const time = (lane: Lane, ms: number): ReturnType<typeof timeOnce> => timeOnce(lane, tokens, promptTokens, warmUpTokens, ms).catch(failed);
  // Once through both phases, not timed: what a process compiles or allocates on first use is no format's doing.
  for (const lane of lanes) if (lane.pair === 'A') await time(lane, 0);
  for (let block = 0; block < blocks; block += 1) {
    io.signal.throwIfAborted();
    const ended = watchConditions();
    for (const [place, index] of shuffled(lanes.length, numberParam(task, 'seed'), block).entries()) {
      const lane = lanes[index] as Lane;
      const { format, pair } = lane;
      const timed = await time(lane, leastMs);
      for (const phase of ['prefill', 'decode'] as const) samples.push({ format, phase, pair, block, place, ...timed[phase].taken() });
    }
    conditions.push({ block, ...ended() });
    io.progress(block + 1, blocks, 'blocks');
  }
  return { samples, conditions };
}

/** A permutation of 0 .. count - 1 by Fisher and Yates, from Threefry: the same for the same seed and block, everywhere. */
export function shuffled(count: number, seed: number, block: number): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last -= 1) {
    const [random] = threefry2x32(seed, block, last, 0);
    // The remainder's bias, (last + 1) / 2^32, is far below what any number of blocks could show.
    const other = (random >>> 0) % (last + 1);
    [order[last], order[other]] = [order[other] as number, order[last] as number];
  }
  return order;
}
