/** Claims e and e2: that an unquantized 16-bit type is the fastest. */
import { SPEED_RULE, speedSql } from './speed.ts';
import { judgeStack } from './stack.ts';
import type { Claim } from './types.ts';

function claim(id: string, version: string, fastest: 'fp16' | 'bf16', name: string): Claim {
  return {
    id,
    title: `Unquantized ${name} is the fastest`,
    version,
    statement: `Unquantized ${name} models give the fastest inference at every size.`,
    operationalised: `For the source's stack: its own timing, as a peer. For each of our engines: speed of ${fastest} over that of every other format in the same blocks.`,
    ...SPEED_RULE,
    margin: 'A ratio of at least 1 against every format. No verdict when the A/A interval leaves 0.975 to 1.025, or from an engine that is not built for speed.',
    sql: speedSql(`r.format = '${fastest}' AND o.format <> '${fastest}'`),
    decide: (evidence) => judgeStack(evidence, (_, __, timed) => timed.includes(fastest) ? timed.filter((other) => other !== fastest).map((other) => ({ format: fastest, other })) : [], false),
  };
}

export const e = claim('e', 'first version', 'fp16', 'fp16');
export const e2 = claim('e2', 'later version', 'bf16', 'bfloat16');
