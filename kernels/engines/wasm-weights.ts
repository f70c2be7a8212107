/**
 * Weights in the wasm engine. A packed weight knows how to multiply, so that a format with a kernel of its own is one more
 * factory beside decodedWeight; all others are decoded when loaded and multiplied as fp32, with the same bits.
 */
import { encodedBytes } from '../formats.ts';
import type { EncodedTensor, Format } from '../formats.ts';
import type { Weight } from '../ops.ts';
import { blocksOf, FOLD_SCRATCH, strideOf } from './wasm-heap.ts';
import type { WasmHeap } from './wasm-heap.ts';

export interface PackedWeight extends Weight {
  /** out [rows, outFeatures] = x w^T (+ bias) (+ residual). Addresses of padded natural rows; 0: none. The padding of out is left as it falls. */
  multiply(x: number, rows: number, bias: number, residual: number, out: number): void;
  /** Rows of the weight by token ids (32-bit, at `tokens`). */
  embed(tokens: number, rows: number, out: number): void;
}

/** Outputs that one panel of a packed weight holds. */
const PANEL = 4;
/** Weights are staged in pieces of about this many bytes while they are packed. */
const STAGE_BYTES = 1 << 20;

/** Panels of the packed weight of so many outputs. */
export function panelsOf(outFeatures: number): number {
  return Math.ceil(outFeatures / PANEL);
}

/** Calls `pack` for pieces [first, first + rows) of all rows, as many as fit the stage. */
export function inPieces(outFeatures: number, rowBytes: number, pack: (first: number, rows: number) => void): void {
  const rowsAtOnce = Math.max(1, Math.floor(STAGE_BYTES / rowBytes));
  for (let first = 0; first < outFeatures; first += rowsAtOnce) pack(first, Math.min(rowsAtOnce, outFeatures - first));
}

/** A weight whose product sees only decode()'s values. */
export function decodedWeight(heap: WasmHeap, encoded: EncodedTensor, format: Format): PackedWeight {
  const { kernels } = heap;
  const [outFeatures, inFeatures] = encoded.shape as readonly [number, number];
  const blocks = blocksOf(inFeatures);
  const panels = panelsOf(outFeatures);
  // fp32 weights are only moved; of every other format this is a decoded copy.
  const isDecoded = encodedBytes(encoded) !== 4 * outFeatures * inFeatures;
  const at = heap.keep(panels * PANEL * strideOf(inFeatures), isDecoded ? 'decodedCopies' : 'weights');
  const values = format.decode(encoded);
  inPieces(outFeatures, strideOf(inFeatures), (first, rows) => {
    const stage = heap.scratch(rows * strideOf(inFeatures));
    heap.writeRows(stage, values.subarray(first * inFeatures, (first + rows) * inFeatures), inFeatures);
    kernels.packWeight(stage, first, rows, blocks, at);
  });
  return {
    outFeatures, inFeatures, format: format.name,
    multiply(x, rows, bias, residual, out) {
      const packed = heap.scratch(rows * strideOf(inFeatures));
      kernels.packRows(x, rows, blocks, packed);
      kernels.linear(at, panels, packed, rows, blocks, bias, residual, out, strideOf(outFeatures), FOLD_SCRATCH);
    },
    embed: (tokens, rows, out) => kernels.embed(at, tokens, rows, blocks, out),
  };
}
