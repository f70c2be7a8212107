/** Which option of a multiple-choice item a model takes. Of equals the first, so that a choice never depends on an order of evaluation. */

export interface RatedOption { readonly nll: number; readonly bytes: number }

/** The option of the highest log-likelihood (`acc` of lm-evaluation-harness). */
export function mostLikely(options: readonly RatedOption[]): number {
  return leastOf(options, ({ nll }) => nll);
}

/** The option of the highest log-likelihood for each UTF-8 byte, which does not favour short ones (`acc_norm` there, which counts characters). */
export function mostLikelyPerByte(options: readonly RatedOption[]): number {
  return leastOf(options, ({ nll, bytes }) => nll / bytes);
}

function leastOf(options: readonly RatedOption[], of: (option: RatedOption) => number): number {
  let least = 0;
  for (let place = 1; place < options.length; place++) if (of(options[place]!) < of(options[least]!)) least = place;
  return least;
}
