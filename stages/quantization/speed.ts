/**
 * Times every format of a model, and counts the memory each holds.
 *
 * Blocks in random order (the seed is recorded): a block times every format once and the base a second time, so that each
 * block holds an A/A pair, whose spread is the noise floor. Before each timing tokens are decoded and thrown away, because
 * a switch of formats has emptied the caches. Nothing is dropped afterwards.
 */
import { loadavg } from 'node:os';
import { threefry2x32 } from '../../kernels/threefry.ts';
import type { Session } from '../../kernels/index.ts';
import { cell, describeMachine, output, stage } from '../dag/index.ts';
import type { Cell, Run, TaskCell, TaskIo } from '../dag/index.ts';
import type { StudyModel } from './config.ts';
import { studyEngine } from './engine.ts';
import { taskCheckpoint, taskSession } from './loaded-model.ts';
import { checkpointInputs, registerEntries } from './model-cells.ts';
import { DECODE_SPAN } from './speed-settings.ts';
import type { SpeedSettings } from './speed-settings.ts';
import { BadInput, guarded, jsonInput, listParam, numberParam, textParam } from './task-values.ts';
import type { TokenizedText } from './task-values.ts';

export const speedStage = stage({
  name: 'speed',
  title: 'Time the formats',
  determinism: 'measured',
  module: 'stages/quantization/speed.ts',
  outputs: ['samples'],
  exclusive: true,
});

/** speed:<model>. `artifacts`: quantize cells by format, in the order of the study, the base as undefined; no aliases. `tokens`: a tokenize cell. */
export function speedCell(model: StudyModel, settings: SpeedSettings, engine: string, fetched: Cell, tokens: Cell, artifacts: ReadonlyMap<string, Cell | undefined>): Cell {
  const formats = [...artifacts.keys()];
  const quantized = [...artifacts].flatMap(([format, from]) => from === undefined ? [] : [[`artifact.${format}`, output(from, 'artifact')] as const]);
  return cell(speedStage, model.name, {
    params: { ...settings, engine, base: model.baseFormat, formats },
    inputs: { ...checkpointInputs(fetched), tokens: output(tokens), ...Object.fromEntries(quantized) },
    uses: registerEntries(model, formats),
    work: settings.blocks * settings.seconds * formats.length,
  });
}

export interface SpeedSample {
  readonly format: string;
  readonly phase: 'prefill' | 'decode';
  /** 'A2': the second timing of the base in its block. */
  readonly pair: 'A' | 'A2';
  readonly block: number;
  /** Place in the block's random order, from 0. */
  readonly place: number;
  readonly tokens: number;
  readonly durationMs: number;
}

/** Output `samples`. */
export interface SpeedSamples {
  readonly engine: { readonly name: string; readonly build: string };
  readonly samples: readonly SpeedSample[];
  /** Format -> bytes that the engine holds after the last block, exactly counted. */
  readonly memory: { readonly [format: string]: ReturnType<Session['memory']> };
  /** What else the machine did: CPU time per wall time of this process, and the load average, at each block's end. */
  readonly conditions: readonly { readonly block: number; readonly wallMs: number; readonly cpuMs: number; readonly loadAverage: number }[];
  readonly machine: ReturnType<typeof describeMachine>;
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
  const lanes: Lane[] = [];
  try {
    for (const format of listParam(task, 'formats') as readonly string[]) {
      const engine = await studyEngine(io, task, { exact: false });
      const session = await taskSession(io, task, checkpoint, format, engine, `artifact.${format}`);
      lanes.push({ format, pair: 'A', session });
      if (format === base) lanes.push({ format, pair: 'A2', session });
    }
    const measured = await timeBlocks(task, lanes, tokens, promptTokens, io);
    const { name, build } = (lanes[0] as Lane).session.engine;
    const result: SpeedSamples = {
      engine: { name, build },
      ...measured,
      memory: Object.fromEntries(lanes.map(({ format, session }) => [format, session.memory()])),
      machine: describeMachine(),
    };
    await io.commit(task.id, { samples: JSON.stringify(result) }, { engine: name, build });
  } finally {
    for (const { pair, session } of lanes) if (pair === 'A') session.dispose();
  }
}

/** One timing of a block: a format, or the base again. */
interface Lane { readonly format: string; readonly pair: 'A' | 'A2'; readonly session: Session }

async function timeBlocks(task: TaskCell, lanes: readonly Lane[], tokens: Int32Array, promptTokens: number, io: TaskIo): Promise<Pick<SpeedSamples, 'samples' | 'conditions'>> {
  const blocks = numberParam(task, 'blocks');
  const leastMs = numberParam(task, 'seconds') * 1000;
  const warmUpTokens = numberParam(task, 'warmUpTokens');
  const samples: SpeedSample[] = [];
  const conditions: SpeedSamples['conditions'][number][] = [];
  for (let block = 0; block < blocks; block += 1) {
    io.signal.throwIfAborted();
    const startedAt = performance.now();
    const cpuBefore = process.cpuUsage();
    for (const [place, index] of shuffled(lanes.length, numberParam(task, 'seed'), block).entries()) {
      const { format, pair, session } = lanes[index] as Lane;
      const timed = await timeOnce(session, tokens, promptTokens, warmUpTokens, leastMs);
      for (const phase of ['prefill', 'decode'] as const) samples.push({ format, phase, pair, block, place, ...timed[phase] });
    }
    const cpu = process.cpuUsage(cpuBefore);
    conditions.push({ block, wallMs: performance.now() - startedAt, cpuMs: (cpu.user + cpu.system) / 1000, loadAverage: loadavg()[0] as number });
    io.progress(block + 1, blocks, 'blocks');
  }
  return { samples, conditions };
}

interface Timed { readonly tokens: number; readonly durationMs: number }

/** Reads the prompt and decodes after it, over and over, until both phases have lasted `leastMs`. */
async function timeOnce(session: Session, tokens: Int32Array, promptTokens: number, warmUpTokens: number, leastMs: number): Promise<{ prefill: Timed; decode: Timed }> {
  const prompt = { slot: new Int32Array(promptTokens), position: Int32Array.from({ length: promptTokens }, (_, position) => position), token: tokens.slice(0, promptTokens) };
  const last = Int32Array.of(promptTokens - 1);
  const one = (position: number): Promise<unknown> => session.step({ slot: Int32Array.of(0), position: Int32Array.of(position), token: tokens.slice(position, position + 1) });

  const prefill = { tokens: 0, durationMs: 0 };
  const decode = { tokens: 0, durationMs: 0 };
  for (let round = 0; prefill.durationMs < leastMs || decode.durationMs < leastMs; round += 1) {
    session.reset(1, tokens.length);
    if (round === 0) {
      await session.step({ slot: prompt.slot.slice(0, warmUpTokens), position: prompt.position.slice(0, warmUpTokens), token: prompt.token.slice(0, warmUpTokens) });
      session.reset(1, tokens.length);
    }
    const startedAt = performance.now();
    await session.step(prompt, last);
    prefill.durationMs += performance.now() - startedAt;
    prefill.tokens += promptTokens;
    if (decode.durationMs >= leastMs) continue;

    let position = promptTokens;
    while (position < promptTokens + warmUpTokens) await one(position++);
    const decodingFrom = performance.now();
    let now = decodingFrom;
    const first = position;
    while (position < tokens.length && decode.durationMs + (now - decodingFrom) < leastMs) {
      await one(position++);
      now = performance.now();
    }
    decode.durationMs += now - decodingFrom;
    decode.tokens += position - first;
  }
  return { prefill, decode };
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
