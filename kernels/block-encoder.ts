/**
 * Compiled code for the loop that quantizing spends its time in: blockwise4.ts's encodeBlocks, which is its judge and what runs where nobody has
 * loaded any. It reads 16-bit weights as they are stored, so that they are never widened in memory.
 */

/** What encodeBlocks is given and makes; `order` and `bounds` are its table's. */
export interface BlocksToEncode {
  /** fp32 values, or the bits of a 16-bit type. */
  readonly elements: Float32Array | Uint16Array;
  readonly stored: 'fp32' | 'fp16' | 'bf16';
  readonly blockSize: number;
  readonly bounds: Float32Array;
  readonly order: Int32Array;
  readonly codes: Uint8Array;
  readonly absmax: Float32Array;
}

/** Fills codes and absmax. False where a value is not finite: then they are undefined. */
export type BlockEncoder = (blocks: BlocksToEncode) => boolean;

let current: BlockEncoder | undefined;

/** From here on this process encodes with it; undefined: with encodeBlocks. */
export function useBlockEncoder(encoder: BlockEncoder | undefined): void {
  current = encoder;
}

export function blockEncoder(): BlockEncoder | undefined {
  return current;
}
