/** Scores made to order, for tests of what is computed from scores. Plainly not results. */
import { threefry2x32 } from '../../kernels/index.ts';
import type { FidelityScores, NullScores, SamplingScores } from '../../stages/quantization/score-output.ts';

/** Uniform in (-1, 1), the same for the same numbers. */
export function wobble(seed: number, i: number): number {
  return ((threefry2x32(seed, 77, i, 0)[0] >>> 0) + 0.5) / 2147483648 - 1;
}

export interface Made { readonly model: string; readonly format: string; readonly text?: string; readonly windows?: number; readonly seed?: number }

/** Position p of every window has NLL 3 under the base; `rise` and `kl` are what the format adds on average, each spread by half of itself. */
export function madeFidelity({ model, format, text = 'noise', windows = 30, seed = 1 }: Made, { rise, kl }: { readonly rise: number; readonly kl: number }, positions = 71): FidelityScores {
  const n = windows * positions;
  const values = (of: (i: number) => number): Float64Array => Float64Array.from({ length: n }, (_, i) => of(i));
  const whole = (of: (i: number) => number): Int32Array => Int32Array.from({ length: n }, (_, i) => of(i));
  return {
    model, format, text, windows, positions,
    token: whole(() => 5), bytes: whole(() => 3), nllBase: values(() => 3), nll: values((i) => 3 + rise * (1 + wobble(seed, i) / 2)),
    kl: values((i) => kl * (1 + wobble(seed + 1, i) / 2)), entropyBase: values(() => 2), entropy: values(() => 2 + kl),
    // Every tenth argmax differs: half of these were right before, a quarter are right now.
    top1Base: whole((i) => (i % 20 === 0 ? 5 : 6)), top1: whole((i) => (i % 10 !== 0 ? 6 : i % 20 === 0 ? 7 : i % 40 === 10 ? 5 : 8)),
  };
}

export function madeSampling({ model, format, text = 'noise', windows = 30, seed = 1 }: Made, temperature: number, shift: number, { topK = 0, spread = 0.0005 }: { readonly topK?: number; readonly spread?: number } = {}): SamplingScores {
  const each = (of: (w: number) => number): number[] => Array.from({ length: windows }, (_, w) => of(w));
  return {
    model, format, text, temperature, topK, scoredTokens: each(() => 100), totalVariation: each((w) => 100 * (0.1 + 0.01 * wobble(seed, w))), outsideMass: each(() => topK > 0 ? 1 : 0),
    ...(topK > 0 ? {} : { qualityShift: each((w) => 100 * (shift + spread * wobble(seed, w))), baseEntropy: each((w) => 200 + w), baseQuality: each(() => 250) }),
  };
}

/** `changes`: per draw, by how much the shift at this temperature differs from nothing. */
export function madeNull({ model, format, text = 'noise', windows = 30 }: Made, temperature: number, changes: readonly number[]): NullScores {
  return {
    model, format, text, temperature, sigma: 0.1, formatKl: 0.01, noiseKl: 0.01, scoredTokens: new Array<number>(windows).fill(10),
    draws: changes.map((change) => new Array<number>(windows).fill(10 * change)),
  };
}
