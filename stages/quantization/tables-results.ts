/** Rows about what was found: scores, metrics, texts, timings, claims. */
import type { TaskCell, TaskIo } from '../dag/index.ts';
import { samplingPath, writtenCell } from './cell-ids.ts';
import { samplingWindowRows, tokenScoreRows, windowRows } from './score-output.ts';
import type { SpeedSamples } from './speed.ts';
import { firstDifference } from './statistics/first-difference.ts';
import { found, foundJson } from './table-rows.ts';
import type { Row } from './table-rows.ts';
import { listParam, numberParam } from './task-values.ts';
import type { WrittenText } from './task-values.ts';

/** A maker of rows from the bytes of one scores output. */
const fromScores = (rows: (cell: string, bytes: Uint8Array) => Iterable<Row>) => async function* (task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for (const { cell, handle } of found(task)) yield* rows(cell, await io.read(handle));
};
export const scoreRows = fromScores(windowRows);
export const tokenRows = fromScores(tokenScoreRows);
export const samplingRows = fromScores(samplingWindowRows);

/** The summaries are rows already. */
export async function* metricRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for await (const { value } of foundJson<readonly Row[]>(task, io)) yield* value;
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

/** What a text and the base's text with the same noise have in common. */
function coupledWith(cell: string, prompt: string): string {
  const { model, sampling } = writtenCell(cell);
  return `${model} ${sampling === undefined ? 'greedy' : samplingPath(sampling)} ${prompt}`;
}

/** Timings of every machine that has measured. */
export async function* speedRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for await (const { cell, machine, value } of foundJson<SpeedSamples>(task, io)) {
    const model = cell.slice(cell.indexOf(':') + 1);
    for (const { format, phase, pair, block, place, tokens, durationMs } of value.samples) {
      yield { model, format, engine: value.engine.name, machine: machine ?? 'unknown', phase, pair, block, place, tokens, duration_ms: durationMs, cell };
    }
  }
}

/** The bench's rows are rows already. Its one file has one machine's, whichever machines have taken it in. */
export async function* kernelRateRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  for await (const { value } of foundJson<readonly Row[]>(task, io)) {
    yield* value;
    return;
  }
}

export async function* machineRows(task: TaskCell, io: TaskIo): AsyncGenerator<Row> {
  const seen = new Set<string>();
  for await (const { cell, machine = 'unknown', value: { machine: facts } } of foundJson<SpeedSamples>(task, io)) {
    if (seen.has(machine)) continue;
    seen.add(machine);
    yield { machine, cpu: facts.cpu, cores: facts.cores, memory_bytes: facts.memoryBytes, os: facts.os, node: facts.node, cell };
  }
}
