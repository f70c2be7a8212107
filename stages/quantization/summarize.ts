/** Turns scores, texts and timings into the rows of table metrics, with 95 % intervals (docs/claims.md, "Intervals"). */
import type { Run, TaskCell, TaskIo } from '../dag/index.ts';
import type { AnsweredItem } from './choose.ts';
import { readFidelity, readJson } from './score-output.ts';
import type { NullScores, SamplingScores } from './score-output.ts';
import { summarizeChoices } from './summarize-choices.ts';
import { summarizeFidelity } from './summarize-fidelity.ts';
import { summarizeNull } from './summarize-null.ts';
import { MetricList } from './summarize-rows.ts';
import type { RowPlace } from './summarize-rows.ts';
import { summarizeSampling } from './summarize-sampling.ts';
import { summarizeSpeed } from './summarize-speed.ts';
import { summarizeTexts } from './summarize-texts.ts';
import type { SeedTexts } from './summarize-texts.ts';
import { summarizeWeights } from './summarize-weights.ts';
import type { WeightsReport } from './summarize-weights.ts';
import { timingsOf } from './task-timings.ts';
import { guarded, jsonInput, listParam, numberParam, textParam } from './task-values.ts';
import type { JudgedText, WrittenText } from './task-values.ts';

export const run: Run = async (cells, io) => {
  for (const [index, task] of cells.entries()) {
    io.signal.throwIfAborted();
    await guarded(io, task, async () => {
      const list = await summary(task, io);
      await io.commit(task.id, { metrics: JSON.stringify(list.rows), omitted: JSON.stringify(list.omitted) });
    });
    io.progress(index + 1, cells.length, 'summaries');
  }
};

async function summary(task: TaskCell, io: TaskIo): Promise<MetricList> {
  const list = new MetricList();
  const model = textParam(task, 'model');
  const base = textParam(task, 'base');
  const of = textParam(task, 'of');
  if (of === 'speed') {
    for (const timed of await timingsOf(task, io)) summarizeSpeed(list, { model, base, cell: task.id }, timed);
    return list;
  }
  const format = textParam(task, 'format');
  const place: RowPlace = { model, format, cell: task.id };
  if (of === 'weights') {
    summarizeWeights(list, place, await jsonInput<WeightsReport>(io, task, 'report'));
  } else if (of === 'fidelity') {
    summarizeFidelity(list, place, format === base, await scoresOf(task, io, readFidelity));
  } else if (of === 'sampling') {
    const at = { ...place, temperature: numberParam(task, 'temperature'), top_k: numberParam(task, 'topK') };
    summarizeSampling(list, at, format === base, await scoresOf(task, io, readJson<SamplingScores>));
  } else if (of === 'null') {
    summarizeNull(list, { ...place, temperature: numberParam(task, 'temperature'), top_k: numberParam(task, 'topK') }, await scoresOf(task, io, readJson<NullScores>));
  } else if (of === 'texts') {
    const at = { ...place, temperature: numberParam(task, 'temperature'), top_k: numberParam(task, 'topK') };
    summarizeTexts(list, at, format === base, await seedsOf(task, io), listParam(task, 'maxNewTokens') as readonly number[]);
  } else if (of === 'choices') {
    const base = task.inputs['base'] === undefined ? undefined : await jsonInput<AnsweredItem[]>(io, task, 'base');
    summarizeChoices(list, { ...place, text: textParam(task, 'set') }, await jsonInput<AnsweredItem[]>(io, task, 'answers'), base);
  } else {
    throw new Error(`${task.id}: unknown summary of "${of}"`);
  }
  return list;
}

/** Inputs 'scores.<text>', in the order in which they were declared. */
async function scoresOf<T>(task: TaskCell, io: TaskIo, read: (bytes: Uint8Array) => T): Promise<T[]> {
  const scores: T[] = [];
  for (const name of Object.keys(task.inputs)) if (name.startsWith('scores.')) scores.push(read(await io.input(task, name)));
  return scores;
}

/** Inputs 'texts.<seed>', 'base.<seed>', 'judged.<seed>', 'judgedBase.<seed>'. */
async function seedsOf(task: TaskCell, io: TaskIo): Promise<SeedTexts[]> {
  const seeds: SeedTexts[] = [];
  for (const name of Object.keys(task.inputs)) {
    if (!name.startsWith('texts.')) continue;
    const seed = name.slice('texts.'.length);
    seeds.push({
      texts: await jsonInput<WrittenText[]>(io, task, name), base: await jsonInput<WrittenText[]>(io, task, `base.${seed}`),
      judged: await jsonInput<JudgedText[]>(io, task, `judged.${seed}`), judgedBase: await jsonInput<JudgedText[]>(io, task, `judgedBase.${seed}`),
    });
  }
  return seeds;
}
