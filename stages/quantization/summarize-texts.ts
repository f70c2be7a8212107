/**
 * What a reader would see at one (temperature, top_k): where texts part from the base's under the same noise, and what the texts are like
 * after that. The unit is the prompt; its seeds stay together when prompts are resampled. A shorter max_new_tokens is the beginning of
 * the text that was written.
 */
import { firstDifference } from './statistics/first-difference.ts';
import { distinctTwoGrams, repeatedFourGrams } from './statistics/ngrams.ts';
import { percentileInterval } from './statistics/bootstrap.ts';
import type { Interval } from './statistics/bootstrap.ts';
import { mean, once } from './statistics/estimate.ts';
import { resamples } from './statistics/resample.ts';
import { restrictedMean, survival } from './statistics/survival.ts';
import type { Observed } from './statistics/survival.ts';
import { INTERVAL_LEVEL, LEAST_CLUSTERS_FOR_INTERVAL } from './summarize-rows.ts';
import type { MetricList, RowPlace } from './summarize-rows.ts';
import type { JudgedText, WrittenText } from './task-values.ts';

/** One seed's texts of all prompts, the base's under the same noise, and the judge's rating of both. */
export interface SeedTexts {
  readonly texts: readonly WrittenText[];
  readonly base: readonly WrittenText[];
  readonly judged: readonly JudgedText[];
  readonly judgedBase: readonly JudgedText[];
}

const RESAMPLES_OF_PROMPTS = 999;

interface Case { readonly prompt: string; readonly ids: readonly number[]; readonly base: readonly number[]; readonly nll: readonly number[]; readonly nllBase: readonly number[] }

export function summarizeTexts(list: MetricList, place: RowPlace, isBase: boolean, seeds: readonly SeedTexts[], lengths: readonly number[]): void {
  const cases = seeds.flatMap(({ texts, base, judged, judgedBase }) => texts.map(({ prompt, ids }, i): Case =>
    ({ prompt, ids, base: base[i]!.ids, nll: judged[i]!.nll, nllBase: judgedBase[i]!.nll })));
  const prompts = [...new Set(cases.map(({ prompt }) => prompt))];
  const cluster = cases.map(({ prompt }) => prompts.indexOf(prompt));
  /** Between percentiles: prompts are few and many of these quantities shares, so that a resample's own standard error means little. */
  const overPrompts = (statistic: (times: ArrayLike<number>) => number): Interval | undefined => prompts.length < LEAST_CLUSTERS_FOR_INTERVAL ? undefined
    : percentileInterval(resamples(prompts.length).slice(0, RESAMPLES_OF_PROMPTS).map(statistic), INTERVAL_LEVEL);

  for (const limit of lengths) {
    const at = { ...place, max_new_tokens: limit };
    const cut = cases.map((one) => ({ ...one, ids: one.ids.slice(0, limit), base: one.base.slice(0, limit), nll: one.nll.slice(0, limit), nllBase: one.nllBase.slice(0, limit) }));
    /** The mean per unit of what `of` counts; cases that have none (undefined) are left out. */
    const add = (quantity: string, unit: string, of: (one: Case) => readonly [sum: number, size: number] | undefined): void => {
      const sums = new Float64Array(prompts.length);
      const sizes = new Float64Array(prompts.length);
      let n = 0;
      cut.forEach((one, i) => {
        const counted = of(one);
        if (counted === undefined) return;
        n++;
        sums[cluster[i]!] = sums[cluster[i]!]! + counted[0];
        sizes[cluster[i]!] = sizes[cluster[i]!]! + counted[1];
      });
      if (n === 0) return list.omit(quantity, 'there is nothing to average over');
      list.add(at, quantity, unit, mean(sums, sizes).estimate(once(prompts.length)).value, { n, clusters: prompts.length }, overPrompts((times) => mean(sums, sizes).estimate(times).value));
    };
    const one = (value: number | undefined): readonly [number, number] | undefined => value === undefined ? undefined : [value, 1];

    add('new_tokens', 'tokens', ({ ids }) => [ids.length, 1]);
    add('judge_nll', 'nats', ({ nll }) => nll.length === 0 ? undefined : [total(nll), nll.length]);
    add('repeated_4grams', 'share', ({ ids }) => one(repeatedFourGrams(ids)));
    add('distinct_2', 'share', ({ ids }) => one(distinctTwoGrams(ids)));
    if (isBase) continue;
    add('same_as_base', 'share', ({ ids, base }) => [firstDifference(base, ids) === null ? 1 : 0, 1]);
    add('judge_nll_shift', 'nats', ({ nll, nllBase }) => nll.length === 0 || nllBase.length === 0 ? undefined : [total(nll) / nll.length - total(nllBase) / nllBase.length, 1]);
    // Kaplan-Meier, because an equal text that ended by itself was not watched up to the limit.
    const observed = cut.map(({ ids, base }): Observed => {
      const time = firstDifference(base, ids);
      return time === null ? { time: ids.length, event: false } : { time, event: true };
    });
    list.add(at, 'tokens_until_difference', 'tokens', restrictedMean(survival(observed, limit)), { n: observed.length, clusters: prompts.length },
      overPrompts((times) => restrictedMean(survival(observed, limit, cluster.map((prompt) => times[prompt]!)))));
  }
}

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
