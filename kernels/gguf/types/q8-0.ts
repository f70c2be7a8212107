/** Q8_0: fp16 scale, then 32 signed bytes. */
import { blockType, fp16At, signed } from './blocks.ts';

export const q80 = blockType('Q8_0', 8, 32, 34, (bytes, at, values, to) => {
  const scale = fp16At(bytes, at);
  for (let i = 0; i < 32; i++) values[to + i] = signed(bytes[at + 2 + i]!) * scale;
});
