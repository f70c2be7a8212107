/** What a format costs in bytes, from the report of quantize. */
import type { MetricList, RowPlace } from './summarize-rows.ts';

/** The part of quantize's report that is read here. `other`: embeddings, norms and the head, which stay in the checkpoint's type. */
export interface WeightsReport { readonly linearWeights: number; readonly linearBytes: number; readonly otherWeights: number; readonly otherBytes: number }

export function summarizeWeights(list: MetricList, place: RowPlace, { linearWeights, linearBytes, otherWeights, otherBytes }: WeightsReport): void {
  const weights = linearWeights + otherWeights;
  const bytes = linearBytes + otherBytes;
  list.add(place, 'bits_per_weight_linear', 'bits', (8 * linearBytes) / linearWeights, { n: linearWeights });
  list.add(place, 'bits_per_weight_model', 'bits', (8 * bytes) / weights, { n: weights });
  list.add(place, 'weight_bytes', 'bytes', bytes, { n: weights });
}
