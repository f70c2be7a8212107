/** Q5_0 and Q5_1: as Q4_0 and Q4_1, with the fifth bits of the 32 elements in four bytes of their own. Q5_0: (q - 16) * scale. */
import { blockType, fp16At } from './blocks.ts';

export const q50 = blockType('Q5_0', 6, 32, 22, (bytes, at, values, to) => {
  const scale = fp16At(bytes, at);
  const high = fifthBits(bytes, at + 2);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 6 + i]!;
    values[to + i] = ((pair & 15 | (high >>> i & 1) << 4) - 16) * scale;
    values[to + 16 + i] = ((pair >> 4 | (high >>> (i + 16) & 1) << 4) - 16) * scale;
  }
});

export const q51 = blockType('Q5_1', 7, 32, 24, (bytes, at, values, to) => {
  const scale = fp16At(bytes, at);
  const minimum = fp16At(bytes, at + 2);
  const high = fifthBits(bytes, at + 4);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 8 + i]!;
    values[to + i] = Math.fround((pair & 15 | (high >>> i & 1) << 4) * scale) + minimum;
    values[to + 16 + i] = Math.fround((pair >> 4 | (high >>> (i + 16) & 1) << 4) * scale) + minimum;
  }
});

/** Of element i in bit i. */
function fifthBits(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
