/** Q8_0: the scale is the largest magnitude / 127; codes are value / scale, halves away from zero (C's roundf; Math.round takes them up). */
import * as types from '../types/q8-0.ts';
import { blockEncoder, inverseOf } from './blocks.ts';

export const q80 = blockEncoder(types.q80, 1, (values, from, out, to, scales, at) => {
  let largest = 0;
  for (let i = 0; i < 32; i++) largest = Math.max(largest, Math.abs(values[from + i]!));
  const scale = scales[at] = Math.fround(largest / 127);
  const inverse = inverseOf(scale);
  for (let i = 0; i < 32; i++) {
    const scaled = Math.fround(values[from + i]! * inverse);
    out[to + i] = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5);
  }
});
