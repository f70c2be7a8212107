/** Ratios of speed out of a model's randomised blocks, and when they may carry a verdict. */
import { exp64 } from '../../../kernels/float64.ts';
import type { Interval } from '../statistics/bootstrap.ts';
import { median, medianInterval } from '../statistics/median.ts';
import { pairedLogRatios, rates } from '../summarize-speed.ts';
import { enumerated } from './combine.ts';
import { PLANNED } from './planned.ts';
import type { Evidence, Timings } from './evidence.ts';
import type { Effect } from './types.ts';

/** The A/A pair's interval must stay within 2.5 %, or the machine was too noisy for a verdict. */
const NOISE = { low: 0.975, high: 1.025 };
/** Engines whose speed says something about formats. The others are there for their bits. */
export const FAST_ENGINES: readonly string[] = ['native', 'fast'];
export const PHASES = ['prefill', 'decode'] as const;

/** The pairs of formats that a claim compares on a model, of those that were timed. */
export type Pairs = (model: string, base: string, timed: readonly string[]) => readonly { readonly format: string; readonly other: string }[];

export interface Ratio { readonly value: number; readonly bounds: Interval | undefined; readonly blocks: number }

/** Speed of `format` over that of `other`: the median of the blocks' paired ratios with its interval. */
export function speedRatio(timings: Timings, phase: string, format: string, other: string, { pair = 'A', level = 0.95 } = {}): Ratio | undefined {
  const logs = pairedLogRatios(rates(timings, format, phase, pair), rates(timings, other, phase));
  if (logs.length === 0) return undefined;
  const bounds = medianInterval(logs, level);
  return { value: exp64(median(logs)), bounds: bounds && { low: exp64(bounds.low), high: exp64(bounds.high) }, blocks: logs.length };
}

/** What may be said of our own engine: whether `within` holds of the ratio, where the engine and the noise allow a verdict. */
function ownVerdict(timings: Timings, base: string, phase: string, { bounds }: Ratio, slower: boolean): string {
  if (!FAST_ENGINES.includes(timings.engine.name)) return `no verdict from ${timings.engine.name}`;
  if (tooNoisy(timings, base, phase)) return 'too noisy';
  if (bounds === undefined) return 'inconclusive';
  if (bounds.high < 1) return slower ? 'supported' : 'contradicted';
  return bounds.low >= 1 ? (slower ? 'contradicted' : 'supported') : 'inconclusive';
}

/** Whether the base differs from itself by so much that nothing is said of this phase. */
export function tooNoisy(timings: Timings, base: string, phase: string): boolean {
  const same = speedRatio(timings, phase, base, base, { pair: 'A2' });
  return same?.bounds === undefined || same.bounds.low < NOISE.low || same.bounds.high > NOISE.high;
}

/** Effects for "`format` is slower than `other`" (or, with slower false, faster) on every model, engine and phase, with the A/A pair beside them. */
export function speedEffects(evidence: Evidence, pairs: Pairs, slower: boolean): Effect[] {
  return evidence.models.flatMap(({ name: model, base }) => evidence.timings(model).flatMap((timings) => {
    const timed = [...new Set(timings.samples.map(({ format }) => format))];
    return PHASES.flatMap((phase) => {
      const effects = pairs(model, base, timed).flatMap(({ format, other }): Effect[] => {
        const ratio = speedRatio(timings, phase, format, other);
        return ratio ? [effect(`${phase} speed, ${format} / ${other}, engine ${timings.engine.name}`, model, format, ratio, ownVerdict(timings, base, phase, ratio, slower))] : [];
      });
      const noise = speedRatio(timings, phase, base, base, { pair: 'A2' });
      return effects.length === 0 || noise === undefined ? effects
        : [...effects, { ...effect(`${phase} speed, ${base} / itself, engine ${timings.engine.name}`, model, base, noise, 'shown'), marginLow: NOISE.low, marginHigh: NOISE.high }];
    });
  }));
}

function effect(part: string, model: string, format: string, { value, bounds, blocks }: Ratio, verdict: string): Effect {
  return { part, model, format, value, ...bounds, level: 0.95, unit: 'ratio', n: blocks, clusters: blocks, verdict };
}

/** 'engines native and fast, prompts of 128 tokens, one sequence, 2 threads', of the timings there are. */
export function engineScope(evidence: Evidence): string | undefined {
  const timings = evidence.models.flatMap(({ name }) => evidence.timings(name));
  const names = [...new Set(timings.map(({ engine }) => engine.name))];
  if (names.length === 0) return undefined;
  const each = (of: (timed: Timings) => number): string => enumerated([...new Set(timings.map(of))].map(String));
  const threads = each((timed) => timed.threads);
  return `${names.length === 1 ? 'engine' : 'engines'} ${enumerated(names)}, prompts of ${each(({ promptTokens }) => promptTokens)} tokens, one sequence, ${threads} ${threads === '1' ? 'thread' : 'threads'}`;
}

/** The paired log ratios of speed as SQL: `condition` picks the pairs (r over o). */
export function speedSql(condition: string): string {
  return `WITH rate AS (
  SELECT model, engine, machine, format, phase, block, tokens / duration_ms AS rate
  FROM speed_samples
  WHERE pair = 'A'
)
SELECT r.model, r.engine, r.machine, r.phase, r.format, o.format AS other, exp(median(ln(r.rate) - ln(o.rate))) AS ratio
FROM rate r JOIN rate o USING (model, engine, machine, phase, block) JOIN models m USING (model)
WHERE ${condition}
GROUP BY r.model, r.engine, r.machine, r.phase, r.format, o.format
ORDER BY r.model, r.engine, r.machine, r.phase, r.format, o.format`;
}

/** What every claim about speed says of how it is decided. */
export const SPEED_RULE = {
  test: 'Median of paired log ratios with a 95 % interval from order statistics; an A/A pair in each block shows the noise.',
  marginReason: `Speed belongs to a stack: another kernel may turn the order round. ${PLANNED}`,
  needs: ['timings', 'otherTimings'],
} as const;
