import { band } from '../statistics/band.ts';
import { bootstrap, interval, pLess, pMore } from '../statistics/bootstrap.ts';
import { PLANNED } from './planned.ts';
import type { Interval } from '../statistics/bootstrap.ts';
import { ALPHA, LEAST_CLUSTERS } from '../statistics/decide.ts';
import type { Decision } from '../statistics/decide.ts';
import { logRatio, mean } from '../statistics/estimate.ts';
import { holm } from '../statistics/holm.ts';
import { combined, listed, sentence } from './combine.ts';
import { log } from './evidence.ts';
import type { Claim, Effect } from './types.ts';

const MARGIN = 0.002;

const beyond = (own: Interval | undefined): string => own !== undefined && (own.low > MARGIN || own.high < -MARGIN) ? 'beyond the margin' : 'not beyond the margin';

export const b: Claim = {
  id: 'b',
  title: 'nf4 and fp4 respond differently to temperature',
  version: 'first version',
  statement: 'nf4 and fp4 behave differently when the temperature varies, in smaller and larger models.',
  operationalised: 'The profile of the quality shift over temperature, less its mean over temperature, differs between the two formats. A larger error alone also makes profiles differ: where size is all, the log ratio of total variation, shown beside it, is the same at every temperature.',
  test: 'Simultaneous band over all temperatures above 0 (largest |t| of the bootstrap, paired, clustered by window) against the margin, Holm across models.',
  margin: '0.002 nat at any temperature.',
  marginReason: `A fifth of the margin of claim a: a shape must be visible well below what counts as a difference in level. ${PLANNED}`,
  sql: `WITH shift AS (
  SELECT model, temperature,
    sum(quality_shift) FILTER (format = 'fp4') / sum(scored_tokens) FILTER (format = 'fp4')
      - sum(quality_shift) FILTER (format = 'nf4') / sum(scored_tokens) FILTER (format = 'nf4') AS difference
  FROM sampling_windows
  WHERE top_k = 0 AND temperature > 0 AND format IN ('nf4', 'fp4')
  GROUP BY model, temperature
)
SELECT model, temperature, difference - avg(difference) OVER (PARTITION BY model) AS centred_difference
FROM shift
ORDER BY model, temperature`,
  needs: ['sampling'],
  formats: ['nf4', 'fp4'],
  decide(evidence) {
    const profiles = evidence.models.flatMap(({ name: model }) => {
      const [nf4, fp4] = [evidence.sampling(model, 'nf4'), evidence.sampling(model, 'fp4')];
      const temperatures = [...nf4.keys()].filter((t) => fp4.has(t));
      if (temperatures.length < 2) return [];
      const size = nf4.get(temperatures[0]!)!.size;
      const differences = temperatures.map((t) => fp4.get(t)!.qualityShift!.map((shift, c) => shift - nf4.get(t)!.qualityShift![c]!));
      const average = size.map((_, c) => differences.reduce((sum, own) => sum + own[c]!, 0) / temperatures.length);
      const points = differences.map((own) => mean(own.map((value, c) => value - average[c]!), size));
      return [{
        model, temperatures, clusters: size.length, tokens: nf4.get(temperatures[0]!)!.tokens, curve: band(points), each: points.map(bootstrap),
        ratios: temperatures.map((t) => bootstrap(logRatio(fp4.get(t)!.totalVariation, nf4.get(t)!.totalVariation, log))),
      }];
    });
    const outside = holm(profiles.map(({ curve }) => curve?.pBeyond(MARGIN) ?? 1), ALPHA);
    // Inside everywhere: every temperature's own test must hold, so none is corrected.
    const inside = holm(profiles.map(({ each }) => Math.max(...each.map((point) => Math.max(pLess(point, MARGIN), pMore(point, -MARGIN))))), ALPHA);
    const effects: Effect[] = [];
    const parts = profiles.map(({ model, temperatures, clusters, tokens, curve, ratios }, i) => {
      const enough = clusters >= LEAST_CLUSTERS && curve !== undefined;
      const decision: Decision = !enough ? 'inconclusive' : outside[i]!.rejected ? 'supported' : inside[i]!.rejected ? 'contradicted' : 'inconclusive';
      const level = 1 - outside[i]!.alpha;
      const intervals = curve?.intervals(level);
      temperatures.forEach((t, k) => {
        const common = { model, format: 'fp4', n: tokens, clusters };
        effects.push({
          ...common, part: `T ${t}: quality shift fp4 - nf4, less its mean over T`, value: curve?.values[k] ?? 0, ...intervals?.[k], level,
          marginLow: -MARGIN, marginHigh: MARGIN, unit: 'nats', verdict: beyond(intervals?.[k]),
        });
        effects.push({ ...common, part: `T ${t}: log ratio of total variation, fp4 / nf4`, value: ratios[k]!.value, ...interval(ratios[k]!, 0.95), level: 0.95, unit: 'log ratio', verdict: 'shown' });
      });
      return { model, decision };
    });
    return {
      verdict: combined(parts),
      sentence: parts.length === 0 ? 'The study has not scored nf4 and fp4 at two temperatures above 0.'
        : sentence(listed(parts, { supported: 'less their means, the profiles differ by more than the margin (which a larger error alone can do) on', contradicted: 'they are alike within the margin on', inconclusive: 'the windows do not decide for' })),
      wouldChange: 'A simultaneous band that leaves the margin at some temperature on every model would support it; one that stays inside at all temperatures on a model contradicts it there.',
      scope: evidence.scope(),
      effects,
    };
  },
};
