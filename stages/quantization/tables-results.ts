/** Rows about what was found: scores, metrics, texts, timings, claims. */
import type { TaskCell, TaskIo } from '../dag/index.ts';
import { idPath, samplingPath, writtenCell } from './cell-ids.ts';
import type { FloorWindow } from './floor-windows.ts';
import { readFidelity, readJson, samplingWindowRows, tokenScoreRows, windowRows } from './score-output.ts';
import type { NullScores, SamplingScores } from './score-output.ts';
import type { SpeedSamples } from './speed.ts';
import { firstDifference } from './statistics/first-difference.ts';
import { median } from './statistics/median.ts';
import { found, foundJson } from './table-rows.ts';
import type { Row } from './table-rows.ts';
import { listParam, numberParam } from './task-values.ts';
import { weightsLie } from './working-set.ts';
import type { JudgedText, WrittenText } from './task-values.ts';

/** A maker of rows from the bytes of one scores output. */
const fromScores = (rows: (cell: string, bytes: Uint8Array) => Iterable<Row>) => async function* (task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for (const { cell, handle } of found(task)) yield* rows(cell, await io.read(handle));
};
export const scoreRows = fromScores(windowRows);

// The next two add a column here, and not where the others are made: that file is code of every score, none of which would come out otherwise.
export const tokenRows = fromScores(function* (cell, output) {
  const { bytes } = readFidelity(output);
  let i = 0;
  for (const { cell: from, ...row } of tokenScoreRows(cell, output)) yield { ...row, bytes: bytes[i++]!, cell: from! };
});
export const samplingRows = fromScores(function* (cell, output) {
  const { baseQuality } = readJson<SamplingScores>(output);
  let window = 0;
  for (const { cell: from, ...row } of samplingWindowRows(cell, output)) yield { ...row, base_quality: baseQuality?.[window++] ?? null, cell: from! };
});

export const nullRows = fromScores(function* (cell, output) {
  const { model, format, text, temperature, scoredTokens, sigma, formatKl, noiseKl, draws } = readJson<NullScores>(output);
  for (const [window, tokens] of scoredTokens.entries()) {
    yield { model, format, text, window, temperature, scored_tokens: tokens, sigma, format_kl: formatKl, noise_kl: noiseKl, shifts: draws.map((sums) => sums[window]!), cell };
  }
});

/** As of the aggregates made of them: of several machines those of the first. */
export async function* floorRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  const seen = new Set<string>();
  for await (const { cell, value: { model, format, engine, windows } } of foundJson<{ readonly model: string; readonly format: string; readonly engine: string; readonly windows: readonly FloorWindow[] }>(task, io)) {
    if (seen.has(cell)) continue;
    seen.add(cell);
    for (const { window, scoredTokens, kl, klMax, deltaNll, sameTop1 } of windows) yield { model, format, engine, window, scored_tokens: scoredTokens, kl, kl_max: klMax, delta_nll: deltaNll, same_top1: sameTop1, cell };
  }
}

/** Summaries, comparisons and curves are rows already. Of what several machines have measured, those of the first by label. */
export async function* finishedRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  const seen = new Set<string>();
  for await (const { cell, value } of foundJson<readonly Row[]>(task, io)) {
    if (!seen.has(cell)) yield* value;
    seen.add(cell);
  }
}

/** No engine computes them otherwise than another: they have no such column. */
export async function* sweepMetricRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for await (const { engine: _, ...row } of finishedRows(task, io)) yield row;
}

export async function* claimRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for await (const { value } of foundJson<{ readonly claim: Row }>(task, io)) yield value.claim;
}

export async function* claimEffectRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for await (const { value } of foundJson<{ readonly effects: readonly Row[] }>(task, io)) yield* value.effects;
}

/** params.prompts: name and text; params.bases: model -> its base format, whose texts the others are compared with. */
export async function* generationRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  const prompts = new Map((listParam(task, 'prompts') as unknown as readonly { name: string; text: string }[]).map(({ name, text }) => [name, text]));
  const bases = task.params['bases'] as { readonly [model: string]: string };
  const written: { cell: string; texts: readonly WrittenText[] }[] = [];
  const baseTexts = new Map<string, readonly number[]>();
  for await (const { cell, value: texts } of foundJson<readonly WrittenText[]>(task, io)) {
    const { model, format } = writtenCell(cell);
    written.push({ cell, texts });
    if (bases[model] === format) for (const { prompt, ids } of texts) baseTexts.set(coupledWith(cell, prompt), ids);
  }
  for (const { cell, texts } of written) {
    const { model, format, sampling } = writtenCell(cell);
    for (const { prompt, ids, text, pieces } of texts) {
      const base = baseTexts.get(coupledWith(cell, prompt));
      yield {
        model, format, prompt, seed: sampling?.seed ?? 0, temperature: sampling?.temperature ?? 0, top_k: sampling?.topK ?? 0,
        max_new_tokens: numberParam(task, 'newTokens'), prompt_text: prompts.get(prompt) ?? '', text, tokens: ids.join(' '), pieces,
        first_difference: base === undefined ? null : firstDifference(base, ids), cell,
      };
    }
  }
}

export async function* judgementRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for await (const { cell, value } of foundJson<readonly JudgedText[]>(task, io)) {
    const { model, format, sampling } = writtenCell(cell);
    for (const { prompt, nll } of value) yield { model, format, prompt, seed: sampling?.seed ?? 0, temperature: sampling?.temperature ?? 0, top_k: sampling?.topK ?? 0, nll, cell };
  }
}

/** What a text and the base's text with the same noise have in common. */
function coupledWith(cell: string, prompt: string): string {
  const { model, sampling } = writtenCell(cell);
  return `${model} ${sampling === undefined ? 'greedy' : samplingPath(sampling)} ${prompt}`;
}

/**
 * Timings of every machine that has measured, one of each model and engine: an engine named in the study may be the one that its own setting
 * came to, whose cells come first.
 */
async function* timings(task: TaskCell, io: TaskIo): AsyncGenerator<{ readonly cell: string; readonly model: string; readonly machine: string; readonly value: SpeedSamples }> {
  const seen = new Set<string>();
  for await (const { cell, machine = 'unknown', value } of foundJson<SpeedSamples>(task, io)) {
    const model = idPath(cell)[0] as string;
    const key = `${model} ${value.engine.name} ${machine}`;
    if (!seen.has(key)) yield { cell, model, machine, value };
    seen.add(key);
  }
}

export async function* speedRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for await (const { cell, model, machine, value } of timings(task, io)) {
    for (const { format, phase, pair, block, place, tokens, durationMs, gpuMs = null, stepsMs } of value.samples) {
      yield { model, format, engine: value.engine.name, machine, phase, pair, block, place, tokens, duration_ms: durationMs, gpu_ms: gpuMs, steps_ms: stepsMs, cell };
    }
  }
}

export async function* speedBlockRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for await (const { cell, model, machine, value: { engine, conditions } } of timings(task, io)) {
    for (const { block, wallMs, cpuMs, stealMs, loadAverage, mhz } of conditions) {
      yield { model, engine: engine.name, machine, block, wall_ms: wallMs, cpu_ms: cpuMs, steal_ms: stealMs, load_average: loadAverage, mhz, cell };
    }
  }
}

export async function* speedMemoryRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for await (const { cell, model, machine, value: { engine, memory } } of timings(task, io)) {
    for (const [format, parts] of Object.entries(memory)) for (const [part, bytes] of Object.entries(parts)) yield { model, format, engine: engine.name, machine, part, bytes, cell };
  }
}

/** params.bases: model -> its base format, whose weights are the working set; params.own: cells of the study's own engine. */
export async function* speedRunRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  const bases = task.params['bases'] as { readonly [model: string]: string };
  const own = listParam(task, 'own');
  for await (const { cell, model, machine, value: { engine, threads, promptTokens, samples, memory, conditions, machine: { cores }, caches } } of timings(task, io)) {
    const held = memory[bases[model] as string];
    const baseBytes = held === undefined ? 0 : held.weights + held.decodedCopies;
    const wallMs = sum(conditions.map(({ wallMs: ms }) => ms));
    const steal = known(conditions.map(({ stealMs }) => stealMs));
    const mhz = known(conditions.map((block) => block.mhz));
    yield {
      model, engine: engine.name, machine, own: own.includes(cell), build: engine.build, threads, prompt_tokens: promptTokens,
      blocks: conditions.length, base_bytes: baseBytes, level: weightsLie(baseBytes, { engine, threads, caches }) ?? null,
      least_tokens: Math.min(...samples.filter(({ phase }) => phase === 'decode').map(({ tokens }) => tokens)),
      wall_ms: wallMs, cpu_per_wall: sum(conditions.map(({ cpuMs }) => cpuMs)) / wallMs, steal_share: steal && sum(steal) / (wallMs * cores),
      load_average: Math.max(...conditions.map(({ loadAverage }) => loadAverage)), mhz: mhz && median(mhz), cell,
    };
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
/** All of them, or null where the system did not tell. */
const known = (values: readonly (number | null)[]): number[] | null => values.includes(null) ? null : values as number[];

/** The bench's rows are rows already. Its one file has one machine's, whichever machines have taken it in. */
export async function* kernelRateRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for await (const { value } of foundJson<readonly Row[]>(task, io)) {
    yield* value;
    return;
  }
}

export async function* machineRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for await (const { cell, machine, value: { machine: facts } } of firstOfMachines(task, io)) {
    yield { machine, cpu: facts.cpu, cores: facts.cores, memory_bytes: facts.memoryBytes, os: facts.os, node: facts.node, cell };
  }
}

export async function* machineCacheRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for await (const { cell, machine, value: { caches } } of firstOfMachines(task, io)) {
    for (const { level, bytes, sharedBy } of caches) yield { machine, level, bytes, shared_by: sharedBy, cell };
  }
}

async function* firstOfMachines(task: TaskCell, io: TaskIo): AsyncGenerator<{ readonly cell: string; readonly machine: string; readonly value: SpeedSamples }> {
  const seen = new Set<string>();
  for await (const { cell, machine = 'unknown', value } of foundJson<SpeedSamples>(task, io)) {
    if (!seen.has(machine)) yield { cell, machine, value };
    seen.add(machine);
  }
}
