/** What our own engines are held to: that fewer bits gain speed where bytes have to be fetched, and only there. */
import type { Decision } from '../statistics/decide.ts';
import type { Timings } from './evidence.ts';
import { combined, enumerated, listed, sentence } from './combine.ts';
import { FAST_ENGINES, engineScope, speedRatio, speedSql, tooNoisy } from './speed.ts';
import type { Ratio } from './speed.ts';
import { weightsLie } from '../working-set.ts';
import type { Claim, Effect, Verdict } from './types.ts';

/** A ratio that counts as faster. */
const GAIN = 1.1;
/** Where the claim says something, and what. L3 lies between: shown. */
const SIDES: { readonly [level: string]: { readonly words: string; readonly margin: Pick<Effect, 'marginLow' | 'marginHigh'>; readonly faster: boolean } } = {
  memory: { words: 'in memory, beyond the caches', margin: { marginLow: GAIN }, faster: true },
  L2: { words: 'in L2', margin: { marginHigh: GAIN }, faster: false },
};

/** One model on one engine. */
interface Place { readonly model: string; readonly base: string; readonly timings: Timings; /** Undefined: of a GPU. */ readonly level: string | undefined }

export const fewerBits: Claim = {
  id: 'fewer-bits',
  title: '4-bit weights decode faster beyond the caches',
  source: 'this study',
  version: 'of its own engines',
  statement: 'With kernels that use the stored codes, 4-bit weights decode faster than fp16 where the fp16 weights exceed the caches, and not where they fit the cores\' own cache (L2).',
  operationalised: 'For each of our engines that is built for speed (native, fast) and each model: speed of nf4 over that of fp16 in the same blocks, one sequence, a token at a time. nf4 stands for all four 4-bit formats, '
    + 'which one kernel serves. Weights that lie in L3 are shown and not decided on: whether fetching from there bounds a kernel belongs to the processor.',
  test: 'Median of paired log ratios with an interval from order statistics, of level 1 - 0.05 / (number of models and engines that are decided on), because any of them may contradict; all must hold. '
    + 'No verdict where the A/A interval, shown under "int8 is slower", leaves 0.975 to 1.025.',
  margin: 'Beyond the caches a ratio above 1.1; in L2 one below 1.1.',
  marginReason: 'Fewer bytes can gain up to 16 / 4.5 = 3.6; a tenth is the least that a reader would trade quality for. Written with the rule, before it first saw a timing.',
  sql: speedSql("r.format = 'nf4' AND o.format = 'fp16' AND r.phase = 'decode'"),
  needs: ['timings', 'otherTimings'],
  formats: ['nf4'],
  decide(evidence) {
    const places = evidence.models.flatMap(({ name: model, base }) => evidence.timings(model)
      .filter((timings) => ['fp16', 'nf4'].every((format) => timings.samples.some((sample) => sample.format === format)))
      .map((timings): Place => ({ model, base, timings, level: weightsLie(heldWeights(timings), timings) })));
    const decidable = places.filter(({ timings, level }) => FAST_ENGINES.includes(timings.engine.name) && level !== undefined && level in SIDES);
    const level = 1 - 0.05 / Math.max(1, decidable.length);
    const effects: Effect[] = [];
    const parts: { readonly model: string; readonly format: string; readonly decision: Decision; readonly verdict: string }[] = [];
    for (const place of places) {
      const { model, timings: { engine } } = place;
      const ratio = speedRatio(place.timings, 'decode', 'nf4', 'fp16', { level });
      if (ratio === undefined) continue;
      const verdict = verdictAt(place, ratio);
      const side = sideOf(place);
      effects.push({
        part: `decode speed, nf4 / fp16, engine ${engine.name}, weights ${side?.words ?? (place.level === undefined ? 'on a GPU' : `in ${place.level}`)}`, model, format: 'nf4', value: ratio.value, ...ratio.bounds, level,
        ...side?.margin, unit: 'ratio', n: ratio.blocks, clusters: ratio.blocks, verdict,
      });
      if (decidable.includes(place)) parts.push({ model, format: engine.name, decision: verdict === 'too noisy' ? 'inconclusive' : verdict as Decision, verdict });
    }
    const lacking = Object.keys(SIDES).filter((side) => decidable.every((place) => place.level !== side));
    const levels = [...new Set(places.flatMap(({ level }) => level ?? []))];
    return {
      verdict: overall(parts, lacking),
      sentence: told(parts, lacking, places),
      wouldChange: 'A model whose weights exceed the caches and gain no tenth contradicts it, and so does one that fits L2 and gains a tenth; both kinds, timed quietly and as stated, support it.',
      scope: evidence.scope([engineScope(evidence), ...(levels.length === 0 ? [] : [`fp16 weights in ${enumerated(levels)}`])].filter((part) => part !== undefined).join(', ') || undefined),
      effects,
    };
  },
};

/** What a step reads in fp16. */
function heldWeights({ memory }: Timings): number {
  return (memory['fp16']?.['weights'] ?? 0) + (memory['fp16']?.['decodedCopies'] ?? 0);
}

const sideOf = ({ level }: Place): (typeof SIDES)[string] | undefined => (level === undefined ? undefined : SIDES[level]);

function verdictAt(place: Place, { bounds }: Ratio): string {
  const { base, timings } = place;
  const side = sideOf(place);
  if (!FAST_ENGINES.includes(timings.engine.name)) return `no verdict from ${timings.engine.name}`;
  if (side === undefined) return 'shown';
  if (tooNoisy(timings, base, 'decode')) return 'too noisy';
  if (bounds === undefined) return 'inconclusive';
  if (bounds.low >= GAIN) return side.faster ? 'supported' : 'contradicted';
  return bounds.high < GAIN ? (side.faster ? 'contradicted' : 'supported') : 'inconclusive';
}

function overall(parts: readonly { readonly decision: Decision; readonly verdict: string }[], lacking: readonly string[]): Verdict {
  const verdict = combined(parts);
  // One half alone can refute the whole, and cannot carry it.
  if (verdict === 'contradicted') return verdict;
  if (lacking.length > 0) return 'not testable here';
  return parts.every((part) => part.verdict === 'too noisy') ? 'too noisy' : verdict;
}

function told(parts: readonly { readonly model: string; readonly format: string; readonly decision: Decision }[], lacking: readonly string[], places: readonly Place[]): string {
  if (places.length === 0) return 'The study has not timed both nf4 and fp16.';
  if (places.every(({ timings }) => !FAST_ENGINES.includes(timings.engine.name))) return 'No engine that is built for speed was timed.';
  const half = lacking.length === 0 ? [] : [`no model of the study has fp16 weights ${lacking.map((side) => SIDES[side]!.words).join(' or ')}, so ${lacking.length === 1 ? 'half of the claim' : 'the claim'} cannot be tested here`];
  const decided = parts.length === 0 ? [] : [listed(parts, { supported: 'it is as stated for', contradicted: 'it is otherwise for', inconclusive: 'the timings do not decide for' })];
  return sentence([...half, ...decided].join('; '));
}
