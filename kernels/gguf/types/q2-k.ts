/**
 * Q2_K: 256 elements of 2 bits in sixteen groups of 16; each group has a byte of 4 bits of scale and 4 bits of minimum, in units of the
 * block's two fp16 numbers, which stand at its end. Each half of 128 elements has 32 bytes, element i of quarter k in bits 2k of byte i.
 */
import { blockType, fp16At } from './blocks.ts';

export const q2K = blockType('Q2_K', 10, 256, 84, (bytes, at, values, to) => {
  const scaleUnit = fp16At(bytes, at + 80);
  const minimumUnit = fp16At(bytes, at + 82);
  for (let group = 0; group < 16; group++) {
    const packed = bytes[at + group]!;
    const scale = Math.fround(scaleUnit * (packed & 15));
    const minimum = Math.fround(minimumUnit * (packed >> 4));
    const shift = group & 6;
    const codes = at + 16 + (group >> 3) * 32 + (group & 1) * 16;
    for (let i = 0; i < 16; i++) values[to + group * 16 + i] = Math.fround(scale * (bytes[codes + i]! >> shift & 3)) - minimum;
  }
});
