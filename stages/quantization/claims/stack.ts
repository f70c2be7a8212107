/** Claims about the source's stack: decided on its own timings, where it ran as a peer; else not testable here, with our engines' ratios shown. */
import { combined, enumerated, listed, sentence } from './combine.ts';
import type { Decision } from '../statistics/decide.ts';
import type { Evidence, Timings } from './evidence.ts';
import { engineScope, PHASES, speedEffects, speedRatio, tooNoisy } from './speed.ts';
import type { Pairs } from './speed.ts';
import type { Effect, Judgement } from './types.ts';

/** Name of the peer that is the source's stack. */
export const STACK = 'transformers';
const STACK_WORDS = 'transformers with bitsandbytes';

/**
 * `slower`: whether the claim says that a pair's first format is slower than its second, or faster. On the stack every model, phase and pair must
 * hold and any may contradict, so the intervals have level 1 - 0.05 / (how many there are).
 */
export function judgeStack(evidence: Evidence, pairs: Pairs, slower: boolean): Judgement {
  const ours = speedEffects(evidence, pairs, slower);
  const parts = partsOf(evidence, pairs);
  if (parts.length === 0) {
    return {
      verdict: 'not testable here',
      sentence: `The source speaks of its own stack, ${STACK_WORDS} on a GPU, which did not run here; our timings are shown, not decided on.`,
      wouldChange: `Timings of ${STACK_WORDS} in the same blocks.`,
      scope: evidence.scope(engineScope(evidence)),
      effects: ours,
    };
  }
  const level = 1 - 0.05 / parts.length;
  const decided = parts.flatMap((part) => {
    const ratio = speedRatio(part.timings, part.phase, part.format, part.other, { level });
    if (ratio === undefined) return [];
    const { bounds } = ratio;
    const noisy = tooNoisy(part.timings, part.base, part.phase);
    const below = bounds !== undefined && bounds.high < 1, above = bounds !== undefined && bounds.low >= 1;
    const decision: Decision = noisy || !(below || above) ? 'inconclusive' : below === slower ? 'supported' : 'contradicted';
    const effect: Effect = {
      part: `${part.phase} speed, ${part.format} / ${part.other}, peer ${STACK}`, model: part.model, format: part.format, value: ratio.value, ...bounds, level, unit: 'ratio', n: ratio.blocks, clusters: ratio.blocks,
      ...(slower ? { marginHigh: 1 } : { marginLow: 1 }), verdict: noisy ? 'too noisy' : decision,
    };
    return [{ model: part.model, format: `${part.phase} of ${part.format} against ${part.other}`, decision, noisy, effect }];
  });
  const verdict = combined(decided);
  return {
    verdict: verdict === 'inconclusive' && decided.every(({ decision, noisy }) => decision === 'supported' || noisy) ? 'too noisy' : verdict,
    sentence: sentence(`on ${STACK_WORDS} it ${listed(decided, { supported: 'holds for', contradicted: 'fails for', inconclusive: 'is open for' })}`),
    wouldChange: 'Another device, another version of the stack, another model size, or a quieter machine.',
    scope: evidence.scope(scopeOf(parts.map(({ timings }) => timings))),
    effects: [...decided.map(({ effect }) => effect), ...ours],
  };
}

interface Part { readonly timings: Timings; readonly model: string; readonly base: string; readonly phase: string; readonly format: string; readonly other: string }

function partsOf(evidence: Evidence, pairs: Pairs): Part[] {
  return evidence.models.flatMap(({ name: model, base }) => {
    const timings = evidence.peerTimings(model, STACK);
    if (timings === undefined) return [];
    const timed = [...new Set(timings.samples.map(({ format }) => format))];
    return PHASES.flatMap((phase) => pairs(model, base, timed).map(({ format, other }) => ({ timings, model, base, phase, format, other })));
  });
}

function scopeOf(all: readonly Timings[]): string {
  const each = (of: (timings: Timings) => string): string => enumerated([...new Set(all.map(of))]);
  return `${STACK_WORDS} on ${each(({ engine }) => engine.peer!.device)}, ${each(({ engine }) => engine.peer!.settings)}, prompts of ${each(({ promptTokens }) => String(promptTokens))} tokens, one sequence, threads: ${each(({ threads }) => String(threads))}`;
}
