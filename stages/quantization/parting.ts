/**
 * Where texts part: the survival curve of "not yet different from the base's text under the same noise", step by step, with how many texts were
 * watched and how many parted there. The unit is the prompt, with all its seeds.
 *
 *   parting:<model>/<format>/T0.7/k40   rows of table survival (also .../greedy)
 */
import { cell, output, stage } from '../dag/index.ts';
import type { Cell, Run, TaskCell, TaskIo } from '../dag/index.ts';
import { settingPath, writtenCell } from './cell-ids.ts';
import { percentileInterval } from './statistics/bootstrap.ts';
import { firstDifference } from './statistics/first-difference.ts';
import { resamples } from './statistics/resample.ts';
import { survival } from './statistics/survival.ts';
import type { Observed } from './statistics/survival.ts';
import { INTERVAL_LEVEL, LEAST_CLUSTERS_FOR_INTERVAL } from './summarize-rows.ts';
import type { Row } from './table-rows.ts';
import { guarded, jsonInput, numberParam, textParam } from './task-values.ts';
import type { WrittenText } from './task-values.ts';

export const partingStage = stage({
  name: 'parting',
  title: 'Follow texts until they part',
  determinism: 'exact',
  module: 'stages/quantization/parting.ts',
  outputs: ['curve'],
});

const RESAMPLES_OF_PROMPTS = 999;

/** One cell for each format but the base and each setting of the sampler; seeds go together. */
export function partingCells({ model, written }: { readonly model: { readonly name: string; readonly baseFormat: string }; readonly written: ReadonlyMap<string, readonly Cell[]> }, newTokens: number): Cell[] {
  const base = written.get(model.baseFormat) ?? [];
  return [...written].filter(([format]) => format !== model.baseFormat).flatMap(([format, cells]) => {
    const settings = new Map<string, { readonly temperature: number; readonly topK: number; readonly inputs: [string, ReturnType<typeof output>][] }>();
    for (const [place, text] of cells.entries()) {
      const { sampling } = writtenCell(text.id);
      const path = sampling === undefined ? 'greedy' : settingPath(sampling.temperature, sampling.topK);
      const own = settings.get(path) ?? { temperature: sampling?.temperature ?? 0, topK: sampling?.topK ?? 0, inputs: [] };
      settings.set(path, own);
      own.inputs.push([`texts.${sampling?.seed ?? 0}`, output(text)], [`base.${sampling?.seed ?? 0}`, output(base[place]!)]);
    }
    return [...settings].map(([path, { temperature, topK, inputs }]) => cell(partingStage, `${model.name}/${format}/${path}`, {
      params: { model: model.name, format, temperature, topK, newTokens }, inputs: Object.fromEntries(inputs), batch: model.name, work: 0.1,
    }));
  });
}

export const run: Run = async (cells, io) => {
  for (const [index, task] of cells.entries()) {
    io.signal.throwIfAborted();
    await guarded(io, task, async () => {
      await io.commit(task.id, { curve: JSON.stringify(curve(await pairsOf(task, io), numberParam(task, 'newTokens'), {
        model: textParam(task, 'model'), format: textParam(task, 'format'), temperature: numberParam(task, 'temperature'), top_k: numberParam(task, 'topK'),
      }, task.id)) });
    });
    io.progress(index + 1, cells.length, 'curves');
  }
};

/** A text and the base's under the same noise. */
export interface CoupledPair { readonly prompt: string; readonly ids: readonly number[]; readonly base: readonly number[] }

async function pairsOf(task: TaskCell, io: TaskIo): Promise<CoupledPair[]> {
  const pairs: CoupledPair[] = [];
  for (const name of Object.keys(task.inputs)) {
    if (!name.startsWith('texts.')) continue;
    const [texts, base] = [await jsonInput<WrittenText[]>(io, task, name), await jsonInput<WrittenText[]>(io, task, name.replace('texts.', 'base.'))];
    pairs.push(...texts.map(({ prompt, ids }, i) => ({ prompt, ids, base: base[i]!.ids })));
  }
  return pairs;
}

/** Rows of table survival, in the schema's order of columns. */
export function curve(pairs: readonly CoupledPair[], limit: number, place: { readonly model: string; readonly format: string; readonly temperature: number; readonly top_k: number }, from: string): Row[] {
  const observed = pairs.map(({ ids, base }): Observed => {
    const [own, others] = [ids.slice(0, limit), base.slice(0, limit)];
    const time = firstDifference(others, own);
    return time === null ? { time: own.length, event: false } : { time, event: true };
  });
  const prompts = [...new Set(pairs.map(({ prompt }) => prompt))];
  const cluster = pairs.map(({ prompt }) => prompts.indexOf(prompt));
  const shares = survival(observed, limit);
  const again = prompts.length < LEAST_CLUSTERS_FOR_INTERVAL ? [] : resamples(prompts.length).slice(0, RESAMPLES_OF_PROMPTS)
    .map((times) => survival(observed, limit, cluster.map((prompt) => times[prompt]!)));
  return Array.from({ length: limit }, (_, step): Row => {
    const bounds = percentileInterval(again.map((resampled) => resampled[step + 1]!), INTERVAL_LEVEL);
    return {
      ...place, step: step + 1,
      at_risk: observed.filter(({ time, event }) => time > step || (time === step && event)).length, parted: observed.filter(({ time, event }) => time === step && event).length,
      value: shares[step + 1]!, low: bounds?.low ?? null, high: bounds?.high ?? null, unit: 'share', n: pairs.length, clusters: prompts.length, cell: from,
    };
  });
}
