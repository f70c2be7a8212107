/** The scores of several texts as clusters: one window is one cluster. Only positions with at least CONTEXT_TOKENS of context. */
import { exp64 } from '../../kernels/float64.ts';
import { CONTEXT_TOKENS } from './score-output.ts';
import type { FidelityScores, SamplingScores } from './score-output.ts';

export interface FidelityClusters {
  readonly clusters: number;
  readonly tokens: number;
  /** Per cluster: positions and their UTF-8 bytes. */
  readonly size: Float64Array;
  readonly bytes: Float64Array;
  /** Per cluster, summed over positions; nats, or counts. */
  readonly nllBase: Float64Array;
  readonly nll: Float64Array;
  readonly deltaNll: Float64Array;
  readonly kl: Float64Array;
  readonly sameTop1: Float64Array;
  readonly rightToWrong: Float64Array;
  readonly wrongToRight: Float64Array;
  /** p(token) under the format - under the base, and its square. */
  readonly deltaPSum: Float64Array;
  readonly deltaPSquared: Float64Array;
  readonly entropy: Float64Array;
  readonly entropyShift: Float64Array;
  /** Every position's KL, ascending, with its cluster. */
  readonly klAscending: Float64Array;
  readonly klCluster: Int32Array;
  /** p(token) under the format less that under the base, position by position, with the position's cluster. */
  readonly deltaP: Float64Array;
  readonly deltaPCluster: Int32Array;
}

/** `leastContext`: positions with fewer tokens before them are left out. */
export function fidelityClusters(texts: readonly FidelityScores[], leastContext = CONTEXT_TOKENS): FidelityClusters {
  const clusters = texts.reduce((sum, { windows }) => sum + windows, 0);
  const sums = (): Float64Array => new Float64Array(clusters);
  const all = {
    size: sums(), bytes: sums(), nllBase: sums(), nll: sums(), deltaNll: sums(), kl: sums(), sameTop1: sums(),
    rightToWrong: sums(), wrongToRight: sums(), deltaPSum: sums(), deltaPSquared: sums(), entropy: sums(), entropyShift: sums(),
  };
  const each: { readonly kl: number; readonly deltaP: number; readonly cluster: number }[] = [];
  let cluster = 0;
  for (const scores of texts) {
    for (let window = 0; window < scores.windows; window++, cluster++) {
      const add = (to: Float64Array, value: number): void => { to[cluster] = to[cluster]! + value; };
      for (let index = Math.max(0, leastContext - 1); index < scores.positions; index++) {
        const i = window * scores.positions + index;
        const [nllBase, nll, kl, token, base, top] = [scores.nllBase[i]!, scores.nll[i]!, scores.kl[i]!, scores.token[i]!, scores.top1Base[i]!, scores.top1[i]!];
        const deltaP = exp64(-nll) - exp64(-nllBase);
        add(all.size, 1);
        add(all.bytes, scores.bytes[i]!);
        add(all.nllBase, nllBase);
        add(all.nll, nll);
        add(all.deltaNll, nll - nllBase);
        add(all.kl, kl);
        if (top === base) add(all.sameTop1, 1);
        else if (base === token) add(all.rightToWrong, 1);
        else if (top === token) add(all.wrongToRight, 1);
        add(all.deltaPSum, deltaP);
        add(all.deltaPSquared, deltaP * deltaP);
        add(all.entropy, scores.entropy[i]!);
        add(all.entropyShift, scores.entropy[i]! - scores.entropyBase[i]!);
        each.push({ kl, deltaP, cluster });
      }
    }
  }
  const [deltaP, deltaPCluster] = [Float64Array.from(each, (one) => one.deltaP), Int32Array.from(each, (one) => one.cluster)];
  each.sort((a, b) => a.kl - b.kl || a.cluster - b.cluster);
  return { clusters, tokens: each.length, ...all, klAscending: Float64Array.from(each, ({ kl }) => kl), klCluster: Int32Array.from(each, (one) => one.cluster), deltaP, deltaPCluster };
}

export interface SamplingClusters {
  readonly clusters: number;
  readonly tokens: number;
  readonly size: Float64Array;
  readonly totalVariation: Float64Array;
  readonly outsideMass: Float64Array;
  readonly qualityShift: Float64Array | undefined;
  readonly baseEntropy: Float64Array | undefined;
  readonly baseQuality: Float64Array | undefined;
}

export function samplingClusters(texts: readonly SamplingScores[]): SamplingClusters {
  const joined = (of: (text: SamplingScores) => readonly number[] | undefined): Float64Array | undefined =>
    texts.every((text) => of(text) !== undefined) ? Float64Array.from(texts.flatMap((text) => of(text)!)) : undefined;
  const size = joined((text) => text.scoredTokens)!;
  return {
    clusters: size.length, tokens: size.reduce((sum, n) => sum + n, 0), size,
    totalVariation: joined((text) => text.totalVariation)!, outsideMass: joined((text) => text.outsideMass)!,
    qualityShift: joined((text) => text.qualityShift), baseEntropy: joined((text) => text.baseEntropy), baseQuality: joined((text) => text.baseQuality),
  };
}
