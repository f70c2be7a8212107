/**
 * Weights on a GPU: rows as they are, each padded to whole blocks of the dot product, in the width of their format. A weight larger than one buffer may be lies in
 * pieces of whole rows.
 */
import { DOT_BLOCK } from '../arithmetic.ts';
import type { Family } from '../engines/families.ts';
import type { GpuMemory, Held, Purpose } from './memory.ts';

/** Rows of a piece are a multiple of this, so that a scale of the largest block (4096 weights of one block a row) belongs to one piece. */
const PIECE_ROWS = 64;
/** Rows are brought in pieces of about this many bytes. */
const STAGE_BYTES = 1 << 22;

/** Rows first .. first + rows - 1. */
export interface Piece { readonly first: number; readonly rows: number; readonly data: Held; readonly scales: Held }

export interface GpuWeight {
  readonly kind: Family['kind'];
  readonly outFeatures: number;
  readonly inFeatures: number;
  readonly pieces: readonly Piece[];
  /** log2 of the blocks of the dot product that share a scale. */
  readonly scaleShift: number;
}

/** Loads a weight. `none`: stands for scales where there are none. `most`: bytes of a buffer at most, by default what the adapter allows. */
export function loadWeight(memory: GpuMemory, family: Family, none: Held, most: number = memory.most): GpuWeight {
  const { outFeatures, inFeatures } = family;
  const blocks = Math.ceil(inFeatures / DOT_BLOCK);
  const elements = elementsOf(family);
  const rowBytes = blocks * DOT_BLOCK * WIDTH[family.kind];
  const scaleShift = family.kind === 'table4' ? 31 - Math.clz32(family.parts.blockSize / DOT_BLOCK) : 0;
  const perPiece = Math.max(PIECE_ROWS, Math.floor(most / rowBytes / PIECE_ROWS) * PIECE_ROWS);
  const purpose: Purpose = family.kind === 'fp32' && family.copied ? 'decodedCopies' : 'weights';
  const pieces: Piece[] = [];
  for (let first = 0; first < outFeatures; first += perPiece) {
    const rows = Math.min(perPiece, outFeatures - first);
    const data = memory.take(rows * rowBytes, purpose, `a weight of ${outFeatures} x ${inFeatures} in ${family.kind}`);
    bring(memory, data, elements, first, rows, outFeatures, rowBytes);
    pieces.push({ first, rows, data, scales: scalesOf(memory, family, first, rows, blocks, scaleShift) ?? none });
  }
  return { kind: family.kind, outFeatures, inFeatures, pieces, scaleShift };
}

/** Bytes of a weight. */
const WIDTH = { fp32: 4, fp16: 2, bf16: 2, table4: 0.5, int8: 1 } as const;

function elementsOf(family: Family): ArrayBufferView {
  switch (family.kind) {
    case 'fp32': return family.values;
    case 'fp16': case 'bf16': return family.bits;
    case 'table4': return family.parts.codes;
    case 'int8': return family.codes;
  }
}

/** Writes rows to the beginning of a buffer, each padded with 0 to `rowBytes`. */
function bring(memory: GpuMemory, to: Held, elements: ArrayBufferView, first: number, rows: number, allRows: number, rowBytes: number): void {
  const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
  const own = bytes.length / allRows;
  const atOnce = Math.max(1, Math.floor(STAGE_BYTES / rowBytes));
  for (let done = 0; done < rows; done += atOnce) {
    const some = Math.min(atOnce, rows - done);
    const from = (first + done) * own;
    if (own === rowBytes) {
      memory.write(to, done * rowBytes, bytes.subarray(from, from + some * own));
      continue;
    }
    const stage = new Uint8Array(some * rowBytes);
    for (let row = 0; row < some; row++) stage.set(bytes.subarray(from + row * own, from + (row + 1) * own), row * rowBytes);
    memory.write(to, done * rowBytes, stage);
  }
}

/** Of table4: the values of the codes, then the scales of these rows. Of int8: one for each row. */
function scalesOf(memory: GpuMemory, family: Family, first: number, rows: number, blocks: number, shift: number): Held | undefined {
  if (family.kind === 'int8') return memory.filled(family.scales.subarray(first, first + rows), 'weights', 'scales');
  if (family.kind !== 'table4') return undefined;
  const { scales, table, expanded } = family.parts;
  const from = (first * blocks) >> shift;
  const own = scales.subarray(from, from + Math.ceil((rows * blocks) / (1 << shift)));
  const values = new Float32Array(table.length + own.length);
  values.set(table);
  values.set(own, table.length);
  return memory.filled(values, expanded ? 'decodedCopies' : 'weights', 'scales', 4);
}
