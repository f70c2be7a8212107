/**
 * Multiple-choice sets, set by set: how many answers are right, and how many change. A format may keep the accuracy and change many answers
 * (arXiv 2407.09141), so flips are counted both ways. The unit is the item; formats answer the same ones, so differences are paired.
 */
import type { AnsweredItem } from './choose.ts';
import { percentileInterval } from './statistics/bootstrap.ts';
import { mostLikely, mostLikelyPerByte } from './statistics/chosen.ts';
import { mean, once } from './statistics/estimate.ts';
import { resamples } from './statistics/resample.ts';
import { wilson } from './statistics/wilson.ts';
import { INTERVAL_LEVEL, LEAST_CLUSTERS_FOR_INTERVAL } from './summarize-rows.ts';
import type { MetricList, RowPlace } from './summarize-rows.ts';

const RESAMPLES_OF_ITEMS = 999;

/** `base`: the answers of the unquantized model, undefined for itself. */
export function summarizeChoices(list: MetricList, place: RowPlace, items: readonly AnsweredItem[], base: readonly AnsweredItem[] | undefined): void {
  const of = { n: items.length, clusters: items.length };
  const some = items.length >= LEAST_CLUSTERS_FOR_INTERVAL;
  const share = (quantity: string, counts: (item: AnsweredItem, before: AnsweredItem) => boolean): void => {
    const count = items.filter((item, i) => counts(item, base?.[i] ?? item)).length;
    list.add(place, quantity, 'share', count / items.length, of, some ? wilson(count, items.length) : undefined);
  };
  const right = (item: AnsweredItem): boolean => mostLikely(item.options) === item.answer;
  share('accuracy', right);
  share('accuracy_per_byte', (item) => mostLikelyPerByte(item.options) === item.answer);
  if (base === undefined) return;
  share('answer_flips', (item, before) => mostLikely(item.options) !== mostLikely(before.options));
  share('answer_right_to_wrong', (item, before) => right(before) && !right(item));
  share('answer_wrong_to_right', (item, before) => !right(before) && right(item));
  // Between percentiles of resampled values: an item counts -1, 0 or 1.
  const change = mean(Float64Array.from(items, (item, i) => Number(right(item)) - Number(right(base[i]!))), new Float64Array(items.length).fill(1));
  list.add(place, 'accuracy_change', 'share', change.estimate(once(items.length)).value, of,
    some ? percentileInterval(resamples(items.length, RESAMPLES_OF_ITEMS).map((times) => change.estimate(times).value), INTERVAL_LEVEL) : undefined);
}
