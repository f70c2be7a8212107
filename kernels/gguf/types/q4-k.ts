/**
 * Q4_K and Q5_K: 256 elements in eight groups of 32, each with a 6-bit scale and a 6-bit minimum in units of the block's two fp16
 * numbers, which come first; the sixteen are packed in 12 bytes. Two groups share 32 bytes of low nibbles and high ones; Q5_K has the fifth
 * bits before them, bit g of byte i for element i of group g.
 */
import { blockType, fp16At, type DecodeBlock } from './blocks.ts';

const FIFTH_BYTES = 32;

/** `fifth`: 1 where there are fifth bits. */
const decodeBlock = (fifth: 0 | 1): DecodeBlock => (bytes, at, values, to) => {
  const scaleUnit = fp16At(bytes, at);
  const minimumUnit = fp16At(bytes, at + 2);
  const fifths = at + 16;
  const nibbles = fifths + fifth * FIFTH_BYTES;
  for (let group = 0; group < 8; group++) {
    const scale = Math.fround(scaleUnit * sixBits(bytes, at + 4, group, 0));
    const minimum = Math.fround(minimumUnit * sixBits(bytes, at + 4, group, 4));
    const codes = nibbles + (group >> 1) * 32;
    const shift = (group & 1) * 4;
    for (let i = 0; i < 32; i++) {
      const code = bytes[codes + i]! >> shift & 15 | (fifth === 1 ? (bytes[fifths + i]! >> group & 1) << 4 : 0);
      values[to + group * 32 + i] = Math.fround(scale * code) - minimum;
    }
  }
};

/** The scale (`which` 0) or minimum (4) of a group: of the first four its own byte; of the others 4 bits of the last bytes and the top 2 of that byte. */
function sixBits(bytes: Uint8Array, at: number, group: number, which: 0 | 4): number {
  const own = bytes[at + which + (group & 3)]!;
  return group < 4 ? own & 63 : bytes[at + 8 + (group & 3)]! >> which & 15 | own >> 6 << 4;
}

export const q4K = blockType('Q4_K', 12, 256, 144, decodeBlock(0));
export const q5K = blockType('Q5_K', 13, 256, 176, decodeBlock(1));
