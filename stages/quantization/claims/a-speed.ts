import { engineScope, speedEffects, speedSql } from './speed.ts';
import type { Claim } from './types.ts';

export const aSpeed: Claim = {
  id: 'a-speed',
  title: 'nf4 and fp4 are equally fast',
  version: 'first version',
  statement: 'nf4 and fp4 are equally proficient in inference speed.',
  operationalised: 'Speed of fp4 over that of nf4 in the same blocks.',
  test: 'None: our engines run one kernel for both.',
  margin: 'The same kernel.',
  marginReason: 'What one kernel does for both cannot differ but by noise.',
  sql: speedSql("r.format = 'fp4' AND o.format = 'nf4'"),
  needs: ['timings', 'otherTimings'],
  decide(evidence) {
    const effects = speedEffects(evidence, (_, __, timed) => timed.includes('nf4') && timed.includes('fp4') ? [{ format: 'fp4', other: 'nf4' }] : [], false)
      .map((effect) => ({ ...effect, verdict: effect.format === 'fp4' ? 'by construction' : 'shown' }));
    return {
      verdict: effects.length === 0 ? 'not testable here' : 'by construction',
      sentence: effects.length === 0 ? 'The study has not timed both nf4 and fp4.'
        : 'The same kernel computes both formats, so this is so by construction and no finding; the ratios show the noise of the timings.',
      wouldChange: 'A kernel of its own for one of the formats.',
      scope: evidence.scope(engineScope(evidence)),
      effects,
    };
  },
};
