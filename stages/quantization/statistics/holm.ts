/**
 * Holm's step-down correction (S. Holm, Scandinavian Journal of Statistics 6 (1979) 65-70): the smallest of m p-values is held against
 * alpha / m, the next against alpha / (m - 1), until one fails; it and all larger ones are not rejected.
 */

/** Whether a hypothesis is rejected, and the alpha that its p-value was held against. */
export interface Corrected { readonly rejected: boolean; readonly alpha: number }

/** In the order of the p-values given. */
export function holm(pValues: readonly number[], alpha: number): Corrected[] {
  const order = pValues.map((_, i) => i).sort((a, b) => pValues[a]! - pValues[b]! || a - b);
  const decided = new Array<Corrected>(pValues.length);
  let stoppedAt: number | undefined;
  order.forEach((i, step) => {
    const own = stoppedAt ?? alpha / (pValues.length - step);
    const rejected = stoppedAt === undefined && pValues[i]! <= own;
    if (!rejected) stoppedAt ??= own;
    decided[i] = { rejected, alpha: own };
  });
  return decided;
}
