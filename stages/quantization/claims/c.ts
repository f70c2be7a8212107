/** Claims c1 and c2: the same rule over two ranges of temperature. */
import { bootstrap, interval, pMore } from '../statistics/bootstrap.ts';
import type { Bootstrapped } from '../statistics/bootstrap.ts';
import { ALPHA, LEAST_CLUSTERS, needed } from '../statistics/decide.ts';
import type { Decision } from '../statistics/decide.ts';
import { mean } from '../statistics/estimate.ts';
import { holm } from '../statistics/holm.ts';
import { median } from '../statistics/median.ts';
import type { SamplingClusters } from '../score-clusters.ts';
import { leastClearExcess } from './beyond-noise.ts';
import type { Excess } from './beyond-noise.ts';
import { combined, enumerated, listed, sentence } from './combine.ts';
import type { Part } from './combine.ts';
import type { Evidence } from './evidence.ts';
import type { Claim, Effect, Judgement } from './types.ts';

/** A smaller change is no sensitivity worth the name. As in claim b. */
const MARGIN = 0.002;
const FOUR_BIT = ['nf4', 'fp4', 'nf4-dq', 'fp4-dq'];
const FINER = ['int8', 'bf16'];

interface Range { readonly id: string; readonly version: string; readonly low: number; readonly high: number; readonly statement: string }

/** What each cluster adds to the change of the quality shift between two temperatures. */
interface Change { readonly sums: Float64Array; readonly size: Float64Array; readonly tokens: number; readonly from: number; readonly to: number }

/** The pair of temperatures between which a format's quality shift changes most, from the lower shift to the higher. It is chosen on the sample, as the null chooses its own. */
function largestChange(profile: ReadonlyMap<number, SamplingClusters>): Change {
  const points = [...profile].map(([t, at]) => ({ t, at, shift: at.qualityShift!.reduce((sum, x) => sum + x, 0) / at.tokens }));
  const lowest = points.reduce((a, b) => (b.shift < a.shift ? b : a));
  const highest = points.reduce((a, b) => (b.shift > a.shift ? b : a));
  return {
    sums: highest.at.qualityShift!.map((x, c) => x - lowest.at.qualityShift![c]!), size: highest.at.size, tokens: highest.at.tokens, from: lowest.t, to: highest.t,
  };
}

/** The largest change of a profile by temperature that goes the same way, rising or falling from colder to hotter; below 0 where none does. */
function largestThatWay(shifts: readonly number[], rises: boolean): number {
  const changes = shifts.flatMap((colder, i) => shifts.slice(i + 1).map((hotter) => rises ? hotter - colder : colder - hotter));
  return Math.max(...changes);
}

interface Compared {
  readonly model: string;
  readonly format: string;
  readonly change: Change;
  readonly own: Bootstrapped;
  /** p-value of "changes no more than a finer format". */
  readonly pNotLarger: number;
  readonly excess: Excess;
  /** This format's change less that of a finer format. */
  readonly over: readonly { readonly than: string; readonly by: Bootstrapped }[];
  /** The largest change under each draw of noise of equal size that goes the format's way, nats: noise that goes the other way does something else. */
  readonly nulls: readonly number[];
}

function compare(evidence: Evidence, model: string, format: string, { low, high }: Range): Compared | undefined {
  const profile = evidence.sampling(model, format, low, high);
  const draws = evidence.nullDraws(model, format, low, high);
  if (profile.size < 2 || draws.length === 0 || draws[0]!.length < 2) return undefined;
  const change = largestChange(profile);
  const over = FINER.flatMap((than) => {
    const finer = evidence.sampling(model, than, low, high);
    if (finer.size < 2) return [];
    const less = largestChange(finer);
    return [{ than, by: bootstrap(mean(change.sums.map((x, c) => x - less.sums[c]!), change.size)) }];
  });
  return over.length === 0 ? undefined : {
    model, format, change, own: bootstrap(mean(change.sums, change.size)), over, nulls: draws.map((shifts) => largestThatWay(shifts, change.to > change.from)),
    pNotLarger: Math.max(...over.map(({ by }) => pMore(by, 0))), excess: leastClearExcess(profile, evidence.nullSums(model, format, low, high), MARGIN),
  };
}

function judge(evidence: Evidence, range: Range): Judgement {
  const parts: Part[] = [];
  /** Inconclusive, though the change is larger than in the finer formats: noise does the same. */
  const asNoise: Part[] = [];
  const effects: Effect[] = [];
  const finer = new Set<string>();
  const byFormat = evidence.formats.filter((name) => FOUR_BIT.includes(name)).map((format) => evidence.models.flatMap(({ name }) => compare(evidence, name, format, range) ?? []));
  // One exception contradicts, so this is corrected across all that could be one.
  const none = holm(byFormat.flat().map(({ excess }) => excess.p), ALPHA);
  let next = 0;
  for (const compared of byFormat) {
    // Larger than in every finer format and above the null's draws: all must hold.
    const larger = holm(compared.map(({ pNotLarger }) => pNotLarger), ALPHA);
    compared.forEach(({ model, format, change, own, over, nulls, excess }, i) => {
      const unchanged = none[next++]!;
      const band = { low: Math.min(...nulls), high: Math.max(...nulls) };
      const enough = own.clusters >= LEAST_CLUSTERS;
      const decision: Decision = !enough ? 'inconclusive'
        // First: a change that is clearly below the margin supports nothing, even where it is as clearly not 0.
        : unchanged.rejected ? 'contradicted'
        : larger[i]!.rejected && own.value > band.high ? 'supported' : 'inconclusive';
      const part = { model, format, decision };
      parts.push(part);
      if (decision === 'inconclusive' && enough && larger[i]!.rejected) asNoise.push(part);
      const common = { model, format, unit: 'nats', n: change.tokens, clusters: own.clusters };
      effects.push({
        ...common, part: `largest change of the quality shift, from T ${change.from} to T ${change.to}`, value: own.value, ...interval(own, 0.9), level: 0.9, verdict: decision,
      });
      for (const { than, by } of over) {
        finer.add(than);
        const level = 1 - 2 * larger[i]!.alpha;
        const isLarger = pMore(by, 0) <= larger[i]!.alpha;
        effects.push({
          ...common, part: `that change less ${than}'s`, value: by.value, ...interval(by, level), level, marginLow: 0, verdict: isLarger ? 'larger' : 'not larger',
          neededClusters: isLarger || by.value < 0 ? undefined : needed(by, level, { low: 0 }),
        });
      }
      effects.push({
        ...common, part: `largest change that way under noise of equal size: median of ${nulls.length} draws, and the least and the most`, value: median(nulls), ...band,
        verdict: own.value > band.high ? 'the format changes more' : 'the format changes no more',
      });
      const level = 1 - 2 * unchanged.alpha;
      effects.push({
        ...common, part: 'change beyond the mean of noise that way, between the two temperatures where it is least clearly below the margin',
        value: excess.value.value, ...interval(excess.value, level), level, marginHigh: MARGIN, verdict: unchanged.rejected ? 'below the margin' : 'not below the margin',
        neededClusters: unchanged.rejected || excess.value.value > MARGIN ? undefined : needed(excess.value, level, { high: MARGIN }),
      });
    });
  }
  return {
    verdict: combined(parts),
    sentence: parts.length === 0 ? `The study lacks what this needs: a 4-bit format, int8 or bf16, nulls, and two temperatures from ${range.low} to ${range.high}.`
      : sentence([
        listed(parts.filter((part) => !asNoise.includes(part)), {
          supported: `the quality shift changes more than in ${enumerated([...finer])} and more than under noise of equal size for`,
          contradicted: 'beyond what noise of equal size explains the quality shift changes by less than the margin for',
          inconclusive: 'the windows do not decide for',
        }),
        listed(asNoise, { supported: '', contradicted: '', inconclusive: `the quality shift changes more than in ${enumerated([...finer])}, but no more than under noise of equal size, for` }),
      ].filter((text) => text !== '').join('; ')),
    wouldChange: 'A change larger than in the finer formats and above every draw of the null, for every 4-bit format and model, would support it; for one of them a change beyond that of noise that is below the margin between every two temperatures contradicts it.',
    scope: evidence.scope(),
    effects,
  };
}

function claim(range: Range): Claim {
  return {
    id: range.id,
    title: `4-bit models are more sensitive at temperatures of ${range.low} to ${range.high}`,
    version: range.version,
    statement: range.statement,
    operationalised: `Sensitivity is the largest change of the quality shift between two temperatures from ${range.low} to ${range.high}. It must exceed that of int8 and bf16, and the largest change that noise on the base's logits with the same mean KL divergence makes the same way, rising or falling with temperature.`,
    test: 'One-sided bootstrap-t of the paired difference to each finer format at 5 %, Holm across models; and above all draws of the null, whose changes count with their sign (at every 12th position, which widens their band). For a contradiction, between every two temperatures the change less the mean of the draws\' that way, or the change itself where noise goes the other way, below 0.002 nat: one-sided bootstrap-t by window, the smaller of the two by the joint distribution of both (Westfall and Young), Holm across models and formats. It is looked for first.',
    margin: 'Larger than in the finer formats, and above every draw of the null; a change of less than 0.002 nat beyond noise counts as none.',
    marginReason: 'Any damage changes with temperature: only what noise of the same size does not do belongs to 4-bit formats. To exceed the finer formats and the null was set before the first result, in the plan of the study; what counts as no change was settled after a first look at results. So was that noise counts with its sign: its largest change either way was compared before, and then noise that falls with temperature by as much as a format rises hid that the two do opposite things. So was that a contradiction needs a change below 0.002 nat only beyond what noise makes the same way, and that it is looked for before support: until then a format that did just what noise does could not contradict, and one with a clear change below the margin could support. Neither changed a verdict of the results that were known.',
    sql: `WITH shift AS (
  SELECT model, format, temperature, sum(quality_shift) / sum(scored_tokens) AS shift
  FROM sampling_windows
  WHERE top_k = 0 AND temperature BETWEEN ${range.low} AND ${range.high} AND format IN ('nf4', 'fp4', 'nf4-dq', 'fp4-dq', 'int8', 'bf16')
  GROUP BY model, format, temperature
)
SELECT model, format, max(shift) - min(shift) AS largest_change
FROM shift
GROUP BY model, format
ORDER BY model, format`,
    needs: ['sampling', 'nulls'],
    formats: [...FOUR_BIT, ...FINER],
    decide: (evidence) => judge(evidence, range),
  };
}

export const c1 = claim({ id: 'c1', version: 'first version', low: 0.1, high: 0.5, statement: '4-bit models of all sizes are more sensitive to lower temperatures than unquantized ones.' });
export const c2 = claim({ id: 'c2', version: 'later version', low: 0.5, high: 0.8, statement: '4-bit models of all sizes are more sensitive to temperatures of 0.5 to 0.8 than unquantized ones.' });
