/** Statistics by compiled C: what kernels/c/statistics-node.h exports, in the contract's clothes. */
import { checked } from '../statistics.ts';
import type { NoiseRows, RowScores, Statistics } from '../statistics.ts';
import { FRACTIONS } from './softmax.ts';

/** fractions, vocabulary, rows, base, counters, keys. */
type NoiseArguments = [Float64Array, number, number, Float32Array, Int32Array, Int32Array];
/** logits, nll, entropy, top1; and kl of a format. */
type ScoreArrays = readonly [Float32Array, Float64Array, Float64Array, Int32Array, ...Float64Array[]];

/** kernels/c/statistics-node.h says what each argument is. */
export interface StatisticsExports {
  logSumExp(fractions: Float64Array, vocabulary: number, rows: number, logits: Float32Array, lse: Float64Array): void;
  fidelity(fractions: Float64Array, vocabulary: number, rows: number, tokens: Int32Array, base: ScoreArrays, formats: readonly ScoreArrays[]): void;
  sampling(
    fractions: Float64Array, vocabulary: number, rows: number, temperatures: Float64Array, topKs: Int32Array, base: Float32Array, judge: Float32Array,
    entropy: Float64Array, quality: Float64Array, formats: readonly (readonly [Float32Array, Float64Array, Float64Array, Float64Array])[],
  ): void;
  rowKl(fractions: Float64Array, vocabulary: number, rows: number, base: Float32Array, logits: Float32Array, kl: Float64Array): void;
  noiseKl(...rest: [...NoiseArguments, sigmas: Float64Array, kl: Float64Array]): void;
  noiseQuality(...rest: [...NoiseArguments, sigmas: Float64Array, weights: Float32Array, temperatures: Float64Array, quality: Float64Array]): void;
}

export function nativeStatistics(native: StatisticsExports): Statistics {
  const noise = ({ vocabulary, base, counters, keys }: NoiseRows): NoiseArguments =>
    [FRACTIONS, vocabulary, counters.length, base, counters, Int32Array.from(keys, (key) => key | 0)];
  const scores = ({ logits, nll, entropy, top1 }: RowScores): ScoreArrays => [logits, nll, entropy, top1];
  return checked({
    logSumExp: (vocabulary, logits, lse) => native.logSumExp(FRACTIONS, vocabulary, lse.length, logits, lse),
    fidelity: (vocabulary, tokens, base, formats) =>
      native.fidelity(FRACTIONS, vocabulary, tokens.length, tokens, scores(base), formats.map((format) => [...scores(format), format.kl])),
    sampling(vocabulary, points, base, judge, formats) {
      native.sampling(
        FRACTIONS, vocabulary, base.logits.length / vocabulary, Float64Array.from(points, ({ temperature }) => temperature), Int32Array.from(points, ({ topK }) => topK),
        base.logits, judge, base.sums.entropy, base.sums.quality,
        formats.map(({ logits, sums }) => [logits, sums.totalVariation, sums.outsideMass, sums.qualityShift]),
      );
    },
    rowKl: (vocabulary, base, logits, kl) => native.rowKl(FRACTIONS, vocabulary, kl.length, base, logits, kl),
    noiseKl: (rows, sigmas, kl) => native.noiseKl(...noise(rows), sigmas, kl),
    noiseQuality: (rows, weights, sigmas, temperatures, quality) => native.noiseQuality(...noise(rows), sigmas, weights, temperatures, quality),
  });
}
