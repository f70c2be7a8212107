/** One layer's attention over a full window; half of the pairs of positions are masked. */
import { formatNamed } from '../../kernels/index.ts';
import type { BenchRow } from '../../stages/quantization/bench-file.ts';
import { contest } from './contest.ts';
import type { Bench, Contender } from './contest.ts';
import { benchEngines } from './engines.ts';
import { byTheClock } from './measure.ts';
import { randomValues } from './random-model.ts';

const WINDOW = 512;
/** The work of a position grows with it: a shorter window tells as much of an engine without threads or vectors. */
const SLOW_WINDOW = 64;

export async function bench(bench: Bench): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const shape of [{ heads: 4, kvHeads: 2, headDim: 32, window: 0 }, { heads: 9, kvHeads: 3, headDim: 64, window: 0 }]) {
    if (bench.quick && shape.headDim < 64) continue;
    const { heads, kvHeads, headDim } = shape;
    const instances = [];
    const contenders: Contender[] = [];
    for (const engine of await benchEngines()) {
      const window = engine.slow ? SLOW_WINDOW : WINDOW;
      const instance = await engine.open();
      instances.push(instance);
      const { ops } = instance;
      const fp32 = formatNamed('fp32');
      const matrix = (seed: number, outFeatures: number, inFeatures: number, deviation: number) =>
        ops.weight(fp32.encode({ name: 'values', shape: [outFeatures, inFeatures], values: randomValues(seed, outFeatures * inFeatures, deviation) }), fp32);
      const queries = matrix(1, window, heads * headDim, 1);
      const keys = matrix(2, window, kvHeads * headDim, 1);
      const cache = ops.kvCache(1, 1, window, kvHeads, headDim);
      const each = Int32Array.from({ length: window }, (_, row) => row);
      contenders.push({
        who: engine.name, version: engine.build, peer: false, decoded: engine.decodes, format: 'fp32', bitsPerWeight: null, activations: null, threads: engine.threads, batch: window, bytes: 2 * 4 * window * kvHeads * headDim,
        ...byTheClock(() => {
          ops.begin({ slot: new Int32Array(window), position: each, token: each });
          const kv = ops.embed(keys);
          return ops.read(ops.take(ops.attention(ops.embed(queries), kv, kv, cache, 0, shape), Int32Array.of(window - 1)), 'attention');
        }),
      });
    }
    rows.push(...await contest(bench, {
      suite: 'attention', title: `Attention of ${heads} heads of ${headDim} over ${kvHeads}, ${WINDOW} positions`, shape: `${heads}/${kvHeads} heads of ${headDim}`, phase: 'attention', batch: WINDOW, unit: 'G multiply-adds/s',
      work: (window) => (window * (window + 1) * heads * headDim) / 1e9, readOnce: false, rounds: 9, turnMs: 15, mostMs: 400,
    }, contenders));
    for (const { ops } of instances) ops.dispose();
  }
  return rows;
}
