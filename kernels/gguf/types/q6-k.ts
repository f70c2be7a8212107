/**
 * Q6_K: 256 elements of 6 bits (less 32) in sixteen groups of 16 with signed 8-bit scales, in units of the block's fp16 number at its end.
 * Each half of 128 elements has 64 bytes of low nibbles, for its runs of 32 in the order 0, 1 (low) and 2, 3 (high), and 32 bytes of
 * high bits, 2 for each run.
 */
import { blockType, fp16At, signed } from './blocks.ts';

export const q6K = blockType('Q6_K', 14, 256, 210, (bytes, at, values, to) => {
  const unit = fp16At(bytes, at + 208);
  for (let group = 0; group < 16; group++) {
    const scale = Math.fround(unit * signed(bytes[at + 192 + group]!));
    const half = group >> 3;
    const run = group >> 1 & 3;
    const offset = (group & 1) * 16;
    const low = at + half * 64 + (run & 1) * 32 + offset;
    const high = at + 128 + half * 32 + offset;
    for (let i = 0; i < 16; i++) {
      const code = bytes[low + i]! >> (run >> 1) * 4 & 15 | (bytes[high + i]! >> run * 2 & 3) << 4;
      values[to + group * 16 + i] = scale * (code - 32);
    }
  }
});
