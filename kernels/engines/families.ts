/**
 * The families that compiled kernels serve. A format joins one by what its weights come down to; one that joins none is decoded when
 * loaded and multiplied as fp32, with the same bits (docs/arithmetic.md, "Weights").
 */
import { DOT_BLOCK } from '../arithmetic.ts';
import { encodedBytes } from '../formats.ts';
import type { EncodedTensor, Format, TableCodes } from '../formats.ts';
import { int8Parts } from '../formats/int8.ts';

interface Shape {
  readonly outFeatures: number;
  readonly inFeatures: number;
}

/** A weight [outFeatures, inFeatures], ready to be packed. `copied`: the values are a decoded copy of a smaller format. */
export type Family = Shape & (
  | { readonly kind: 'fp32'; readonly values: Float32Array; readonly copied: boolean }
  | { readonly kind: 'fp16' | 'bf16'; readonly bits: Uint16Array }
  | { readonly kind: 'table4'; readonly parts: TableCodes }
  | { readonly kind: 'int8'; readonly codes: Int8Array; readonly scales: Float32Array }
);

/** Products of two codes that a 32-bit sum holds: floor((2^31 - 1) / 127^2). */
const MOST_INT8_COLUMNS = 133_144;

/** Throws RangeError naming the tensor where its shape cannot be multiplied. */
export function familyOf(encoded: EncodedTensor, format: Format): Family {
  if (encoded.shape.length !== 2) throw new RangeError(`${encoded.name}: a weight has 2 dimensions, not ${encoded.shape.length}`);
  const [outFeatures, inFeatures] = encoded.shape as readonly [number, number];
  const shape: Shape = { outFeatures, inFeatures };
  if (format.product === 'llm-int8') {
    if (inFeatures > MOST_INT8_COLUMNS) throw new RangeError(`${encoded.name}: an int8 product of ${inFeatures} columns may leave 32 bits; at most ${MOST_INT8_COLUMNS} are allowed`);
    return { ...shape, kind: 'int8', ...int8Parts(encoded) };
  }
  if (format.tableCodes && inFeatures % DOT_BLOCK === 0) {
    const parts = format.tableCodes(encoded);
    // A block of the dot product must have one scale.
    if (parts.blockSize % DOT_BLOCK === 0) return { ...shape, kind: 'table4', parts };
  }
  const { bits } = encoded.parts;
  if ((format.name === 'fp16' || format.name === 'bf16') && bits instanceof Uint16Array && bits.length === outFeatures * inFeatures) return { ...shape, kind: format.name, bits };
  const values = format.decode(encoded);
  return { ...shape, kind: 'fp32', values, copied: encodedBytes(encoded) !== values.byteLength };
}
