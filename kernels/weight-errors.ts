/**
 * What an encoded tensor lacks of the original: float64 sums of squares, of the values and of the errors, and the largest error. Sums are taken in an
 * order that vectors and threads can keep: 65,536 elements by themselves, in 16 lanes (element i in lane i mod 16), then over the lanes, then over
 * those pieces, each in order. In plain order each sum would wait for the one before.
 */
import { formatNamed, type EncodedTensor, type Format } from './formats.ts';
import { decodeTableCodes } from './formats/blockwise4.ts';
import { elementsOf, storedElements } from './formats/parts.ts';
import { weightEncoder, type CodesToCompare } from './weight-encoder.ts';

export interface WeightErrors {
  /** rms(decoded - original) / rms(original); 0 for a tensor of zeros. */
  readonly relativeRmsError: number;
  readonly maxAbsError: number;
  /** Every decoded value has the bits of the original's. */
  readonly lossless: boolean;
}

/** Elements that are summed by themselves: whole blocks of any size. */
export const PIECE_ELEMENTS = 1 << 16;
const LANES = 16;

/** Of squares, of squared errors; the largest error; 1 where a decoded value has other bits. */
export const newSums = (): Float64Array => new Float64Array(4);

/** Of a tensor that a checkpoint has, a piece at a time: whole, the values of either would be a copy in fp32. */
export function errorsOf(original: EncodedTensor, encoded: EncodedTensor, format: Format): WeightErrors {
  const sums = newSums();
  const [encoder, stored, codes] = [weightEncoder(), storedElements(original), codesOf(encoded, format)];
  if (encoder && stored && codes) encoder.compare(stored, codes, sums);
  else addPieces(original, encoded, format, sums);
  const [squares, errorSquares, maxAbsError, different] = sums as unknown as [number, number, number, number];
  return { relativeRmsError: squares === 0 ? 0 : Math.sqrt(errorSquares / squares), maxAbsError, lossless: different === 0 };
}

/** The form in which compiled code compares it; undefined where a format has none of them. */
export function codesOf(encoded: EncodedTensor, format: Format): CodesToCompare | undefined {
  if (format.tableCodes) return { kind: 'table4', ...format.tableCodes(encoded) };
  if (format.rowCodes) return format.rowCodes(encoded);
  const plain = storedElements(encoded);
  return plain && { kind: 'plain', ...plain };
}

function addPieces(original: EncodedTensor, encoded: EncodedTensor, format: Format, sums: Float64Array): void {
  const table = format.tableCodes?.(encoded);
  const whole = table === undefined ? format.decode(encoded) : new Float32Array(0);
  const elements = elementsOf(encoded.shape);
  for (let begin = 0; begin < elements; begin += PIECE_ELEMENTS) {
    const end = Math.min(begin + PIECE_ELEMENTS, elements);
    const piece = table && { ...table, codes: table.codes.subarray(begin / 2), scales: table.scales.subarray(begin / table.blockSize, Math.ceil(end / table.blockSize)) };
    const decoded = piece === undefined ? whole.subarray(begin, end) : decodeTableCodes(piece, [end - begin]);
    const parts = Object.fromEntries(Object.entries(original.parts).map(([name, part]) => [name, part.subarray(begin, end)]));
    addErrors(formatNamed(original.format).decode({ ...original, shape: [end - begin], parts }), decoded, sums);
  }
}

/** Adds one piece, of at most PIECE_ELEMENTS. */
export function addErrors(values: Float32Array, decoded: Float32Array, sums: Float64Array): void {
  const [squares, errorSquares] = [new Float64Array(LANES), new Float64Array(LANES)];
  let largest = 0;
  let different = 0;
  const [bits, decodedBits] = [wordsOf(values), wordsOf(decoded)];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const error = Math.abs(decoded[i]! - value);
    squares[i % LANES]! += value * value;
    errorSquares[i % LANES]! += error * error;
    if (error > largest) largest = error;
    different |= bits[i]! ^ decodedBits[i]!;
  }
  sums[0]! += squares.reduce((sum, lane) => sum + lane, 0);
  sums[1]! += errorSquares.reduce((sum, lane) => sum + lane, 0);
  sums[2] = Math.max(sums[2]!, largest);
  if (different !== 0) sums[3] = 1;
}

const wordsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length);
