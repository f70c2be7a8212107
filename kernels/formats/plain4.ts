/** The 4-bit formats with one fp32 absmax per block, given their table. */
import type { EncodedTensor, Format, TableCodes } from '../formats.ts';
import { blockSizeFrom, blockSizeOf, blocksOf, decodeTableCodes, DEFAULT_BLOCK_SIZE, encodeBlocks, encodeStoredBlocks, type CodeTable } from './blockwise4.ts';
import { checkedValues, elementsOf, partLength, partOf } from './parts.ts';

/** The format `name`, whose largest error is `relativeError` of a block's absmax. */
export function plain4(name: 'nf4' | 'fp4', title: string, table: CodeTable, relativeError: number): Format {
  return {
    name,
    title,
    family: name,
    product: 'weights',
    nominalBitsPerWeight: 4 + 32 / DEFAULT_BLOCK_SIZE,
    layout: [
      { part: 'codes', dtype: 'U8', what: 'index into the 16-entry table; two per byte, the even element in the high nibble', bits: 4, perWeights: 1 },
      { part: 'absmax', dtype: 'F32', what: 'largest magnitude of the block, fp32', bits: 32, perWeights: DEFAULT_BLOCK_SIZE },
    ],
    // Blocks whose absmax is below 1e-38 do not reach the ends of the table.
    tolerance: { relative: relativeError, within: 'block', absolute: 1e-38 },

    encode(tensor, options) {
      const { codes, absmax } = encodeBlocks(checkedValues(tensor), table, blockSizeFrom(options));
      return { name: tensor.name, format: name, shape: tensor.shape, parts: { codes, absmax } };
    },

    encodeStored(stored, options) {
      const parts = encodeStoredBlocks(stored, table, blockSizeFrom(options));
      return parts && { name: stored.name, format: name, shape: stored.shape, parts };
    },

    partLengths(shape, options) {
      const elements = elementsOf(shape);
      return { codes: Math.ceil(elements / 2), absmax: blocksOf(elements, blockSizeFrom(options)) };
    },

    decode: (encoded) => decodeTableCodes(partsOf(encoded, table), encoded.shape),
    tableCodes: (encoded) => partsOf(encoded, table),
  };
}

function partsOf(encoded: EncodedTensor, { values }: CodeTable): TableCodes {
  const elements = elementsOf(encoded.shape);
  const codes = partOf(encoded, 'codes', Uint8Array, Math.ceil(elements / 2));
  const blockSize = blockSizeOf(encoded.name, elements, partLength(encoded, 'absmax'));
  const scales = partOf(encoded, 'absmax', Float32Array, blocksOf(elements, blockSize));
  return { codes, scales, expanded: false, table: values, blockSize };
}
