import { enumerated } from './combine.ts';
import type { Claim, Effect } from './types.ts';

export const aMemory: Claim = {
  id: 'a-memory',
  title: 'nf4 and fp4 take the same memory',
  version: 'first version',
  statement: 'nf4 and fp4 are equally proficient in memory.',
  operationalised: 'Bytes of the quantized linear layers, counted.',
  test: 'None: both store 4 bits a weight and one scale a block.',
  margin: 'Equal bytes.',
  marginReason: 'Sizes are counted, not measured.',
  sql: `SELECT model, max(linear_bytes) FILTER (format = 'fp4') - max(linear_bytes) FILTER (format = 'nf4') AS difference_bytes
FROM artifacts
WHERE format IN ('nf4', 'fp4')
GROUP BY model
ORDER BY model`,
  needs: ['sizes'],
  formats: ['nf4', 'fp4'],
  decide(evidence) {
    const pairs = evidence.models.flatMap(({ name: model }) => {
      const [nf4, fp4] = [evidence.size(model, 'nf4'), evidence.size(model, 'fp4')];
      return nf4 && fp4 ? [{ model, n: nf4.linearWeights, difference: fp4.linearBytes - nf4.linearBytes }] : [];
    });
    const unequal = pairs.filter(({ difference }) => difference !== 0).map(({ model }) => model);
    return {
      verdict: pairs.length === 0 ? 'not testable here' : unequal.length === 0 ? 'by construction' : 'contradicted',
      sentence: pairs.length === 0 ? 'The study has not quantized to both nf4 and fp4.'
        : unequal.length === 0 ? 'Both formats store the same number of bits, so this is so by construction and no finding.'
        : `The sizes differ on ${enumerated(unequal)}.`,
      wouldChange: 'Another layout of one of the formats.',
      scope: evidence.scope(),
      effects: pairs.map(({ model, n, difference }): Effect => ({
        part: 'bytes of the linear layers, fp4 - nf4', model, format: 'fp4', value: difference, marginLow: 0, marginHigh: 0, unit: 'bytes', n, clusters: 1,
        verdict: difference === 0 ? 'by construction' : 'contradicted',
      })),
    };
  },
};
