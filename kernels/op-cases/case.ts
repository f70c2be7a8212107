/** What cases of ops are made of: values, and activations and weights of them. */
import { fromBits } from '../arithmetic.ts';
import { formatNamed } from '../formats.ts';
import type { Activation, Ops, RowCopies, Weight } from '../ops.ts';
import { threefry2x32 } from '../threefry.ts';

/** 2^-130, below the smallest normal fp32. */
export const DENORMAL = fromBits(1 << 19);

/** One computation; its result must have the same bits on every canonical engine. */
export interface OpCase {
  readonly name: string;
  run(ops: Ops): Promise<Float32Array>;
}

/**
 * Reproducible values over many magnitudes: mostly within +-2, every 17th zero, every 29th denormal, every 31st an outlier
 * beyond 6 (LLM.int8() treats those apart).
 */
export function testValues(seed: number, length: number, scale = 1): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const [r, s] = threefry2x32(seed, 0, i, 0);
    if (i % 17 === 16) return i % 2 === 0 ? 0 : -0;
    const value = (r / 1073741824) * scale; // 2^30
    if (i % 29 === 28) return value * DENORMAL;
    if (i % 31 === 30) return value + Math.sign(value) * 6;
    return value / (1 << (s >>> 8) % 6);
  });
}

/** An activation of chosen values: the rows of a table, looked up. */
export function input(ops: Ops, rows: number, cols: number, values: Float32Array, positions = Int32Array.from({ length: rows }, (_, i) => i), slots = new Int32Array(rows), copies?: RowCopies): Activation {
  ops.begin({ slot: slots, position: positions, token: Int32Array.from({ length: rows }, (_, i) => i), ...(copies === undefined ? {} : { copies }) });
  return ops.embed(table(ops, 'fp32', rows, cols, values));
}

export function table(ops: Ops, formatName: string, outFeatures: number, inFeatures: number, values: Float32Array, blockSize?: number): Weight {
  const format = formatNamed(formatName);
  return ops.weight(format.encode({ name: `test ${formatName}`, shape: [outFeatures, inFeatures], values }, blockSize === undefined ? {} : { blockSize }), format);
}

export function joined(arrays: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.reduce((length, array) => length + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}
