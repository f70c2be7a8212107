/** fp16: rounded to IEEE binary16. Part `bits`: 16 bits per weight, row-major. */
import type { Format } from '../formats.ts';
import { fromFp16, toFp16 } from '../half.ts';
import { checkedValues, convertStored, elementsOf, finiteBits, partOf } from './parts.ts';

export const fp16: Format = {
  name: 'fp16',
  title: '16-bit float (IEEE binary16)',
  family: 'base',
  product: 'weights',
  nominalBitsPerWeight: 16,
  layout: [{ part: 'bits', dtype: 'F16', what: 'IEEE binary16', bits: 16, perWeights: 1 }],
  // 11 significant bits, so half a unit is at most 2^-11 of the value; denormals have a fixed unit of 2^-24.
  tolerance: { relative: 1 / 0x800, within: 'value', absolute: 0.5 / 0x1000000 },

  encode(tensor) {
    const bits = finiteBits(tensor.name, 'fp16', toFp16(checkedValues(tensor)));
    return { name: tensor.name, format: 'fp16', shape: tensor.shape, parts: { bits } };
  },

  encodeStored: (stored) => convertStored(stored, 'fp16'),

  partLengths: (shape) => ({ bits: elementsOf(shape) }),

  decode(encoded) {
    return fromFp16(partOf(encoded, 'bits', Uint16Array, elementsOf(encoded.shape)));
  },
};
