/**
 * Rotary position embedding: the table of cosines and sines that every engine reads (Su et al., arXiv 2104.09864; frequencies
 * and their fp32 steps as Hugging Face transformers computes them). Kernels never compute an angle.
 */
import { pow64, sinCos64 } from './float64.ts';

const { fround } = Math;

/**
 * inv_freq[i] = 1 / theta^(2i / dim), in fp32 steps: the exponent, the power and the reciprocal are rounded each. The two
 * roundings at the end are transformers' own; the once-rounded value would differ in 10 of 32 entries (theta 10000, dim 64).
 */
export function inverseFrequencies(theta: number, dim: number): Float32Array {
  const frequencies = new Float32Array(dim / 2);
  for (let i = 0; i < frequencies.length; i++) frequencies[i] = 1 / fround(pow64(theta, fround((2 * i) / dim)));
  return frequencies;
}

export interface RotaryTables {
  /** [positions, halfDim], row-major; so is `sin`. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly positions: number;
  readonly halfDim: number;
}

/** The tables of these frequencies: cos and sin of fl32(position inv_freq), in float64, rounded once. */
export function rotaryTablesOf(frequencies: Float32Array, positions: number): RotaryTables {
  const halfDim = frequencies.length;
  const cos = new Float32Array(positions * halfDim);
  const sin = new Float32Array(positions * halfDim);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < halfDim; i++) {
      const angle = sinCos64(fround(position * frequencies[i]!));
      cos[position * halfDim + i] = angle.cos;
      sin[position * halfDim + i] = angle.sin;
    }
  }
  return { cos, sin, positions, halfDim };
}

/** `dim` is the even number of elements of a head that turn. */
export function rotaryTables(theta: number, dim: number, positions: number): RotaryTables {
  return rotaryTablesOf(inverseFrequencies(theta, dim), positions);
}
