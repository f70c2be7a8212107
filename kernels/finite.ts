/** Counting values that are not finite, by their bits. */
import { weightEncoder } from './weight-encoder.ts';

const EXPONENTS = { fp32: 0x7f80_0000, fp16: 0x7c00, bf16: 0x7f80 } as const;

const WORTH_A_CALL = 1 << 12;

/** How many elements are an infinity or NaN: those whose exponent is all ones. fp16 and bf16 are given as their bits. */
export function countNotFinite(elements: Float32Array | Uint16Array, type: 'fp32' | 'fp16' | 'bf16'): number {
  // Nearly always there is none, and compiled code sees that faster.
  if (elements.length >= WORTH_A_CALL && weightEncoder()?.allFinite({ elements, stored: type }) === true) return 0;
  const exponent = EXPONENTS[type];
  return elements instanceof Float32Array ? countWords(new Uint32Array(elements.buffer, elements.byteOffset, elements.length), exponent) : countHalves(elements, exponent);
}

// Two loops that look alike: one that meets both kinds of array looks at the kind of each element anew.

function countWords(bits: Uint32Array, exponent: number): number {
  let count = 0;
  for (let i = 0; i < bits.length; i++) if ((bits[i]! & exponent) === exponent) count++;
  return count;
}

function countHalves(bits: Uint16Array, exponent: number): number {
  let count = 0;
  for (let i = 0; i < bits.length; i++) if ((bits[i]! & exponent) === exponent) count++;
  return count;
}
