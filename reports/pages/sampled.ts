/** Names of the metrics over written texts, in one place. */
export const SAMPLED = {
  untilDifference: 'tokens_until_difference', same: 'same_as_base', shift: 'judge_nll_shift', repeated: 'repeated_4grams', distinct: 'distinct_2', length: 'new_tokens',
} as const;
