/**
 * int8: LLM.int8() (Dettmers et al., arXiv 2208.07339) as bitsandbytes 0.50.2 computes it on a CPU. Weights are rounded to fp16, then to
 * 8 bits with one scale per row (output feature). Its product quantizes activations too: ../int8-rows.ts.
 */
import type { EncodedTensor, Format } from '../formats.ts';
import { toFp16, fromFp16 } from '../half.ts';
import { weightEncoder } from '../weight-encoder.ts';
import { partRoom } from './part-memory.ts';
import { checkedValues, elementsOf, finiteBits, partOf, storedElements } from './parts.ts';

/** 1/127 as bitsandbytes spells it, in fp32. */
const ONE_127TH = Math.fround(7.874015718698502e-3);

/** 1.5 * 2^52: adding and subtracting it rounds a float64 of magnitude below 2^51 to an integer, halves to even. */
const ROUNDER = 1.5 * 0x10_0000_0000_0000;

export const int8: Format = {
  name: 'int8',
  title: '8-bit integer, LLM.int8()',
  family: 'int8',
  product: 'llm-int8',
  nominalBitsPerWeight: 8,
  layout: [
    { part: 'codes', dtype: 'I8', what: 'signed integer in -127 .. 127', bits: 8, perWeights: 1 },
    { part: 'scales', dtype: 'F32', what: 'largest magnitude of the row, fp32; one per row', bits: 32, perWeights: 0 },
  ],
  // Half a step of 1/127, the rounding to fp16 before it, and some fp32 roundings.
  tolerance: { relative: 0.5 / 127 + 1 / 0x800 + 1e-6, within: 'row', absolute: 0.5 / 0x1000000 },

  encode(tensor) {
    const values = fromFp16(finiteBits(tensor.name, 'fp16', toFp16(checkedValues(tensor))));
    const { rows, columns } = rowsAndColumns(tensor.shape);
    const codes = new Int8Array(values.length);
    const scales = new Float32Array(rows);
    for (let row = 0; row < rows; row++) scales[row] = encodeRow(values.subarray(row * columns, (row + 1) * columns), codes.subarray(row * columns));
    return { name: tensor.name, format: 'int8', shape: tensor.shape, parts: { codes, scales } };
  },

  encodeStored(tensor) {
    const [encoder, stored] = [weightEncoder(), storedElements(tensor)];
    const { rows, columns } = rowsAndColumns(tensor.shape);
    if (encoder === undefined || stored === undefined || rows === 0) return undefined;
    const made = { codes: partRoom(Int8Array, stored.elements.length), scales: partRoom(Float32Array, rows) };
    if (encoder.encodeRows({ ...stored, ...made, columns })) return { name: tensor.name, format: 'int8', shape: tensor.shape, parts: made };
    // A value that is not finite, or is not as fp16: encode() counts them.
    return undefined;
  },

  partLengths: (shape) => ({ codes: elementsOf(shape), scales: rowsAndColumns(shape).rows }),

  decode(encoded) {
    const { codes, scales } = int8Parts(encoded);
    const { columns } = rowsAndColumns(encoded.shape);
    const values = new Float32Array(codes.length);
    for (let row = 0; row < scales.length; row++) {
      const scale = scales[row]!;
      for (let i = row * columns; i < (row + 1) * columns; i++) values[i] = int8Value(codes[i]!, scale);
    }
    return values;
  },

  rowCodes: (encoded) => ({ kind: 'rows8', ...int8Parts(encoded), columns: rowsAndColumns(encoded.shape).columns }),
};

/** The parts of a tensor in int8, checked against its shape: codes [rows, columns] and one scale per row. */
export function int8Parts(encoded: EncodedTensor): { readonly codes: Int8Array; readonly scales: Float32Array } {
  const { rows } = rowsAndColumns(encoded.shape);
  return { codes: partOf(encoded, 'codes', Int8Array, elementsOf(encoded.shape)), scales: partOf(encoded, 'scales', Float32Array, rows) };
}

/** A dequantized weight: code * scale * 1/127, each product rounded to fp32. */
export function int8Value(code: number, scale: number): number {
  return Math.fround(Math.fround(code * scale) * ONE_127TH);
}

/**
 * Writes round(x * (127 * (1 / largest))) of each x to `codes`, halves to even, each step in fp32 (the reciprocal first: that is how torch
 * divides a number by a tensor, and 3 of the fixtures' 30,720 codes show it); returns the largest magnitude. A row of zeros: codes 0, 0.
 */
export function encodeRow(row: Float32Array, codes: Int8Array): number {
  let largest = 0;
  for (let i = 0; i < row.length; i++) {
    const magnitude = Math.abs(row[i]!);
    if (magnitude > largest) largest = magnitude;
  }
  const factor = largest === 0 ? 0 : Math.fround(127 * Math.fround(1 / largest));
  for (let i = 0; i < row.length; i++) codes[i] = Math.fround(row[i]! * factor) + ROUNDER - ROUNDER;
  return largest;
}

/** A matrix by its last axis; anything else is one row. */
function rowsAndColumns(shape: readonly number[]): { rows: number; columns: number } {
  const columns = shape.at(-1) ?? 1;
  return { rows: columns === 0 ? 0 : elementsOf(shape) / columns, columns };
}
