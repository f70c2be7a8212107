/** The reference: every row by itself, as kernels/statistics.ts defines. It is the judge of the other implementations. */
import { log64 } from '../float64.ts';
import { checked } from '../statistics.ts';
import type { ComparedScores, NoiseRows, RowScores, Statistics } from '../statistics.ts';
import { normalRow } from './noise.ts';
import { SamplingComparer } from './sampling.ts';
import { argmax, expRow, logSumExp, softmaxMean } from './softmax.ts';

const largest = (logits: Float32Array, at: number, count: number): number => logits[at + argmax(logits, at, count)]!;

export const referenceStatistics: Statistics = checked({
  logSumExp(vocabulary, logits, lse) {
    const scratch = new Float64Array(vocabulary);
    for (let row = 0, at = 0; row < lse.length; row++, at += vocabulary) lse[row] = lseAt(logits, at, vocabulary, scratch);
  },

  fidelity(vocabulary, tokens, base, formats) {
    const [p, scratch] = [new Float64Array(vocabulary), new Float64Array(vocabulary)];
    for (let row = 0; row < tokens.length; row++) {
      const lse = scoreBase(vocabulary, tokens[row]!, base, row, p);
      for (const format of formats) scoreFormat(vocabulary, tokens[row]!, base.logits, lse, p, format, row, scratch);
    }
  },

  sampling(vocabulary, points, base, judge, formats) {
    const comparer = new SamplingComparer(vocabulary, points);
    const surprisal = new Float64Array(vocabulary);
    for (let at = 0; at < base.logits.length; at += vocabulary) {
      const lse = lseAt(judge, at, vocabulary, surprisal);
      for (let v = 0; v < vocabulary; v++) surprisal[v] = lse - judge[at + v]!;
      comparer.setBase(base.logits, at, surprisal, base.sums);
      for (const { logits, sums } of formats) comparer.addFormat(logits, at, sums);
    }
  },

  rowKl(vocabulary, base, logits, kl) {
    const comparer = new DividedKl(vocabulary);
    for (let row = 0, at = 0; row < kl.length; row++, at += vocabulary) {
      comparer.setBase(base, at);
      kl[row] = comparer.kl(logits, at);
    }
  },

  noiseKl(rows, sigmas, kl) {
    const comparer = new DividedKl(rows.vocabulary);
    eachNoise(rows, (row, noise, noisy) => {
      comparer.setBase(rows.base, row * rows.vocabulary);
      sigmas.forEach((sigma, s) => {
        addNoise(rows, row, sigma, noise, noisy);
        kl[s * rows.counters.length + row] = comparer.kl(noisy, 0);
      });
    });
  },

  noiseQuality(rows, weights, sigmas, temperatures, quality) {
    const { vocabulary, counters } = rows;
    eachNoise(rows, (row, noise, noisy) => {
      sigmas.forEach((sigma, s) => {
        addNoise(rows, row, sigma, noise, noisy);
        const max = largest(noisy, 0, vocabulary);
        temperatures.forEach((temperature, t) => {
          quality[(s * temperatures.length + t) * counters.length + row] = softmaxMean(noisy, 0, vocabulary, max, 1 / temperature, weights, row * vocabulary);
        });
      });
    });
  },
});

function lseAt(logits: Float32Array, at: number, vocabulary: number, scratch: Float64Array): number {
  const max = largest(logits, at, vocabulary);
  return logSumExp(max, expRow(logits, at, vocabulary, max, 1, scratch));
}

/** Fills `p` with the base's probabilities; returns its lse. */
function scoreBase(vocabulary: number, token: number, { logits, nll, entropy, top1 }: RowScores, row: number, p: Float64Array): number {
  const at = row * vocabulary;
  const top = argmax(logits, at, vocabulary);
  const max = logits[at + top]!;
  const sum = expRow(logits, at, vocabulary, max, 1, p);
  const inverse = 1 / sum;
  let below = 0;
  for (let v = 0; v < vocabulary; v++) {
    p[v] = p[v]! * inverse;
    below += p[v]! * (max - logits[at + v]!);
  }
  const lse = logSumExp(max, sum);
  nll[row] = lse - logits[at + token]!;
  entropy[row] = log64(sum) + below;
  top1[row] = top;
  return lse;
}

function scoreFormat(vocabulary: number, token: number, base: Float32Array, baseLse: number, p: Float64Array, { logits, nll, entropy, top1, kl }: ComparedScores, row: number, scratch: Float64Array): void {
  const at = row * vocabulary;
  const top = argmax(logits, at, vocabulary);
  const max = logits[at + top]!;
  const sum = expRow(logits, at, vocabulary, max, 1, scratch);
  const lse = logSumExp(max, sum);
  const inverse = 1 / sum;
  const shift = lse - baseLse;
  let below = 0;
  let divergence = 0;
  for (let v = 0; v < vocabulary; v++) {
    const z = logits[at + v]!;
    below += scratch[v]! * inverse * (max - z);
    divergence += p[v]! * (base[at + v]! - z + shift);
  }
  nll[row] = lse - logits[at + token]!;
  entropy[row] = log64(sum) + below;
  top1[row] = top;
  kl[row] = divergence;
}

/** KL(base || other) row by row, the base's probabilities divided by their sum. */
class DividedKl {
  readonly #p: Float64Array;
  readonly #scratch: Float64Array;
  #base: Float32Array = new Float32Array(0);
  #at = 0;
  #lse = 0;

  constructor(vocabulary: number) {
    this.#p = new Float64Array(vocabulary);
    this.#scratch = new Float64Array(vocabulary);
  }

  setBase(base: Float32Array, at: number): void {
    const p = this.#p;
    const max = largest(base, at, p.length);
    const sum = expRow(base, at, p.length, max, 1, p);
    for (let v = 0; v < p.length; v++) p[v] = p[v]! / sum;
    this.#lse = logSumExp(max, sum);
    this.#base = base;
    this.#at = at;
  }

  kl(logits: Float32Array, at: number): number {
    const [p, base, baseAt] = [this.#p, this.#base, this.#at];
    const shift = lseAt(logits, at, p.length, this.#scratch) - this.#lse;
    let kl = 0;
    for (let v = 0; v < p.length; v++) kl += p[v]! * (base[baseAt + v]! - logits[at + v]! + shift);
    return kl;
  }
}

/** Calls `use` with each row's noise, and with room for the noisy logits. */
function eachNoise({ vocabulary, counters, keys }: NoiseRows, use: (row: number, noise: Float64Array, noisy: Float32Array) => void): void {
  const [noise, noisy] = [new Float64Array(vocabulary), new Float32Array(vocabulary)];
  counters.forEach((counter, row) => {
    normalRow(keys[0], keys[1], counter, noise);
    use(row, noise, noisy);
  });
}

/** noisy = base + sigma * noise, rounded to fp32. */
function addNoise({ base, vocabulary }: NoiseRows, row: number, sigma: number, noise: Float64Array, noisy: Float32Array): void {
  for (let v = 0, b = row * vocabulary; v < vocabulary; v++, b++) noisy[v] = base[b]! + sigma * noise[v]!;
}
