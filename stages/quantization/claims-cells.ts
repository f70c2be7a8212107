/** The cells of the claims stage: claims:<claim>, each with the outputs that it needs and no others. */
import { cell, gather, output, stage } from '../dag/index.ts';
import type { Cell, GatherRef } from '../dag/index.ts';
import { claims } from './claims.ts';
import type { ClaimModel } from './claims/evidence.ts';
import type { Need } from './claims/types.ts';
import type { StudyModel } from './config.ts';
import type { SummarizedModel } from './summarize-cells.ts';

export const claimsStage = stage({
  name: 'claims',
  title: 'Decide the claims',
  determinism: 'exact',
  module: 'stages/quantization/claims.ts',
  outputs: ['claim'],
});

/** The cells of one model that claims rest on. */
export type ClaimedModel = Pick<SummarizedModel, 'quantized' | 'scored' | 'timed' | 'timedOthers'> & {
  readonly model: Pick<StudyModel, 'name' | 'baseFormat' | 'architecture' | 'parametersEstimate'>;
};

/** One cell per claim of the register. `formats`: the study's, in its order. */
export function claimCells(models: readonly ClaimedModel[], formats: readonly string[]): Cell[] {
  const described = models.map(({ model }): ClaimModel => ({ name: model.name, base: model.baseFormat, architecture: model.architecture, parameters: model.parametersEstimate }));
  return claims.map(({ id, needs, formats: looksAt = formats }) => {
    const own = formats.filter((format) => looksAt.includes(format));
    const scored = (quantity: string): GatherRef => gather(models.flatMap(({ scored: cells }) => cells
      .filter(({ params }) => params['quantity'] === quantity && own.includes(String(params['format'])) && (quantity !== 'sampling' || params['topK'] === 0))
      .map((from) => output(from))));
    const inputs: { readonly [need in Need]: () => GatherRef } = {
      fidelity: () => scored('fidelity'),
      sampling: () => scored('sampling'),
      nulls: () => scored('null'),
      timings: () => gather(models.map(({ timed }) => output(timed))),
      otherTimings: () => gather(models.flatMap(({ timedOthers }) => timedOthers.map((from) => output(from)))),
      sizes: () => gather(models.flatMap(({ quantized }) => [...quantized].filter(([format]) => own.includes(format)).map(([, from]) => output(from, 'report')))),
    };
    return cell(claimsStage, id, {
      params: { claim: id, models: described.map((model) => ({ ...model })), formats: own },
      inputs: Object.fromEntries(needs.map((need) => [need, inputs[need]()])),
      // Timings come last of all: claims that rest on none do not wait for them.
      batch: needs.includes('timings') ? 'timed' : 'claims',
      work: 0.5,
    });
  });
}
