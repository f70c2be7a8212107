/**
 * The cells of the summarize stage: scores, texts and timings become the quantities that pages show.
 *
 *   summarize:<model>/<format>/weights          bits per weight, bytes (also of aliases)
 *   summarize:<model>/<format>/fidelity         perplexity, KL, flips, ... over all texts, and text by text
 *   summarize:<model>/<format>/T0.7/k40         what the sampler's distribution loses at (temperature, top_k)
 *   summarize:<model>/<format>/null/T0.7        what noise of the format's size does to the quality of what is sampled
 *   summarize:<model>/<format>/texts/T0.7/k40   what a reader would see (also .../texts/greedy)
 *   summarize:<model>/<format>/choices/<set>    multiple-choice answers: how many are right, how many change
 *   summarize:<model>/speed                     tokens per second, ratios to the base, latencies, bytes held, on each engine
 */
import { cell, gather, output, stage } from '../dag/index.ts';
import type { Cell, InputRef } from '../dag/index.ts';
import { settingPath, writtenCell } from './cell-ids.ts';

export const summarizeStage = stage({
  name: 'summarize',
  title: 'Summarize with intervals',
  determinism: 'exact',
  module: 'stages/quantization/summarize.ts',
  outputs: ['metrics', 'omitted'],
});

/** The cells of one model that summaries are made of. */
export interface SummarizedModel {
  readonly model: { readonly name: string; readonly baseFormat: string };
  /** Output `report` of quantize, by format, aliases among them. */
  readonly quantized: ReadonlyMap<string, Cell>;
  /** All score cells of the model. */
  readonly scored: readonly Cell[];
  /** Generate cells by format, and the judge cells of each in the same order; the base among them. */
  readonly written: ReadonlyMap<string, readonly Cell[]>;
  readonly judged: ReadonlyMap<string, readonly Cell[]>;
  /** Choose cells by format, one for each set, in the same order. */
  readonly chosen: ReadonlyMap<string, readonly Cell[]>;
  /** On the study's own engine, and on others. */
  readonly timed: Cell;
  readonly timedOthers: readonly Cell[];
}

export function summarizeCells(from: SummarizedModel, settings: { readonly maxNewTokens: readonly number[] }): Cell[] {
  const { name: model, baseFormat: base } = from.model;
  // Timings come last of all: nothing else waits for them.
  const summary = (path: string, of: string, params: Cell['params'], inputs: { readonly [name: string]: InputRef }): Cell =>
    cell(summarizeStage, `${model}/${path}`, { params: { of, model, base, ...params }, inputs, batch: of === 'speed' ? of : model, work: 0.2 });

  const weights = [...from.quantized].map(([format, quantized]) => summary(`${format}/weights`, 'weights', { format }, { report: output(quantized, 'report') }));

  const nulls = [...grouped(from.scored.filter(({ params }) => params['quantity'] === 'null'), ({ params }) => `${String(params['format'])}/null/T${String(params['temperature'])}`)].map(([path, cells]) => {
    const { format, temperature } = cells[0]!.params;
    return summary(path, 'null', { format: format!, temperature: temperature!, topK: 0 }, Object.fromEntries(cells.map((score) => [`scores.${String(score.params['text'])}`, output(score)])));
  });

  const scores = grouped(from.scored.filter(({ params }) => params['quantity'] !== 'null'), ({ params }) =>
    params['quantity'] === 'fidelity' ? `${String(params['format'])}/fidelity` : `${String(params['format'])}/${settingPath(Number(params['temperature']), Number(params['topK']))}`);
  const scored = [...scores].map(([path, cells]) => {
    const { quantity, format, temperature, topK } = cells[0]!.params;
    return summary(path, String(quantity), quantity === 'fidelity' ? { format: format! } : { format: format!, temperature: temperature!, topK: topK! },
      Object.fromEntries(cells.map((score) => [`scores.${String(score.params['text'])}`, output(score)])));
  });

  const written = [...from.written].flatMap(([format, cells]) => [...grouped(cells, ({ id }) => settingOf(id))].map(([path, own]) => {
    const { sampling } = writtenCell(own[0]!.id);
    const inputs = own.flatMap((text) => {
      const seed = String(writtenCell(text.id).sampling?.seed ?? 0);
      const place = cells.indexOf(text);
      return [
        [`texts.${seed}`, output(text)], [`base.${seed}`, output(from.written.get(base)![place]!)],
        [`judged.${seed}`, output(from.judged.get(format)![place]!)], [`judgedBase.${seed}`, output(from.judged.get(base)![place]!)],
      ] as const;
    });
    return summary(`${format}/texts/${path}`, 'texts',
      { format, temperature: sampling?.temperature ?? 0, topK: sampling?.topK ?? 0, maxNewTokens: [...settings.maxNewTokens] }, Object.fromEntries(inputs));
  }));

  const chosen = [...from.chosen].flatMap(([format, cells]) => cells.map((own, place) => summary(`${format}/choices/${String(own.params['set'])}`, 'choices', { format, set: own.params['set']! },
    { answers: output(own), ...(format === base ? {} : { base: output(from.chosen.get(base)![place]!) }) })));

  const others = from.timedOthers.length === 0 ? {} : { others: gather(from.timedOthers.map((timed) => output(timed))) };
  return [...weights, ...scored, ...nulls, ...written, ...chosen, summary('speed', 'speed', {}, { samples: output(from.timed), ...others })];
}

/** 'greedy' or 'T0.7/k40': a generate cell's setting without its seed. */
function settingOf(id: string): string {
  const { sampling } = writtenCell(id);
  return sampling === undefined ? 'greedy' : settingPath(sampling.temperature, sampling.topK);
}

function grouped<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}
