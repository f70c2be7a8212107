/** Q8_0: fp16 scale, then 32 signed bytes (whose sign is extended in place: by a function it takes three times as long). */
import { blockType, fp16At } from './blocks.ts';

export const q80 = blockType('Q8_0', 8, 32, 34, (bytes, at, values, to) => {
  const scale = fp16At(bytes, at);
  const codes = at + 2;
  for (let i = 0; i < 32; i++) values[to + i] = ((bytes[codes + i]! << 24) >> 24) * scale;
});
