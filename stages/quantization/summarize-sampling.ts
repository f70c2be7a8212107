/** What a format does to the sampler's distribution at one (temperature, top_k); of the base, that distribution's own entropy and quality. */
import { samplingClusters } from './score-clusters.ts';
import type { SamplingScores } from './score-output.ts';
import { mean } from './statistics/estimate.ts';
import type { MetricList, RowPlace } from './summarize-rows.ts';

export function summarizeSampling(list: MetricList, place: RowPlace, isBase: boolean, texts: readonly SamplingScores[]): void {
  const { size, tokens, ...sums } = samplingClusters(texts);
  const add = (quantity: string, unit: string, values: Float64Array | undefined): void => {
    if (values) list.estimate(place, quantity, unit, tokens, mean(values, size));
  };
  if (isBase) {
    add('base_entropy', 'nats', sums.baseEntropy);
    add('base_quality', 'nats', sums.baseQuality);
    return;
  }
  add('total_variation', 'share', sums.totalVariation);
  if (place.top_k !== 0) add('outside_mass', 'share', sums.outsideMass);
  add('quality_shift', 'nats', sums.qualityShift);
}
