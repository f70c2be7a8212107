import { SPEED_RULE, speedSql } from './speed.ts';
import { judgeStack } from './stack.ts';
import type { Claim } from './types.ts';

export const d: Claim = {
  id: 'd',
  title: 'int8 is slower',
  version: 'first version',
  statement: 'Inference with int8 (LLM.int8()) is significantly slower.',
  operationalised: 'For the source\'s stack: its own timing, as a peer; every model and phase must hold. For each of our engines: speed of int8 over that of the base in the same blocks.',
  ...SPEED_RULE,
  margin: 'A ratio below 1. No verdict when the A/A interval leaves 0.975 to 1.025, or from an engine that is not built for speed.',
  sql: speedSql("r.format = 'int8' AND o.format = m.base_format"),
  decide: (evidence) => judgeStack(evidence, (_, base, timed) => timed.includes('int8') ? [{ format: 'int8', other: base }] : [], true),
};
