/** What noise of a format's size does to the quality of what is sampled, at one temperature: over draws, the mean, the least and the most. */
import type { NullScores } from './score-output.ts';
import type { MetricList, RowPlace } from './summarize-rows.ts';

/** No intervals: the draws are all there are, and their range is itself what a format is held against. */
export function summarizeNull(list: MetricList, place: RowPlace, texts: readonly NullScores[]): void {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const tokens = sum(texts.map(({ scoredTokens }) => sum(scoredTokens)));
  const draws = Math.min(...texts.map((text) => text.draws.length));
  const clusters = sum(texts.map(({ scoredTokens }) => scoredTokens.length));
  if (tokens === 0 || !(draws > 0) || !Number.isFinite(draws)) return list.omit('null_shift_mean', 'no position was sampled');
  const shifts = Array.from({ length: draws }, (_, draw) => sum(texts.map((text) => sum(text.draws[draw]!))) / tokens);
  const add = (quantity: string, value: number): void => list.add(place, quantity, 'nats', value, { n: tokens, clusters });
  add('null_shift_mean', sum(shifts) / draws);
  add('null_shift_least', Math.min(...shifts));
  add('null_shift_most', Math.max(...shifts));
}
