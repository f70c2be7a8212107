/**
 * LLM.int8() in the wasm engine (docs/formats.md, int8-rows.ts): the codes stay 8 bits wide, the product is an integer one,
 * and each row's outlier columns are added in fp32.
 */
import type { EncodedTensor } from '../formats.ts';
import { int8Parts } from '../formats/int8.ts';
import { OUTLIER_THRESHOLD } from '../int8-rows.ts';
import { NotFinite } from '../ops.ts';
import { blocksOf, strideOf } from './wasm-heap.ts';
import type { WasmHeap } from './wasm-heap.ts';
import { inPieces, panelsOf } from './wasm-weights.ts';
import type { PackedWeight } from './wasm-weights.ts';

/** Products of two codes that a 32-bit sum holds: floor((2^31 - 1) / 127^2). */
const MOST_COLUMNS = 133_144;

/** Bytes of the lanes in which outlier columns are summed: two sets of sixteen vectors. */
const OUTLIER_LANES = 512;

export function int8Weight(heap: WasmHeap, encoded: EncodedTensor): PackedWeight {
  const { kernels, memory } = heap;
  const [outFeatures, inFeatures] = encoded.shape as readonly [number, number];
  if (inFeatures > MOST_COLUMNS) throw new RangeError(`${encoded.name}: an int8 product of ${inFeatures} columns may leave 32 bits; at most ${MOST_COLUMNS} are allowed`);
  const { codes, scales } = int8Parts(encoded);
  const blocks = blocksOf(inFeatures);
  const panels = panelsOf(outFeatures);
  const stride = strideOf(inFeatures);
  const at = heap.keep(panels * stride, 'weights');
  const scalesAt = heap.keepValues(scales, 'weights');
  inPieces(outFeatures, inFeatures, (first, rows) => {
    const stage = heap.scratch(rows * inFeatures);
    memory.bytes(stage, rows * inFeatures).set(new Uint8Array(codes.buffer, codes.byteOffset + first * inFeatures, rows * inFeatures));
    kernels.packCodes(stage, first, rows, inFeatures, blocks, at);
  });
  return {
    outFeatures, inFeatures, format: encoded.format,
    multiply(x, rows, bias, residual, out) {
      const perRow = 4 * rows;
      const scratch = heap.scratch(OUTLIER_LANES + 2 * stride + 2 * perRow + rows * (stride / 2));
      const rowScales = scratch + OUTLIER_LANES + 2 * stride;
      const outliers = rowScales + perRow;
      const rowCodes = outliers + perRow;
      const beyond = kernels.quantizeRows(x, rows, blocks, OUTLIER_THRESHOLD, rowCodes, rowScales, outliers, scratch);
      if (beyond > 0) throw new NotFinite('int8: a row of activations rounded to fp16', beyond);
      kernels.int8Linear(at, scalesAt, panels, rowCodes, rowScales, rows, blocks, bias, out, strideOf(outFeatures));
      kernels.addOutliers(at, scalesAt, panels, x, rows, blocks, OUTLIER_THRESHOLD, outliers, out, strideOf(outFeatures), scratch);
      if (residual) kernels.add(out, residual, rows * strideOf(outFeatures), out);
    },
    embed: (tokens, rows, out) => kernels.embedCodes(at, scalesAt, tokens, rows, blocks, out),
  };
}
