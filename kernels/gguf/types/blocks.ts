/** What the quantized types share: walking over blocks, and fp16 scales. */
import { fromFp16 } from '../../half.ts';
import type { TensorType } from '../tensor-types.ts';

/** Writes the values of one block from `to` on; `at` is where it begins in `bytes`. */
export type DecodeBlock = (bytes: Uint8Array, at: number, values: Float32Array, to: number) => void;

/** A type of blocks that decode to fp32. */
export function blockType(name: string, id: number, blockElements: number, blockBytes: number, decodeBlock: DecodeBlock): TensorType {
  return {
    name, id, blockElements, blockBytes, format: 'fp32',
    decode(bytes) {
      const blocks = bytes.length / blockBytes;
      const values = new Float32Array(blocks * blockElements);
      for (let block = 0; block < blocks; block++) decodeBlock(bytes, block * blockBytes, values, block * blockElements);
      return values;
    },
  };
}

let everyFp16: Float32Array | undefined;

/** The fp16 number at `at`, little-endian. */
export function fp16At(bytes: Uint8Array, at: number): number {
  everyFp16 ??= fromFp16(Uint16Array.from({ length: 0x1_0000 }, (_, bits) => bits));
  return everyFp16[bytes[at]! | (bytes[at + 1]! << 8)]!;
}

/** A byte as a signed number. */
export const signed = (byte: number): number => (byte << 24) >> 24;
