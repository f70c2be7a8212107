/**
 * The null of equal size: what noise that is not quantization does to the quality of what is sampled.
 *
 * At a sample of positions the base's logits get independent Gaussian noise of one standard deviation sigma, chosen so
 * that the mean KL(base || noisy) over the sample equals that of the format. Its quality shift at each temperature, drawn many
 * times, is the band that a format's own shift has to leave before its form may be called a property of the format.
 */
import { normalRow } from './score-noise.ts';
import { argmax, expRow, logSumExp, softmaxMean } from './score-softmax.ts';

/** The sampled positions of one text: `count` rows of `vocabulary` values. */
export interface NullSample {
  readonly vocabulary: number;
  readonly count: number;
  /** Window of each position, ascending, and the position's index in the text: its noise's counter. */
  readonly window: Int32Array;
  readonly index: Int32Array;
  /** The base's logits and -log p_judge in nats, row after row. */
  readonly base: Float32Array;
  readonly judgeNll: Float32Array;
}

/** One format's logits at the sampled positions, and the temperatures asked for (none of them 0). */
export interface NullRequest { readonly logits: Float32Array; readonly temperatures: readonly number[] }

export interface NullResult {
  /** Standard deviation of the noise, in logits. */
  readonly sigma: number;
  /** Mean KL of the format and of the noise (over the draws of the search), nats. */
  readonly formatKl: number;
  readonly noiseKl: number;
  /** Per temperature and draw: the noise's quality shift per window, nats, summed over the window's sampled positions. */
  readonly draws: readonly (readonly (readonly number[])[])[];
}

/** Draws that the search for sigma averages over, and its steps: KL ~ sigma^2, so each step shrinks the miss by the KL's own size. */
const SEARCH_DRAWS = 2;
const SEARCH_STEPS = 4;

/** The results of each request over `windows` windows. `keys`: seed of the study and of the text; draw d uses (seed + d, text). */
export function nullShifts(sample: NullSample, requests: readonly NullRequest[], windows: number, drawCount: number, keys: { readonly seed: number; readonly text: number }): NullResult[] {
  const base = prepare(sample);
  const formatKl = requests.map((request) => meanKl(sample, base, request.logits));
  const { sigma, noiseKl } = search(sample, base, formatKl, keys);
  const temperatures = [...new Set(requests.flatMap((request) => request.temperatures))];
  const baseQuality = new Map(temperatures.map((t) => [t, Float64Array.from({ length: sample.count }, (_, i) => {
    const at = i * sample.vocabulary;
    return quality(sample, sample.base, at, largest(sample.base, at, sample.vocabulary), i, t);
  })]));
  const draws = requests.map(({ temperatures }) => temperatures.map(() =>
    Array.from({ length: drawCount }, () => new Array<number>(windows).fill(0))));
  eachNoise(sample, drawCount, keys, (draw, i, noise, noisy) => {
    requests.forEach(({ temperatures }, r) => {
      addNoise(sample, i, sigma[r]!, noise, noisy);
      const max = largest(noisy, 0, sample.vocabulary);
      temperatures.forEach((t, k) => {
        const sums = draws[r]![k]![draw]!;
        sums[sample.window[i]!] = sums[sample.window[i]!]! + quality(sample, noisy, 0, max, i, t) - baseQuality.get(t)![i]!;
      });
    });
  });
  return requests.map((_, r) => ({ sigma: sigma[r]!, formatKl: formatKl[r]!, noiseKl: noiseKl[r]!, draws: draws[r]! }));
}

/** The base's probabilities and log-sum-exp at each position. */
interface Prepared { readonly p: Float64Array; readonly lse: Float64Array; readonly scratch: Float64Array }

function prepare({ base, count, vocabulary }: NullSample): Prepared {
  const p = new Float64Array(count * vocabulary);
  const lse = new Float64Array(count);
  const scratch = new Float64Array(vocabulary);
  for (let i = 0; i < count; i++) {
    const at = i * vocabulary;
    const max = largest(base, at, vocabulary);
    const sum = expRow(base, at, vocabulary, max, 1, scratch);
    for (let v = 0; v < vocabulary; v++) p[at + v] = scratch[v]! / sum;
    lse[i] = logSumExp(max, sum);
  }
  return { p, lse, scratch };
}

function klAt(sample: NullSample, { p, lse, scratch }: Prepared, logits: Float32Array, at: number, i: number): number {
  const { base, vocabulary } = sample;
  const max = largest(logits, at, vocabulary);
  const shift = logSumExp(max, expRow(logits, at, vocabulary, max, 1, scratch)) - lse[i]!;
  let kl = 0;
  for (let v = 0, b = i * vocabulary; v < vocabulary; v++, b++) kl += p[b]! * (base[b]! - logits[at + v]! + shift);
  return kl;
}

function meanKl(sample: NullSample, base: Prepared, logits: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < sample.count; i++) sum += klAt(sample, base, logits, i * sample.vocabulary, i);
  return sum / sample.count;
}

/** sigma^2 is multiplied by target / reached until they agree; all formats in one pass over the noise per step. */
function search(sample: NullSample, base: Prepared, targets: readonly number[], keys: { readonly seed: number; readonly text: number }): { sigma: number[]; noiseKl: number[] } {
  // Second order: KL = sigma^2 / 2 * (1 - sum p^2); the last term is left to the search.
  const variance = targets.map((kl) => 2 * Math.max(kl, 0));
  let noiseKl = targets.map(() => 0);
  for (let step = 0; ; step++) {
    const sums = targets.map(() => 0);
    eachNoise(sample, SEARCH_DRAWS, keys, (_, i, noise, noisy) => {
      variance.forEach((v, r) => {
        addNoise(sample, i, Math.sqrt(v), noise, noisy);
        sums[r] = sums[r]! + klAt(sample, base, noisy, 0, i);
      });
    });
    noiseKl = sums.map((sum) => sum / (SEARCH_DRAWS * sample.count));
    if (step === SEARCH_STEPS) return { sigma: variance.map(Math.sqrt), noiseKl };
    noiseKl.forEach((kl, r) => { if (kl > 0) variance[r] = variance[r]! * (targets[r]! / kl); });
  }
}

function eachNoise(sample: NullSample, draws: number, keys: { readonly seed: number; readonly text: number }, use: (draw: number, i: number, noise: Float64Array, noisy: Float32Array) => void): void {
  const noise = new Float64Array(sample.vocabulary);
  const noisy = new Float32Array(sample.vocabulary);
  for (let draw = 0; draw < draws; draw++) {
    for (let i = 0; i < sample.count; i++) {
      normalRow(keys.seed + draw, keys.text, sample.index[i]!, noise);
      use(draw, i, noise, noisy);
    }
  }
}

/** noisy = base + sigma * noise, as fp32 logits. */
function addNoise({ base, vocabulary }: NullSample, i: number, sigma: number, noise: Float64Array, noisy: Float32Array): void {
  for (let v = 0, b = i * vocabulary; v < vocabulary; v++, b++) noisy[v] = base[b]! + sigma * noise[v]!;
}

/** Expected -log p_judge under softmax(logits / T) at position i, nats. `max`: the row's largest logit. */
function quality({ judgeNll, vocabulary }: NullSample, logits: Float32Array, at: number, max: number, i: number, temperature: number): number {
  return softmaxMean(logits, at, vocabulary, max, 1 / temperature, judgeNll, i * vocabulary);
}

const largest = (logits: Float32Array, at: number, count: number): number => logits[at + argmax(logits, at, count)]!;
