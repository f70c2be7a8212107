/**
 * Weights on a GPU: rows as they are, each padded to whole blocks of the dot product, in the width of their format. A weight larger than one buffer may be lies in
 * pieces of whole rows.
 */
import { DOT_BLOCK } from '../arithmetic.ts';
import type { Family } from '../engines/families.ts';
import { filled } from './memory.ts';
import type { Held, Purpose, Room } from './memory.ts';

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

export interface Loading {
  /** Stands for scales where there are none. */
  readonly none: Held;
  /** Bytes of a piece at most; by default what the adapter allows. */
  readonly most: number | undefined;
  /** Rows of 4-bit codes in the order of quads-table4.wgsl. */
  readonly quads: boolean;
}

/** Loads a weight. */
export function loadWeight(room: Room, family: Family, { none, most = room.most, quads }: Loading): GpuWeight {
  const { outFeatures, inFeatures } = family;
  const blocks = Math.ceil(inFeatures / DOT_BLOCK);
  const elements = elementsOf(family);
  const rowBytes = blocks * DOT_BLOCK * WIDTH[family.kind];
  const table4 = family.kind === 'table4' ? family.parts : undefined;
  const scaleShift = table4 === undefined ? 0 : 31 - Math.clz32(table4.blockSize / DOT_BLOCK);
  const perPiece = Math.max(PIECE_ROWS, Math.floor(most / rowBytes / PIECE_ROWS) * PIECE_ROWS);
  const purpose: Purpose = family.kind === 'fp32' && family.copied ? 'decodedCopies' : 'weights';
  const pieces: Piece[] = [];
  for (let first = 0; first < outFeatures; first += perPiece) {
    const rows = Math.min(perPiece, outFeatures - first);
    const data = room.take(rows * rowBytes, purpose, `a weight of ${outFeatures} x ${inFeatures} in ${family.kind}`);
    bring(room, data, elements, first, rows, outFeatures, rowBytes, quads && family.kind === 'table4');
    pieces.push({ first, rows, data, scales: scalesOf(room, family, first, rows, blocks, scaleShift) ?? none });
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

/** Writes rows to the beginning of a piece, each padded with 0 to `rowBytes`, or with its words in the order of quads. */
function bring(room: Room, to: Held, elements: ArrayBufferView, first: number, rows: number, allRows: number, rowBytes: number, quads: boolean): void {
  const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
  const own = bytes.length / allRows;
  const atOnce = Math.max(1, Math.floor(STAGE_BYTES / rowBytes));
  for (let done = 0; done < rows; done += atOnce) {
    const some = Math.min(atOnce, rows - done);
    const from = (first + done) * own;
    if (own === rowBytes) {
      const whole = bytes.subarray(from, from + some * own);
      room.write(to, done * rowBytes, quads ? inQuads(whole, rowBytes) : whole);
      continue;
    }
    const stage = new Uint8Array(some * rowBytes);
    for (let row = 0; row < some; row++) stage.set(bytes.subarray(from + row * own, from + (row + 1) * own), row * rowBytes);
    room.write(to, done * rowBytes, stage);
  }
}

/** Words q, q + n, q + 2n, q + 3n of each row of 4 n beside each other. */
function inQuads(bytes: Uint8Array, rowBytes: number): Uint32Array {
  const words = bytes.byteOffset % 4 === 0 ? new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) : new Uint32Array(bytes.slice().buffer);
  const out = new Uint32Array(words.length);
  const n = rowBytes / 16;
  for (let row = 0; row < words.length; row += 4 * n) {
    for (let q = 0, to = row; q < n; q++, to += 4) {
      out[to] = words[row + q]!;
      out[to + 1] = words[row + n + q]!;
      out[to + 2] = words[row + 2 * n + q]!;
      out[to + 3] = words[row + 3 * n + q]!;
    }
  }
  return out;
}

/** Of table4: the values of the codes, then the scales of these rows. Of int8: one for each row. */
function scalesOf(room: Room, family: Family, first: number, rows: number, blocks: number, shift: number): Held | undefined {
  if (family.kind === 'int8') return filled(room, family.scales.subarray(first, first + rows), 'weights', 'scales');
  if (family.kind !== 'table4') return undefined;
  const { scales, table, expanded } = family.parts;
  const from = (first * blocks) >> shift;
  const own = scales.subarray(from, from + Math.ceil((rows * blocks) / (1 << shift)));
  const values = new Float32Array(table.length + own.length);
  values.set(table);
  values.set(own, table.length);
  return filled(room, values, expanded ? 'decodedCopies' : 'weights', 'scales', 4);
}
