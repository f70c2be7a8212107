/**
 * The null of equal size: what noise that is not quantization does to the quality of what is sampled.
 *
 * At a sample of positions the base's logits get independent Gaussian noise of one standard deviation sigma, chosen so
 * that the mean KL(base || noisy) over the sample equals that of the format. Its quality shift at each temperature, drawn many
 * times, is the band that a format's own shift has to leave before its form may be called a property of the format.
 *
 * Draws come in pairs, noise and the same noise with its sign turned (antithetic variates: J. M. Hammersley and K. W. Morton, Mathematical
 * Proceedings of the Cambridge Philosophical Society 52 (1956) 449-475). What noise does in proportion to its size cancels in a pair, so the mean of
 * the draws is far closer to what it estimates than that of as many unrelated ones; each draw by itself is as likely as any other; and a pair's noise is made once.
 */
import type { NoiseRows, Statistics } from '../../kernels/statistics.ts';

/** The sampled positions of one text: `count` rows of `vocabulary` values. */
export interface NullSample {
  readonly vocabulary: number;
  readonly count: number;
  /** Window of each position, ascending, and the position's index in the text: its noise's counter. */
  readonly window: Int32Array;
  readonly index: Int32Array;
  /** The base's logits and the judge's, row after row. */
  readonly base: Float32Array;
  readonly judge: Float32Array;
}

/** One format's logits at the sampled positions, and the temperatures asked for (none of them 0). */
export interface NullRequest { readonly logits: Float32Array; readonly temperatures: readonly number[] }

export interface NullResult {
  /** Standard deviation of the noise, in logits. */
  readonly sigma: number;
  /** Mean KL of the format and of the noise (over the pair of the search), nats. */
  readonly formatKl: number;
  readonly noiseKl: number;
  /** Per temperature and draw: the noise's quality shift per window, nats, summed over the window's sampled positions. */
  readonly draws: readonly (readonly (readonly number[])[])[];
}

/** Steps of the search for sigma, over the first pair of draws: KL ~ sigma^2, so each step shrinks the miss by the KL's own size. */
const SEARCH_STEPS = 3;

/** Seed of the study and of the text; draws 2 p and 2 p + 1 use (seed + p, text), the latter with the other sign. */
export interface NullKeys { readonly seed: number; readonly text: number }

/** The results of each request over `windows` windows. */
export function nullShifts(statistics: Statistics, sample: NullSample, requests: readonly NullRequest[], windows: number, drawCount: number, keys: NullKeys): NullResult[] {
  const formatKl = requests.map(({ logits }) => meanKl(statistics, sample, logits));
  const { sigma, noiseKl } = search(statistics, sample, formatKl, keys);
  const temperatures = [...new Set(requests.flatMap((request) => request.temperatures))];
  const quality = qualities(statistics, sample, Float64Array.from(temperatures));
  const baseQuality = quality(noiseRows(sample, keys, 0), [0]); // without noise
  const draws = requests.map((request) => request.temperatures.map(() => Array.from({ length: drawCount }, () => new Array<number>(windows).fill(0))));
  for (let draw = 0; draw < drawCount; draw += 2) {
    const signs = draw + 1 < drawCount ? [1, -1] : [1];
    const noisy = quality(noiseRows(sample, keys, draw / 2), signs.flatMap((sign) => sigma.map((each) => sign * each)));
    signs.forEach((_, turned) => requests.forEach((request, r) => request.temperatures.forEach((temperature, k) => {
      const sums = draws[r]![k]![draw + turned]!;
      const t = temperatures.indexOf(temperature);
      for (let i = 0; i < sample.count; i++) {
        const window = sample.window[i]!;
        sums[window] = sums[window]! + noisy[((turned * requests.length + r) * temperatures.length + t) * sample.count + i]! - baseQuality[t * sample.count + i]!;
      }
    })));
  }
  return requests.map((_, r) => ({ sigma: sigma[r]!, formatKl: formatKl[r]!, noiseKl: noiseKl[r]!, draws: draws[r]! }));
}

/** The sampled positions with the noise of one pair of draws. */
function noiseRows({ vocabulary, base, index }: NullSample, { seed, text }: NullKeys, pair: number): NoiseRows {
  return { vocabulary, base, counters: index, keys: [seed + pair, text] };
}

/** Expected -log p_judge under softmax(noisy logits / T), nats: [sigma][temperature][position]. */
function qualities(statistics: Statistics, { vocabulary, count, judge }: NullSample, temperatures: Float64Array): (rows: NoiseRows, sigmas: readonly number[]) => Float64Array {
  const lse = new Float64Array(count);
  statistics.logSumExp(vocabulary, judge, lse);
  const surprisal = judge.map((z, i) => lse[Math.floor(i / vocabulary)]! - z);
  return (rows, sigmas) => {
    const quality = new Float64Array(sigmas.length * temperatures.length * count);
    statistics.noiseQuality(rows, surprisal, Float64Array.from(sigmas), temperatures, quality);
    return quality;
  };
}

function meanKl(statistics: Statistics, { vocabulary, count, base }: NullSample, logits: Float32Array): number {
  const kl = new Float64Array(count);
  statistics.rowKl(vocabulary, base, logits, kl);
  return kl.reduce((sum, each) => sum + each, 0) / count;
}

/** sigma^2 is multiplied by target / reached until they agree; all formats over the same noise. */
function search(statistics: Statistics, sample: NullSample, targets: readonly number[], keys: NullKeys): { sigma: number[]; noiseKl: number[] } {
  // Second order: KL = sigma^2 / 2 * (1 - sum p^2); the last term is left to the search.
  const variance = targets.map((kl) => 2 * Math.max(kl, 0));
  const rows = noiseRows(sample, keys, 0);
  const kl = new Float64Array(2 * targets.length * sample.count);
  for (let step = 0; ; step++) {
    const sigma = variance.map(Math.sqrt);
    statistics.noiseKl(rows, Float64Array.from([...sigma, ...sigma.map((each) => -each)]), kl);
    const sums = targets.map(() => 0);
    kl.forEach((each, i) => { sums[Math.floor(i / sample.count) % targets.length]! += each; });
    const noiseKl = sums.map((sum) => sum / (2 * sample.count));
    if (step === SEARCH_STEPS) return { sigma, noiseKl };
    noiseKl.forEach((each, r) => { if (each > 0) variance[r] = variance[r]! * (targets[r]! / each); });
  }
}
