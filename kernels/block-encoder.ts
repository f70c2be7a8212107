/**
 * Compiled code for the two loops that quantizing spends its time in: blockwise4.ts's encodeBlocks, and decoding what it made to compare it
 * with the original (artifact.ts, errorOf). Those are its judges, and run where nobody has loaded any. It reads 16-bit weights as they are stored, so that they
 * are never widened in memory.
 */

export interface StoredElements {
  /** fp32 values, or the bits of a 16-bit type. */
  readonly elements: Float32Array | Uint16Array;
  readonly stored: 'fp32' | 'fp16' | 'bf16';
}

/** What encodeBlocks is given and makes; `order` and `bounds` are its table's. */
export interface BlocksToEncode extends StoredElements {
  readonly blockSize: number;
  readonly bounds: Float32Array;
  readonly order: Int32Array;
  readonly codes: Uint8Array;
  readonly absmax: Float32Array;
}

/** Codes from the beginning of a block on, and what they were made of. */
export interface BlocksToCompare extends StoredElements {
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
  readonly table: Float32Array;
  readonly blockSize: number;
  /** Filled; its length says how many. */
  readonly decoded: Float32Array;
  /** Squares of the elements and of the errors, summed in their order, and the largest error: added to. */
  readonly sums: Float64Array;
}

export interface BlockEncoder {
  /** Fills codes and absmax. False where a value is not finite: then they are undefined. */
  encode(blocks: BlocksToEncode): boolean;
  compare(blocks: BlocksToCompare): void;
}

let current: BlockEncoder | undefined;

/** From here on this process encodes with it; undefined: in TypeScript. */
export function useBlockEncoder(encoder: BlockEncoder | undefined): void {
  current = encoder;
}

export function blockEncoder(): BlockEncoder | undefined {
  return current;
}
