/**
 * Q4_0: the value of largest magnitude has code 0 of 0 .. 15, so the scale is that value / -8; the first of equal magnitudes counts. Q4_1: the scale is
 * the range / 15, over the smallest value. A byte holds the codes of weights i (low half) and i + 16.
 */
import * as types from '../types/q4.ts';
import { blockEncoder, inverseOf } from './blocks.ts';

export const q40 = blockEncoder(types.q40, 1, (values, from, out, to, scales, at) => {
  let extreme = 0;
  for (let i = 0; i < 32; i++) if (Math.abs(values[from + i]!) > Math.abs(extreme)) extreme = values[from + i]!;
  const scale = scales[at] = Math.fround(extreme / -8);
  const inverse = inverseOf(scale);
  const code = (i: number): number => Math.min(15, Math.trunc(Math.fround(Math.fround(values[from + i]! * inverse) + 8.5)));
  for (let i = 0; i < 16; i++) out[to + i] = code(i) | (code(i + 16) << 4);
});

export const q41 = blockEncoder(types.q41, 2, (values, from, out, to, scales, at) => {
  let [smallest, largest] = [Infinity, -Infinity];
  for (let i = 0; i < 32; i++) {
    const value = values[from + i]!;
    // Comparisons, not Math.min: of zeros of both signs ggml keeps the first.
    if (value < smallest) smallest = value;
    if (value > largest) largest = value;
  }
  const scale = scales[at] = Math.fround(Math.fround(largest - smallest) / 15);
  scales[at + 1] = smallest;
  const inverse = inverseOf(scale);
  const code = (i: number): number => Math.min(15, Math.trunc(Math.fround(Math.fround(Math.fround(values[from + i]! - smallest) * inverse) + 0.5)));
  for (let i = 0; i < 16; i++) out[to + i] = code(i) | (code(i + 16) << 4);
});
