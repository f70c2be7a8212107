/**
 * The 4-bit codec that nf4 and fp4 share, as bitsandbytes 0.50.2 computes it on a CPU (docs/formats.md, "nf4 and fp4").
 *
 * A tensor is flattened row-major and cut into blocks of B elements, without regard to rows. Each block keeps its largest
 * magnitude (absmax, fp32) and, per element, the index of the table entry nearest to x / absmax. Byte i holds element 2i in
 * its high nibble and 2i + 1 in its low one.
 */
import type { EncodedTensor, FormatOptions, TableCodes } from '../formats.ts';
import { countNotFinite } from '../finite.ts';
import { NotFinite } from '../ops.ts';
import { weightEncoder } from '../weight-encoder.ts';
import { partRoom } from './part-memory.ts';
import { elementsOf, storedElements } from './parts.ts';

/** bitsandbytes' default, in elements. */
export const DEFAULT_BLOCK_SIZE = 64;
const ALLOWED_BLOCK_SIZES = [32, 64, 128, 256, 512, 1024, 2048, 4096];

/** bitsandbytes' floor for absmax: below it a block's values no longer fill the table's range. */
const SMALLEST_ABSMAX = Math.fround(1e-38);

/** A 16-entry table and the rule that picks an entry. */
export interface CodeTable {
  /** Value of each stored code, fp32. */
  readonly values: Float32Array;
  /** Stored code of each slot in ascending order of value. */
  readonly order: Uint8Array;
  /** fp32 midpoints between neighbouring slots. */
  readonly bounds: Float32Array;
  /** Cells of a grid over [-1, 1] -> how many bounds lie in the cells before: where the search for a slot begins. */
  readonly firstSlots: Uint8Array;
}

/** Cells for a distance of 1: so small that few hold a bound, and a search is most often one comparison that fails. */
const GRID_CELLS = 512;
const GRID_LAST = 2 * GRID_CELLS + 1;

/** The cell of a value of at least -1, give or take a rounding; it rises with the value. */
function gridCell(scaled: number): number {
  return ((scaled + 1) * GRID_CELLS) | 0;
}

/** The table of these 16 fp32 values, given the codes in ascending order of value. */
export function codeTable(values: Float32Array, order: readonly number[]): CodeTable {
  const bounds = new Float32Array(15);
  for (let i = 0; i < 15; i++) bounds[i] = (values[order[i]!]! + values[order[i + 1]!]!) / 2; // halving is exact: one rounding, in the store
  const firstSlots = Uint8Array.from({ length: GRID_LAST + 1 }, (_, cell) => bounds.reduce((count, bound) => (gridCell(bound) < cell ? count + 1 : count), 0));
  return { values, order: Uint8Array.from(order), bounds, firstSlots };
}

/** The block size asked for, or 64; throws when it is not one that the format allows. */
export function blockSizeFrom(options: FormatOptions | undefined): number {
  const blockSize = options?.blockSize ?? DEFAULT_BLOCK_SIZE;
  if (!ALLOWED_BLOCK_SIZES.includes(blockSize)) throw new Error(`block size ${blockSize} is not allowed; allowed are ${ALLOWED_BLOCK_SIZES.join(', ')}`);
  return blockSize;
}

/** Blocks that cover so many elements; the last may be ragged. */
export const blocksOf = (elements: number, blockSize: number): number => Math.ceil(elements / blockSize);

/**
 * The block size that cuts `elements` into `blocks`. Block sizes are powers of two and ceil(n / B) = c leaves B an interval
 * [n / c, n / (c - 1)) that holds at most one, so none need be stored. One block: any size that covers it, the smallest is taken.
 */
export function blockSizeOf(name: string, elements: number, blocks: number): number {
  const blockSize = ALLOWED_BLOCK_SIZES.find((size) => blocksOf(elements, size) === blocks);
  if (blockSize === undefined) throw new Error(`${name}: no allowed block size cuts ${elements} weights into ${blocks} blocks; allowed are ${ALLOWED_BLOCK_SIZES.join(', ')}`);
  return blockSize;
}

/** Packed codes and the absmax of each block. `values` must be finite. */
export function encodeBlocks(values: Float32Array, table: CodeTable, blockSize: number): { codes: Uint8Array<ArrayBuffer>; absmax: Float32Array<ArrayBuffer> } {
  const absmax = new Float32Array(blocksOf(values.length, blockSize));
  const codes = new Uint8Array(Math.ceil(values.length / 2));
  const { order } = table;
  for (let block = 0; block < absmax.length; block++) {
    const begin = block * blockSize;
    const end = Math.min(begin + blockSize, values.length);
    let largest = 0;
    for (let i = begin; i < end; i++) {
      const magnitude = Math.abs(values[i]!);
      if (magnitude > largest) largest = magnitude;
    }
    const divisor = Math.max(largest, SMALLEST_ABSMAX);
    // A full block multiplies by the reciprocal and keeps its absmax as found; a ragged one divides and keeps the floor.
    const full = end - begin === blockSize;
    const reciprocal = Math.fround(1 / divisor);
    absmax[block] = full ? largest : divisor;
    if (full) {
      for (let i = begin; i < end; i += 2) {
        codes[i >>> 1] = (order[slotOf(Math.fround(values[i]! * reciprocal), table)]! << 4) | order[slotOf(Math.fround(values[i + 1]! * reciprocal), table)]!;
      }
      continue;
    }
    for (let i = begin; i < end; i += 2) {
      const odd = i + 1 === end ? 0 : values[i + 1]! / divisor;
      codes[i >>> 1] = (order[slotOf(Math.fround(values[i]! / divisor), table)]! << 4) | order[slotOf(Math.fround(odd), table)]!;
    }
  }
  return { codes, absmax };
}

/** encodeBlocks() of a stored tensor by compiled code; undefined where none is loaded. Throws NotFinite. */
export function encodeStoredBlocks(tensor: EncodedTensor, { bounds, order }: CodeTable, blockSize: number): ReturnType<typeof encodeBlocks> | undefined {
  const encoder = weightEncoder();
  const stored = storedElements(tensor);
  if (encoder === undefined || stored === undefined) return undefined;
  const { length } = stored.elements;
  const made = { codes: partRoom<Uint8Array<ArrayBuffer>>(Uint8Array, Math.ceil(length / 2)), absmax: partRoom<Float32Array<ArrayBuffer>>(Float32Array, blocksOf(length, blockSize)) };
  if (encoder.encode({ ...stored, ...made, blockSize, bounds, order: Int32Array.from(order) })) return made;
  throw new NotFinite(tensor.name, countNotFinite(stored.elements, stored.stored));
}

/**
 * How many of the 15 bounds lie strictly below `scaled`: a tie goes to the lower slot. The rule clamps to [-1, 1] first, which
 * changes no count, because every bound lies inside.
 */
function slotOf(scaled: number, { bounds, firstSlots }: CodeTable): number {
  let slot = firstSlots[gridCell(scaled)]!;
  while (slot < 15 && scaled > bounds[slot]!) slot++;
  return slot;
}

/** table[code] * scale of its block, rounded to fp32, for all elements of the shape. */
export function decodeTableCodes({ codes, scales, table, blockSize }: TableCodes, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const elements = elementsOf(shape);
  const values = new Float32Array(elements);
  const scaled = new Float32Array(16);
  for (let block = 0; block < scales.length; block++) {
    for (let code = 0; code < 16; code++) scaled[code] = table[code]! * scales[block]!;
    const begin = block * blockSize;
    const end = Math.min(begin + blockSize, elements);
    for (let i = begin; i < end; i += 2) {
      const pair = codes[i >>> 1]!;
      values[i] = scaled[pair >>> 4]!;
      if (i + 1 < end) values[i + 1] = scaled[pair & 15]!;
    }
  }
  return values;
}
