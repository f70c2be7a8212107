/** Counting values that are not finite, by their bits. */

const EXPONENTS = { fp32: 0x7f80_0000, fp16: 0x7c00, bf16: 0x7f80 } as const;

/** How many elements are an infinity or NaN: those whose exponent is all ones. fp16 and bf16 are given as their bits. */
export function countNotFinite(elements: Float32Array | Uint16Array, type: 'fp32' | 'fp16' | 'bf16'): number {
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
