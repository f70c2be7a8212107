/** bf16: the upper half of an fp32, rounded to nearest even. Part `bits`: 16 bits per weight, row-major. */
import type { Format } from '../formats.ts';
import { fromBf16, toBf16 } from '../half.ts';
import { checkedValues, convertStored, elementsOf, finiteBits, partOf } from './parts.ts';

export const bf16: Format = {
  name: 'bf16',
  title: '16-bit brain float',
  family: 'base',
  product: 'weights',
  nominalBitsPerWeight: 16,
  layout: [{ part: 'bits', dtype: 'BF16', what: 'upper half of IEEE binary32', bits: 16, perWeights: 1 }],
  // 8 significant bits, so half a unit is at most 2^-8 of the value; fp32's exponents, so denormals have a fixed unit of 2^-133 (9.2e-41).
  tolerance: { relative: 1 / 0x100, within: 'value', absolute: 4.6e-41 },

  encode(tensor) {
    const bits = finiteBits(tensor.name, 'bf16', toBf16(checkedValues(tensor)));
    return { name: tensor.name, format: 'bf16', shape: tensor.shape, parts: { bits } };
  },

  encodeStored: (stored) => convertStored(stored, 'bf16'),

  partLengths: (shape) => ({ bits: elementsOf(shape) }),

  decode(encoded) {
    return fromBf16(partOf(encoded, 'bits', Uint16Array, elementsOf(encoded.shape)));
  },
};
