/**
 * Weights in the wasm engine, one layout for each family (kernels/wasm/assembly/weights.ts): packed by panels of four outputs, in the
 * width of their format.
 */
import { DOT_BLOCK } from '../arithmetic.ts';
import type { TableCodes } from '../formats.ts';
import { fromFp16 } from '../half.ts';
import type { Family } from './families.ts';
import { blocksOf } from './wasm-heap.ts';
import type { Purpose, WasmHeap } from './wasm-heap.ts';

/** Outputs that one panel of a packed weight holds. */
const PANEL = 4;

const KIND = { fp32: 1, fp16: 2, bf16: 3, table4: 4, int8: 5 } as const;

/** fp16 from 128 in magnitude, which no weight of a model at work has, do not fit the layout: a tensor with one is decoded. */
const FP16_LIMIT = 0x5800;

/** Where the values of pairs of 4-bit codes are; made once for each table of values. */
export type PairTables = Map<string, number>;

/** Loads a weight; its handle. */
export function loadWeight(heap: WasmHeap, tables: PairTables, family: Family): number {
  const { kernels } = heap;
  const { outFeatures, inFeatures } = family;
  const blocks = blocksOf(inFeatures);
  const panels = Math.ceil(outFeatures / PANEL);
  const elements = panels * PANEL * blocks * DOT_BLOCK;
  const described = (kind: keyof typeof KIND, purpose: Purpose, packed: number, scales = 0, pairs = 0): number =>
    heap.words([KIND[kind], outFeatures, blocks, packed, scales, pairs], purpose);
  switch (family.kind) {
    case 'fp32': {
      // fp32 weights are only moved; what was a smaller format is a decoded copy.
      const purpose = family.copied ? 'decodedCopies' : 'weights';
      const packed = heap.zeros(elements * 4, purpose);
      heap.staged(family.values, outFeatures, (stage, first, rows) => kernels.packWeight(stage, first, rows, blocks, packed));
      return described('fp32', purpose, packed);
    }
    case 'fp16':
    case 'bf16': {
      const { kind, bits } = family;
      if (kind === 'fp16' && bits.some((half) => (half & 0x7fff) >= FP16_LIMIT)) {
        return loadWeight(heap, tables, { outFeatures, inFeatures, kind: 'fp32', values: fromFp16(bits), copied: true });
      }
      const packed = heap.zeros(elements * 2, 'weights');
      heap.staged(bits, outFeatures, (stage, first, rows) => kernels.packHalves(stage, first, rows, blocks, packed));
      if (kind === 'fp16') kernels.moveExponents(packed, elements * 2);
      return described(kind, 'weights', packed);
    }
    case 'table4': {
      const { parts } = family;
      const packed = heap.zeros(elements / 2, 'weights');
      heap.staged(parts.codes, outFeatures, (stage, first, rows) => kernels.packCodes4(stage, first, rows, blocks, packed));
      const scales = heap.zeros(panels * PANEL * blocks * 4, 'weights');
      spreadScales(parts, outFeatures, inFeatures, heap.memory.floats(scales, panels * PANEL * blocks));
      return described('table4', 'weights', packed, scales, pairTable(heap, tables, parts.table));
    }
    case 'int8': {
      const packed = heap.zeros(elements, 'weights');
      heap.staged(family.codes, outFeatures, (stage, first, rows) => kernels.packCodes(stage, first, rows, blocks, packed));
      return described('int8', 'weights', packed, heap.values(family.scales, 'weights'));
    }
  }
}

/** The scale of each block of 64 of each output: [panel][block][output]. */
function spreadScales({ scales, blockSize }: TableCodes, outFeatures: number, inFeatures: number, to: Float32Array): void {
  const blocks = blocksOf(inFeatures);
  for (let output = 0; output < outFeatures; output++) {
    for (let block = 0; block < blocks; block++) {
      to[((output - (output % PANEL)) * blocks) + block * PANEL + (output % PANEL)] = scales[Math.floor((output * inFeatures + block * DOT_BLOCK) / blockSize)]!;
    }
  }
}

/** The two values of each byte of two codes, high half first. */
function pairTable(heap: WasmHeap, tables: PairTables, table: Float32Array): number {
  const name = table.join();
  let at = tables.get(name);
  if (at === undefined) {
    at = heap.take(256 * 8, 'tables');
    const pairs = heap.memory.floats(at, 512);
    for (let byte = 0; byte < 256; byte++) pairs.set([table[byte >> 4]!, table[byte & 15]!], 2 * byte);
    tables.set(name, at);
  }
  return at;
}
