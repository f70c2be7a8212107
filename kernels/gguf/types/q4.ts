/**
 * Q4_0 and Q4_1: 32 elements of 4 bits, the first half in the low nibbles. Q4_0: fp16 scale, (q - 8) * scale. Q4_1: fp16 scale and
 * minimum, q * scale + minimum.
 */
import { blockType, fp16At } from './blocks.ts';

export const q40 = blockType('Q4_0', 2, 32, 18, (bytes, at, values, to) => {
  const scale = fp16At(bytes, at);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 2 + i]!;
    values[to + i] = ((pair & 15) - 8) * scale;
    values[to + 16 + i] = ((pair >> 4) - 8) * scale;
  }
});

export const q41 = blockType('Q4_1', 3, 32, 20, (bytes, at, values, to) => {
  const scale = fp16At(bytes, at);
  const minimum = fp16At(bytes, at + 2);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 4 + i]!;
    values[to + i] = Math.fround((pair & 15) * scale) + minimum;
    values[to + 16 + i] = Math.fround((pair >> 4) * scale) + minimum;
  }
});
