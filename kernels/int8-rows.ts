/**
 * The product of LLM.int8() (docs/formats.md, "int8"), one row of activations at a time, so that a row's result never depends on
 * its neighbours. This is the readable statement; engines port it and are held to it bit for bit.
 *
 *   out = fp32(sum of CA[k] * CB[k]) * (SCA * SCB) * 1/127^2  + bias  + dot(x[outliers], w[outliers])
 *
 * A row's outliers are the columns where |fp16(x)| >= 6. They are left out of CA and take part as fp32 activations times dequantized weights.
 */
import { encodeRow, int8Value } from './formats/int8.ts';
import { roundToFp16 } from './half.ts';
import { NotFinite } from './ops.ts';

/** Activations of this magnitude or more are outliers (arXiv 2208.07339, section 3.2). */
export const OUTLIER_THRESHOLD = 6;

/** 1/127^2 as bitsandbytes spells it, in fp32. */
export const ONE_127TH_SQUARED = Math.fround(6.200124e-5);

export interface QuantizedRow {
  /** CA, in -127 .. 127; 0 in outlier columns. */
  readonly codes: Int8Array;
  /** SCA: largest magnitude of the row rounded to fp16, outliers left out. */
  readonly scale: number;
  /** Ascending. */
  readonly outlierColumns: Int32Array;
}

/** Quantizes one row of activations. `threshold` 0: no outliers. Throws NotFinite when a value is not finite in fp16 (beyond 65504). */
export function quantizeRow(row: Float32Array, threshold: number = OUTLIER_THRESHOLD): QuantizedRow {
  const rest = new Float32Array(row.length);
  const outliers: number[] = [];
  let beyond = 0;
  for (let k = 0; k < row.length; k++) {
    const value = roundToFp16(row[k]!);
    if (!Number.isFinite(value)) beyond++;
    else if (threshold > 0 && Math.abs(value) >= threshold) outliers.push(k);
    else rest[k] = value;
  }
  if (beyond > 0) throw new NotFinite('int8: a row of activations rounded to fp16', beyond);
  const codes = new Int8Array(row.length);
  const scale = encodeRow(rest, codes);
  return { codes, scale, outlierColumns: Int32Array.from(outliers) };
}

/** fp32(accumulator) * (rowScale * weightScale) * 1/127^2, each product rounded to fp32. `accumulator` is an integer. */
export function scaleInt8Product(accumulator: number, rowScale: number, weightScale: number): number {
  return Math.fround(Math.fround(Math.fround(accumulator) * Math.fround(rowScale * weightScale)) * ONE_127TH_SQUARED);
}

/** Weights in int8: codes [outFeatures, inFeatures] and one scale per output feature. */
export interface Int8Weights {
  readonly codes: Int8Array;
  readonly scales: Float32Array;
}

/**
 * One output: `row` [inFeatures] against output feature `feature`. `dot` is the canonical dot product of two vectors of equal
 * length; it sees the outlier columns, gathered in ascending order.
 */
export function int8Output(
  row: Float32Array, quantized: QuantizedRow, weights: Int8Weights, feature: number, bias: number | undefined,
  dot: (a: Float32Array, b: Float32Array) => number,
): number {
  const inFeatures = row.length;
  const first = feature * inFeatures;
  const { codes, scale, outlierColumns } = quantized;
  const weightScale = weights.scales[feature]!;
  let accumulator = 0;
  for (let k = 0; k < inFeatures; k++) accumulator += codes[k]! * weights.codes[first + k]!;
  let output = scaleInt8Product(accumulator, scale, weightScale);
  if (bias !== undefined) output = Math.fround(output + bias);
  if (outlierColumns.length === 0) return output;
  const activations = new Float32Array(outlierColumns.length);
  const values = new Float32Array(outlierColumns.length);
  outlierColumns.forEach((column, i) => {
    activations[i] = row[column]!;
    values[i] = int8Value(weights.codes[first + column]!, weightScale);
  });
  return Math.fround(output + dot(activations, values));
}

/**
 * bitsandbytes' own grouping, for comparison with it only: the outlier columns of a call are those of all its rows together.
 * Returns each row quantized under that rule.
 */
export function quantizeCall(rows: readonly Float32Array[], threshold: number = OUTLIER_THRESHOLD): QuantizedRow[] {
  const own = rows.map((row) => quantizeRow(row, threshold));
  const outlierColumns = Int32Array.from(new Set(own.flatMap((row) => [...row.outlierColumns]))).sort();
  for (const { codes } of own) for (const column of outlierColumns) codes[column] = 0;
  return own.map(({ codes, scale }) => ({ codes, scale, outlierColumns }));
}
