import { bootstrap } from '../statistics/bootstrap.ts';
import { decide } from '../statistics/decide.ts';
import { mean } from '../statistics/estimate.ts';
import { combined, listed, sentence } from './combine.ts';
import { PLANNED } from './planned.ts';
import type { Part } from './combine.ts';
import type { Claim, Effect } from './types.ts';

/** ln 1.02. */
const MARGIN = 0.01980262729617973;

export const f: Claim = {
  id: 'f',
  title: 'Quantized models do as well as their base',
  version: 'first version',
  statement: 'Quantized models perform comparably to the unquantized models they were made of.',
  operationalised: 'The mean NLL of the texts rises by at most the margin, for int8 and every 4-bit format. Mean KL divergence is reported as fidelity and not decided on.',
  test: 'One-sided non-inferiority at 5 % (bootstrap-t of the paired difference, clustered by window); all formats must pass, Holm across models, for a contradiction across models and formats.',
  margin: 'Mean NLL higher by at most ln 1.02 = 0.0198 nat: perplexity higher by at most 2 %.',
  marginReason: `Two percent of perplexity is small beside what separates models of neighbouring sizes. ${PLANNED}`,
  sql: `SELECT model, format, (sum(nll) - sum(nll_base)) / count(*) AS nll_difference
FROM token_scores
WHERE position >= 32 AND format IN ('int8', 'nf4', 'fp4', 'nf4-dq', 'fp4-dq')
GROUP BY model, format
ORDER BY model, format`,
  needs: ['fidelity'],
  formats: ['int8', 'nf4', 'fp4', 'nf4-dq', 'fp4-dq'],
  decide(evidence) {
    const byFormat = evidence.formats.map((format) => evidence.models.flatMap(({ name: model }) => {
      const clusters = evidence.fidelity(model, format);
      return clusters ? [{ model, format, clusters, rise: bootstrap(mean(clusters.deltaNll, clusters.size)) }] : [];
    }));
    const decided = decide(byFormat.map((own) => ({ models: own.map(({ rise }) => rise), margin: { high: MARGIN } }))).flat();
    const parts: Part[] = [];
    const effects: Effect[] = [];
    byFormat.flat().forEach(({ model, format, clusters, rise }, i) => {
      const { decision, interval, level, neededClusters } = decided[i]!;
      parts.push({ model, format, decision });
      effects.push({
        part: 'rise of mean NLL over the base', model, format, value: rise.value, ...interval, level, marginHigh: MARGIN, unit: 'nats',
        n: clusters.tokens, clusters: clusters.clusters, verdict: decision, neededClusters,
      });
    });
    return {
      verdict: combined(parts),
      sentence: parts.length === 0 ? 'The study has scored no quantized format.'
        : sentence(listed(parts, { supported: 'the loss is below the margin for', contradicted: 'it is above the margin for', inconclusive: 'the windows do not decide for' })),
      wouldChange: 'An upper bound below the margin for every format and model would support it; a lower bound above it for one contradicts it.',
      scope: evidence.scope(),
      effects,
    };
  },
};
