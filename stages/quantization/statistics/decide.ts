/**
 * Verdicts from estimates and margins written beforehand.
 *
 * Equivalence by two one-sided tests (D. J. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680): at alpha the
 * interval of level 1 - 2 alpha must lie inside the margins. Across models Holm's correction chooses each model's alpha.
 */
import { interval, pLess, pMore } from './bootstrap.ts';
import type { Bootstrapped, Interval } from './bootstrap.ts';
import { holm } from './holm.ts';
import type { Corrected } from './holm.ts';

export const ALPHA = 0.05;
/** Fewer clusters give no verdict. */
export const LEAST_CLUSTERS = 30;
/** More are not asked for. */
const MOST_CLUSTERS = 1_000_000;

export type Decision = 'supported' | 'contradicted' | 'inconclusive';

/** Bounds within which the quantity must lie; one may be left open. */
export interface Margin { readonly low?: number; readonly high?: number }

export interface Decided {
  readonly decision: Decision;
  readonly interval: Interval | undefined;
  /** Level of the interval: 1 - 2 alpha for the alpha that Holm left to this model. */
  readonly level: number;
  /** Where inconclusive: how many clusters would decide, if the estimate stayed where it is. */
  readonly neededClusters: number | undefined;
}

/** A quantity or format of a claim, estimated on each model. */
export interface Part { readonly models: readonly Bootstrapped[]; readonly margin: Margin }

/**
 * Decides "inside the margin" for each part and model: supported where the estimate lies inside beyond doubt, contradicted where it
 * lies outside beyond doubt, else (and with fewer than LEAST_CLUSTERS) inconclusive. All parts must hold, so support is corrected across
 * models only; one exception contradicts, so contradiction is corrected across everything that could be one.
 */
export function decide(parts: readonly Part[]): Decided[][] {
  const outside = holm(parts.flatMap(({ models, margin }) => models.map((model) => pOutside(model, margin))), ALPHA);
  let next = 0;
  return parts.map(({ models, margin }) => {
    const inside = holm(models.map((model) => pInside(model, margin)), ALPHA);
    return models.map((model, i) => decided(model, margin, inside[i]!, outside[next++]!));
  });
}

function decided(model: Bootstrapped, margin: Margin, inside: Corrected, outside: Corrected): Decided {
  const enough = model.clusters >= LEAST_CLUSTERS && model.standardError > 0;
  const decision: Decision = !enough ? 'inconclusive' : inside.rejected ? 'supported' : outside.rejected ? 'contradicted' : 'inconclusive';
  const level = 1 - 2 * (decision === 'contradicted' ? outside : inside).alpha;
  const own = interval(model, level);
  return { decision, level, interval: own, neededClusters: decision === 'inconclusive' ? needed(model, level, margin) : undefined };
}

/** p-value of "not inside the margin": the larger of the two one-sided tests. */
function pInside(model: Bootstrapped, { low, high }: Margin): number {
  return Math.max(low === undefined ? 0 : pMore(model, low), high === undefined ? 0 : pLess(model, high));
}

/** p-value of "not outside the margin": the smaller of the two, once for each open side. */
function pOutside(model: Bootstrapped, { low, high }: Margin): number {
  return Math.min(low === undefined ? 1 : pLess(model, low), high === undefined ? 1 : pMore(model, high));
}

/** How many clusters would decide by an interval of this level, if the estimate stayed where it is. The half-width shrinks with the root of their number; it must shrink to the distance from the nearest bound. */
export function needed(model: Bootstrapped, level: number, { low, high }: Margin): number | undefined {
  const own = interval(model, level);
  if (own === undefined) return undefined;
  const bounds = [low, high].filter((bound) => bound !== undefined);
  const distance = Math.min(...bounds.map((bound) => Math.abs(model.value - bound)));
  if (distance === 0) return undefined;
  const halfWidth = (own.high - own.low) / 2;
  const ratio = halfWidth / distance;
  const clusters = Math.max(LEAST_CLUSTERS, Math.ceil(model.clusters * ratio * ratio));
  // An estimate on the bound itself would take more windows than there are texts: no number says that better than a number.
  return clusters > MOST_CLUSTERS ? undefined : clusters;
}
