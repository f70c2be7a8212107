/** Attention over several steps, layers and sequences. */
import { DOT_BLOCK } from '../arithmetic.ts';
import type { AttentionShape, Ops, RowCopies } from '../ops.ts';
import { input, joined, table, testValues } from './case.ts';
import type { OpCase } from './case.ts';

export function attentionCases(full: boolean): OpCase[] {
  const shapes: AttentionShape[] = [
    { heads: 4, kvHeads: 2, headDim: 16, window: 0 },
    { heads: 3, kvHeads: 1, headDim: 20, window: 7 },
  ];
  if (full) shapes.push({ heads: 2, kvHeads: 2, headDim: 64, window: 0 }, { heads: 4, kvHeads: 4, headDim: 6, window: 0 }, { heads: 2, kvHeads: 1, headDim: 130, window: 66 });
  return shapes.map((shape) => ({
    name: `attention heads ${shape.heads}/${shape.kvHeads} x ${shape.headDim} window ${shape.window}`,
    run: (ops) => attentionRun(ops, shape),
  }));
}

/** Two sequences of different length over two layers: a first step with both, then single rows, past the first block of keys. */
function attentionRun(ops: Ops, shape: AttentionShape): Promise<Float32Array> {
  const long = DOT_BLOCK + 2;
  return attentionSteps(ops, shape, [[...sequence(1, 0, 5), ...sequence(0, 0, long)], [...sequence(0, long, long + 2), ...sequence(1, 5, 6)], sequence(1, 6, 7)]);
}

/** Two more sequences begin as one of these, and go on alone. */
export function sharedBeginningCase(): OpCase {
  const copies = { row: Int32Array.of(0, 0, 1, 1, 2, 2, 3, 4), slot: Int32Array.of(2, 3, 2, 3, 2, 3, 3, 3) };
  const steps = [[...sequence(1, 0, 5), ...sequence(0, 0, 2)], [...sequence(0, 2, 3), ...sequence(2, 3, 4)], [...sequence(1, 5, 6), ...sequence(3, 5, 6), ...sequence(2, 4, 5)]];
  return { name: 'attention after a shared beginning', run: (ops) => attentionSteps(ops, { heads: 4, kvHeads: 2, headDim: 16, window: 0 }, steps, copies) };
}

/** Scores of some units. Where they are hundreds, as in the other cases, one key has all weight; here the order in which values are added shows, in a window that begins before a block's edge too. */
export function evenAttentionCase(): OpCase {
  const shape: AttentionShape = { heads: 2, kvHeads: 1, headDim: 20, window: 20 };
  const rows = DOT_BLOCK + 8;
  return {
    name: 'attention with even scores',
    async run(ops) {
      const cache = ops.kvCache(1, 1, rows, shape.kvHeads, shape.headDim);
      const q = input(ops, rows, shape.heads * shape.headDim, testValues(15, rows * shape.heads * shape.headDim));
      const [k, v] = [16, 17].map((seed) => ops.embed(table(ops, 'fp32', rows, shape.kvHeads * shape.headDim, testValues(seed, rows * shape.kvHeads * shape.headDim))));
      const out = await ops.read(ops.attention(q, k!, v!, cache, 0, shape), 'attention');
      ops.freeCache(cache);
      return out;
    },
  };
}

interface SlotPosition { readonly slot: number; readonly position: number }

function sequence(slot: number, from: number, to: number): SlotPosition[] {
  return Array.from({ length: to - from }, (_, i) => ({ slot, position: from + i }));
}

/** `copies`: of the first step's rows. */
async function attentionSteps(ops: Ops, shape: AttentionShape, steps: readonly (readonly SlotPosition[])[], copies?: RowCopies): Promise<Float32Array> {
  const cache = ops.kvCache(2, copies === undefined ? 2 : 4, DOT_BLOCK + 8, shape.kvHeads, shape.headDim);
  const results: Float32Array[] = [];
  for (const [step, rows] of steps.entries()) {
    const slots = Int32Array.from(rows, ({ slot }) => slot);
    const positions = Int32Array.from(rows, ({ position }) => position);
    const width = Math.max(shape.heads, shape.kvHeads) * shape.headDim;
    const x = input(ops, rows.length, width, testValues(10 + step, rows.length * width), positions, slots, step === 0 ? copies : undefined);
    // Distinct q, k, v of the right widths through products with fixed weights.
    const project = (seed: number, heads: number) => ops.linear(x, table(ops, 'fp32', heads * shape.headDim, width, testValues(seed, heads * shape.headDim * width, 0.5)));
    for (const layer of [0, 1]) {
      const out = ops.attention(project(20 + layer, shape.heads), project(30 + layer, shape.kvHeads), project(40 + layer, shape.kvHeads), cache, layer, shape);
      results.push(await ops.read(out, 'attention'));
    }
  }
  ops.freeCache(cache);
  return joined(results);
}
