/**
 * How well a format keeps the base's predictions: over positions with enough context; the first quantities also over all positions
 * (suffix _all) and text by text. Of the base itself only what needs no comparison. Intervals are clustered by window.
 */
import { exp64, log64 } from '../../kernels/float64.ts';
import { fidelityClusters } from './score-clusters.ts';
import type { FidelityClusters } from './score-clusters.ts';
import type { FidelityScores } from './score-output.ts';
import { percentileInterval } from './statistics/bootstrap.ts';
import { mean } from './statistics/estimate.ts';
import { sortedQuantile, weightedQuantiles } from './statistics/quantile.ts';
import { resamples } from './statistics/resample.ts';
import { LEAST_CLUSTERS_FOR_INTERVAL, INTERVAL_LEVEL } from './summarize-rows.ts';
import type { MetricList, RowPlace } from './summarize-rows.ts';

/** Below this many positions the 99.9th percentile rests on fewer than ten of them. */
const TOKENS_FOR_P999 = 10_000;
/** Resamples for percentiles, whose cost is a pass over every position each. */
const PERCENTILE_RESAMPLES = 499;

export function summarizeFidelity(list: MetricList, place: RowPlace, isBase: boolean, texts: readonly FidelityScores[]): void {
  const scored = fidelityClusters(texts);
  quality(list, place, scored, '');
  if (!isBase) {
    comparison(list, place, scored, '');
    details(list, place, scored);
  }
  const all = fidelityClusters(texts, 0);
  quality(list, place, all, '_all');
  if (!isBase) comparison(list, place, all, '_all');
  for (const text of texts) {
    const own = fidelityClusters([text]);
    quality(list, { ...place, text: text.text }, own, '');
    if (!isBase) comparison(list, { ...place, text: text.text }, own, '');
  }
}

function quality(list: MetricList, place: RowPlace, scored: FidelityClusters, suffix: string): void {
  const bits = 1 / log64(2);
  const nll = mean(scored.nll, scored.size);
  list.estimate(place, `nll${suffix}`, 'nats', scored.tokens, nll);
  list.estimate(place, `perplexity${suffix}`, 'perplexity', scored.tokens, nll, exp64);
  list.estimate(place, `bits_per_byte${suffix}`, 'bits', scored.tokens, mean(scored.nll, scored.bytes), (nats) => nats * bits);
  if (suffix !== '') return;
  list.estimate(place, 'entropy', 'nats', scored.tokens, mean(scored.entropy, scored.size));
  // What is surprised as often as it expects to be is calibrated: 0. Above it, it is too sure.
  list.estimate(place, 'calibration_gap', 'nats', scored.tokens, mean(less(scored.nll, scored.entropy), scored.size));
}

/** ln(perplexity ratio) is delta_nll by definition; it has no row of its own. */
function comparison(list: MetricList, place: RowPlace, scored: FidelityClusters, suffix: string): void {
  list.estimate(place, `delta_nll${suffix}`, 'nats', scored.tokens, mean(scored.deltaNll, scored.size));
  list.estimate(place, `kl_mean${suffix}`, 'nats', scored.tokens, mean(scored.kl, scored.size));
}

function details(list: MetricList, place: RowPlace, scored: FidelityClusters): void {
  const { tokens, clusters, size } = scored;
  const share = (quantity: string, counts: Float64Array): void => list.estimate(place, quantity, 'share', tokens, mean(counts, size));
  share('top1_agreement', scored.sameTop1);
  share('right_to_wrong', scored.rightToWrong);
  share('wrong_to_right', scored.wrongToRight);
  share('delta_p_mean', scored.deltaPSum);
  list.estimate(place, 'delta_p_rms', 'share', tokens, mean(scored.deltaPSquared, size), (square) => Math.sqrt(Math.max(0, square)));
  list.estimate(place, 'entropy_shift', 'nats', tokens, mean(scored.entropyShift, size));
  list.estimate(place, 'calibration_shift', 'nats', tokens, mean(less(scored.deltaNll, scored.entropyShift), size));

  const shares = [['kl_median', 0.5], ['kl_p90', 0.9], ['kl_p95', 0.95], ['kl_p99', 0.99], ['kl_p999', 0.999]] as const;
  const stated = shares.filter(([name]) => name !== 'kl_p999' || tokens >= TOKENS_FOR_P999);
  if (stated.length < shares.length) list.omit('kl_p999', `it needs ${TOKENS_FOR_P999} positions, and there are ${tokens}`);
  percentiles(list, place, 'nats', scored.klAscending, scored.klCluster, clusters, stated);
  // A maximum grows with the sample: no interval.
  list.add(place, 'kl_max', 'nats', scored.klAscending.at(-1) ?? NaN, { n: tokens, clusters });

  const order = Array.from(scored.deltaP.keys()).sort((a, b) => scored.deltaP[a]! - scored.deltaP[b]! || scored.deltaPCluster[a]! - scored.deltaPCluster[b]!);
  percentiles(list, place, 'share', Float64Array.from(order, (i) => scored.deltaP[i]!), Int32Array.from(order, (i) => scored.deltaPCluster[i]!), clusters, DELTA_P);
}

const DELTA_P = [['delta_p_p01', 0.01], ['delta_p_p05', 0.05], ['delta_p_median', 0.5], ['delta_p_p95', 0.95], ['delta_p_p99', 0.99]] as const;

/** A percentile has no simple standard error: the interval is that of its resampled values. `stated`: names and levels, ascending. */
function percentiles(list: MetricList, place: RowPlace, unit: string, ascending: Float64Array, cluster: Int32Array, clusters: number, stated: readonly (readonly [name: string, level: number])[]): void {
  if (ascending.length === 0) return stated.forEach(([quantity]) => list.omit(quantity, 'there is nothing to average over'));
  const levels = stated.map(([, level]) => level);
  const again = clusters < LEAST_CLUSTERS_FOR_INTERVAL ? [] : resamples(clusters).slice(0, PERCENTILE_RESAMPLES).map(weightedQuantiles(ascending, cluster, levels));
  stated.forEach(([quantity, level], i) => {
    list.add(place, quantity, unit, sortedQuantile(ascending, level), { n: ascending.length, clusters }, percentileInterval(again.map((quantiles) => quantiles[i]!), INTERVAL_LEVEL));
  });
}

const less = (a: Float64Array, b: Float64Array): Float64Array => a.map((x, i) => x - b[i]!);

