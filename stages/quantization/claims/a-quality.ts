import { bootstrap } from '../statistics/bootstrap.ts';
import { decide } from '../statistics/decide.ts';
import { PLANNED } from './planned.ts';
import type { Decided } from '../statistics/decide.ts';
import { logRatio, mean } from '../statistics/estimate.ts';
import { exp64 } from '../../../kernels/float64.ts';
import { allOf, combined, listed, sentence } from './combine.ts';
import { log } from './evidence.ts';
import type { Claim, Effect } from './types.ts';

/** As logarithms, decided on; shown as ratios. */
const RATIO = { low: 0.8, high: 1.25 };
const NLL = { low: -0.01, high: 0.01 };

export const aQuality: Claim = {
  id: 'a-quality',
  title: 'nf4 and fp4 write equally well',
  version: 'first version',
  statement: 'nf4 and fp4 are equally proficient in the quality of what the models write.',
  operationalised: 'Two quantities of the same positions under both formats: the ratio of their mean KL divergence from the base, and the difference of their mean NLL. Both must lie within the margin.',
  test: 'Two one-sided tests at 5 % for each quantity (bootstrap-t clustered by window), Holm across models, for a contradiction across models and quantities.',
  margin: 'KL ratio fp4 / nf4 within 0.8 to 1.25; NLL difference within 0.01 nat.',
  marginReason: `0.8 to 1.25 are the customary bounds of equivalence for a ratio; 0.01 nat is one percent of perplexity. ${PLANNED}`,
  sql: `SELECT model,
  sum(kl) FILTER (format = 'fp4') / sum(kl) FILTER (format = 'nf4') AS kl_ratio,
  (sum(nll) FILTER (format = 'fp4') - sum(nll) FILTER (format = 'nf4')) / count(*) FILTER (format = 'nf4') AS nll_difference
FROM token_scores
WHERE position >= 32 AND format IN ('nf4', 'fp4')
GROUP BY model
ORDER BY model`,
  needs: ['fidelity'],
  formats: ['nf4', 'fp4'],
  decide(evidence) {
    const pairs = evidence.models.flatMap(({ name: model }) => {
      const [nf4, fp4] = [evidence.fidelity(model, 'nf4'), evidence.fidelity(model, 'fp4')];
      return nf4 && fp4 ? [{ model, nf4, fp4 }] : [];
    });
    const ratios = pairs.map(({ nf4, fp4 }) => bootstrap(logRatio(fp4.kl, nf4.kl, log)));
    const differences = pairs.map(({ nf4, fp4 }) => bootstrap(mean(fp4.nll.map((nll, c) => nll - nf4.nll[c]!), nf4.size)));
    const [byRatio, byNll] = decide([{ models: ratios, margin: { low: log(RATIO.low), high: log(RATIO.high) } }, { models: differences, margin: NLL }]) as [Decided[], Decided[]];
    const parts = pairs.map(({ model }, i) => ({ model, decision: allOf([byRatio[i]!.decision, byNll[i]!.decision]) }));
    const effects = pairs.flatMap(({ model, nf4 }, i): Effect[] => {
      const common = { model, format: 'fp4', n: nf4.tokens, clusters: nf4.clusters };
      const [ratio, nll] = [byRatio[i]!, byNll[i]!];
      return [
        {
          ...common, part: 'ratio of mean KL, fp4 / nf4', value: exp64(ratios[i]!.value), low: ratio.interval && exp64(ratio.interval.low), high: ratio.interval && exp64(ratio.interval.high),
          level: ratio.level, marginLow: RATIO.low, marginHigh: RATIO.high, unit: 'ratio', verdict: ratio.decision, neededClusters: ratio.neededClusters,
        },
        {
          ...common, part: 'difference of mean NLL, fp4 - nf4', value: differences[i]!.value, ...nll.interval, level: nll.level,
          marginLow: NLL.low, marginHigh: NLL.high, unit: 'nats', verdict: nll.decision, neededClusters: nll.neededClusters,
        },
      ];
    });
    return {
      verdict: combined(parts),
      sentence: parts.length === 0 ? 'The study has not scored both nf4 and fp4.'
        : sentence(listed(parts, { supported: 'the two are alike within the margins on', contradicted: 'they differ by more than a margin on', inconclusive: 'the windows do not decide for' })),
      wouldChange: 'Intervals of both quantities inside their margins on every model would support it; one wholly outside contradicts it.',
      scope: evidence.scope(),
      effects,
    };
  },
};
