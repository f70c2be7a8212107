/**
 * Compiled code for what quantizing spends its time in: encoding a tensor in a format (kernels/formats/), and comparing what came of it with the
 * original (artifact.ts, errorOf). Those are its judges, and run where nobody has loaded any. It reads 16-bit weights as they are stored, so that
 * they are never widened in memory, and divides a tensor among threads, with the same bits whatever their number.
 */

/** Types that checkpoints have. */
export type StoredType = 'fp32' | 'fp16' | 'bf16';

export interface StoredElements {
  /** fp32 values, or the bits of a 16-bit type. */
  readonly elements: Float32Array | Uint16Array;
  readonly stored: StoredType;
}

/** What encodeBlocks is given and makes; `order` and `bounds` are its table's. */
export interface BlocksToEncode extends StoredElements {
  readonly blockSize: number;
  readonly bounds: Float32Array;
  readonly order: Int32Array;
  readonly codes: Uint8Array;
  readonly absmax: Float32Array;
}

/** What int8's encode is given and makes. */
export interface RowsToEncode extends StoredElements {
  /** Elements of a row, above 0. */
  readonly columns: number;
  readonly codes: Int8Array;
  readonly scales: Float32Array;
}

/** An encoded tensor in one of the forms that all formats have, as compiled code takes it. */
export type CodesToCompare =
  | { readonly kind: 'table4'; readonly codes: Uint8Array; readonly scales: Float32Array; readonly table: Float32Array; readonly blockSize: number }
  | { readonly kind: 'rows8'; readonly codes: Int8Array; readonly scales: Float32Array; readonly columns: number }
  | ({ readonly kind: 'plain' } & StoredElements);

export interface WeightEncoder {
  /** Fills codes and absmax. False where a value is not finite: then they are undefined. */
  encode(blocks: BlocksToEncode): boolean;
  /** Fills codes and scales. False where a value is not finite, or is not as fp16. */
  encodeRows(rows: RowsToEncode): boolean;
  /** Rounds to `type`, into `to`. False where a value is not finite, or is not in that type. */
  convert(from: StoredElements, type: StoredType, to: Float32Array | Uint16Array): boolean;
  /** Whether every value is finite. */
  allFinite(elements: StoredElements): boolean;
  /** Adds to `sums` as addErrors of artifact.ts does. */
  compare(original: StoredElements, encoded: CodesToCompare, sums: Float64Array): void;
}

let current: WeightEncoder | undefined;

/** From here on this process encodes with it; undefined: in TypeScript. */
export function useWeightEncoder(encoder: WeightEncoder | undefined): void {
  current = encoder;
}

export function weightEncoder(): WeightEncoder | undefined {
  return current;
}
