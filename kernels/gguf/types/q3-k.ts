/**
 * Q3_K: 256 elements of 3 bits in sixteen groups of 16, without a minimum. The third bits come first, 32 bytes with bit g of byte i for
 * element i of 32-element run g, and say where 4 is not to be subtracted; then the low bits as in Q2_K; then sixteen 6-bit scales
 * (less 32) in 12 bytes; then the block's fp16 unit.
 */
import { blockType, fp16At } from './blocks.ts';

export const q3K = blockType('Q3_K', 11, 256, 110, (bytes, at, values, to) => {
  const unit = fp16At(bytes, at + 108);
  for (let group = 0; group < 16; group++) {
    const low = bytes[at + 96 + (group & 7)]! >> (group >> 3) * 4 & 15;
    const high = bytes[at + 104 + (group & 3)]! >> (group >> 2) * 2 & 3;
    const scale = Math.fround(unit * ((low | high << 4) - 32));
    const run = group >> 1;
    const shift = (run & 3) * 2;
    const codes = at + 32 + (group >> 3) * 32 + (group & 1) * 16;
    const thirds = at + (group & 1) * 16;
    for (let i = 0; i < 16; i++) {
      const code = (bytes[codes + i]! >> shift & 3) - (bytes[thirds + i]! >> run & 1 ? 0 : 4);
      values[to + group * 16 + i] = scale * code;
    }
  }
});
