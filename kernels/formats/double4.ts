/**
 * The 4-bit formats whose absmax values are quantized too ("double quantization", arXiv 2305.14314, section 3): the mean is taken
 * off, and what remains is stored in 8-bit codes of the dynamic map with one fp32 scale per 256 blocks.
 */
import type { EncodedTensor, Format, TableCodes } from '../formats.ts';
import { NotFinite } from '../ops.ts';
import { blockSizeFrom, blockSizeOf, blocksOf, decodeTableCodes, DEFAULT_BLOCK_SIZE, encodeBlocks, encodeStoredBlocks, type CodeTable } from './blockwise4.ts';
import { decodeDynamic, encodeDynamic } from './dynamic-map.ts';
import { checkedValues, elementsOf, partLength, partOf } from './parts.ts';

/** absmax values that share one scale. */
const NESTED_BLOCK_SIZE = 256;

/** The format `<plain>-dq`; `relativeError` is that of the plain one. */
export function double4(plain: 'nf4' | 'fp4', title: string, table: CodeTable, relativeError: number): Format {
  const name = `${plain}-dq`;
  return {
    name,
    title,
    family: plain,
    product: 'weights',
    nominalBitsPerWeight: 4 + 8 / DEFAULT_BLOCK_SIZE + 32 / (DEFAULT_BLOCK_SIZE * NESTED_BLOCK_SIZE),
    layout: [
      { part: 'codes', dtype: 'U8', what: 'index into the 16-entry table; two per byte, the even element in the high nibble', bits: 4, perWeights: 1 },
      { part: 'absmax_codes', dtype: 'U8', what: 'absmax of the block less the offset, as a code of the dynamic 8-bit map', bits: 8, perWeights: DEFAULT_BLOCK_SIZE },
      { part: 'absmax_scales', dtype: 'F32', what: 'scale of 256 absmax codes, fp32', bits: 32, perWeights: DEFAULT_BLOCK_SIZE * NESTED_BLOCK_SIZE },
      { part: 'absmax_offset', dtype: 'F32', what: "mean of the tensor's absmax values, fp32; one per tensor", bits: 32, perWeights: 0 },
    ],
    // On top of the 4-bit error, absmax is off by at most half of the map's widest gap (0.9 / 64), plus a grid step, of a scale that
    // is no larger than the tensor's absmax.
    tolerance: { relative: relativeError + 0.9 / 128 + 2 / 65535, within: 'tensor', absolute: 1e-38 },

    encode(tensor, options) {
      return nestedOf(tensor, encodeBlocks(checkedValues(tensor), table, blockSizeFrom(options)), name);
    },

    encodeStored(stored, options) {
      const blocks = encodeStoredBlocks(stored, table, blockSizeFrom(options));
      return blocks && nestedOf(stored, blocks, name);
    },

    partLengths(shape, options) {
      const elements = elementsOf(shape);
      const blocks = blocksOf(elements, blockSizeFrom(options));
      return { codes: Math.ceil(elements / 2), absmax_codes: blocks, absmax_scales: blocksOf(blocks, NESTED_BLOCK_SIZE), absmax_offset: 1 };
    },

    decode: (encoded) => decodeTableCodes(partsOf(encoded, table), encoded.shape),
    tableCodes: (encoded) => partsOf(encoded, table),
  };
}

/** The tensor with its absmax values encoded in their turn. */
function nestedOf(tensor: { readonly name: string; readonly shape: readonly number[] }, { codes, absmax }: ReturnType<typeof encodeBlocks>, format: string): EncodedTensor {
  const offset = meanOf(absmax);
  if (!Number.isFinite(offset)) throw new NotFinite(`${tensor.name}: the sum of its absmax values`, 1);
  const nested = encodeDynamic(absmax.map((value) => value - offset), NESTED_BLOCK_SIZE);
  const parts = { codes, absmax_codes: nested.codes, absmax_scales: nested.absmax, absmax_offset: Float32Array.of(offset) };
  return { name: tensor.name, format, shape: tensor.shape, parts };
}

function partsOf(encoded: EncodedTensor, { values }: CodeTable): TableCodes {
  const elements = elementsOf(encoded.shape);
  const codes = partOf(encoded, 'codes', Uint8Array, Math.ceil(elements / 2));
  const blockSize = blockSizeOf(encoded.name, elements, partLength(encoded, 'absmax_codes'));
  const blocks = blocksOf(elements, blockSize);
  const absmaxCodes = partOf(encoded, 'absmax_codes', Uint8Array, blocks);
  const nested = partOf(encoded, 'absmax_scales', Float32Array, blocksOf(blocks, NESTED_BLOCK_SIZE));
  const offset = partOf(encoded, 'absmax_offset', Float32Array, 1)[0]!;
  const scales = decodeDynamic(absmaxCodes, nested, NESTED_BLOCK_SIZE);
  for (let i = 0; i < scales.length; i++) scales[i]! += offset;
  return { codes, scales, expanded: true, table: values, blockSize };
}

/** The sum in float64 and in index order, rounded to fp32 once, then one fp32 division. No value: 0. */
function meanOf(values: Float32Array): number {
  if (values.length === 0) return 0;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return Math.fround(Math.fround(sum) / Math.fround(values.length));
}
