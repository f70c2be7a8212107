import type { Claim } from './types.ts';

export const b2: Claim = {
  id: 'b2',
  title: 'Which 4-bit format holds up better depends on the family',
  version: 'later version',
  statement: 'At low temperature nf4 holds up better in the llama2 family, fp4 and fp4-dq in the falcon family.',
  operationalised: 'The quality shift at low temperatures, nf4 against fp4 and fp4-dq, in models of both families.',
  test: 'As claim b, within each family.',
  margin: '0.002 nat.',
  marginReason: 'As claim b.',
  sql: `SELECT model, format, sum(quality_shift) / sum(scored_tokens) AS quality_shift
FROM sampling_windows
WHERE top_k = 0 AND temperature BETWEEN 0.1 AND 0.5 AND format IN ('nf4', 'fp4', 'fp4-dq')
GROUP BY model, format
ORDER BY model, format`,
  needs: [],
  decide: (evidence) => ({
    verdict: 'not testable here',
    sentence: evidence.models.some(({ architecture }) => architecture === 'falcon')
      ? 'The claim speaks of the llama2 and falcon families. The study has models of Falcon; of those of Llama architecture config.json does not say which are Llama 2, so nothing is decided by family.'
      : 'The claim speaks of the llama2 and falcon families; the study has no models of them.',
    wouldChange: 'Models of both families in data/study.yaml, and a test that is told which belong to which.',
    scope: evidence.scope(),
    effects: [],
  }),
};
