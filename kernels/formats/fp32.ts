/** fp32: the values as they are. Part `values`: one little-endian IEEE binary32 per weight, row-major. */
import type { Format } from '../formats.ts';
import { checkedValues, convertStored, elementsOf, partOf } from './parts.ts';

export const fp32: Format = {
  name: 'fp32',
  title: '32-bit float',
  family: 'base',
  product: 'weights',
  nominalBitsPerWeight: 32,
  layout: [{ part: 'values', dtype: 'F32', what: 'IEEE binary32', bits: 32, perWeights: 1 }],
  tolerance: { relative: 0, within: 'value', absolute: 0 },

  encode(tensor) {
    const values = checkedValues(tensor);
    return { name: tensor.name, format: 'fp32', shape: tensor.shape, parts: { values } };
  },

  encodeStored: (stored) => convertStored(stored, 'fp32'),

  partLengths: (shape) => ({ values: elementsOf(shape) }),

  decode(encoded) {
    return partOf(encoded, 'values', Float32Array, elementsOf(encoded.shape));
  },
};
