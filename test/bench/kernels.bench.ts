/**
 * Rates of the engines of the register, each against the reference in the same run: single products, attention, and whole models.
 * All per second of processor time.
 */
import { engines, formatNamed, openEngine, scoreWindow } from '../../kernels/index.ts';
import type { EngineInstance, Ops, Session } from '../../kernels/index.ts';
import { testValues } from '../../kernels/selftest.ts';
import { bundledCheckpoint, sessionOf, someTokens } from '../kernels/test-models.ts';
import { fastest, printTable, short } from './measure.ts';

const REFERENCE = 'reference';

export async function bench(): Promise<void> {
  const names: string[] = [];
  for (const engine of engines) if ((await engine.unavailable()) === undefined) names.push(engine.name);
  const fast = names.filter((name) => name !== REFERENCE);
  await benchProducts(fast);
  await benchAttention(fast);
  await benchModels(fast);
}

/** The test's values without its denormals, which real weights lack and processors are slow with. */
function values(seed: number, length: number, scale = 1): Float32Array {
  return testValues(seed, length, scale).map((value) => (Math.abs(value) < 1e-30 ? 0 : value));
}

async function opened(name: string): Promise<EngineInstance> {
  return (await openEngine(name)).instance;
}

/** Starts a step of `rows` tokens and gives an activation of that many columns. */
function input(ops: Ops, rows: number, columns: number): () => ReturnType<Ops['embed']> {
  const fp32 = formatNamed('fp32');
  const table = ops.weight(fp32.encode({ name: 'input', shape: [rows, columns], values: values(1, rows * columns) }), fp32);
  const each = Int32Array.from({ length: rows }, (_, row) => row);
  return () => {
    ops.begin({ slot: new Int32Array(rows), position: each, token: each });
    return ops.embed(table);
  };
}

/** Linear layers of the bundled models and rows of a prefill, a batch, a single token. */
async function benchProducts(names: readonly string[]): Promise<void> {
  const shapes = [[512, 384, 128], [512, 1024, 384], [512, 384, 1024], [16, 1024, 384], [8, 1024, 384], [1, 1024, 384], [1, 384, 128]] as const;
  for (const formatName of ['fp32', 'nf4', 'int8']) {
    const format = formatNamed(formatName);
    const rateOf = async (name: string, [rows, outFeatures, inFeatures]: readonly [number, number, number]): Promise<number> => {
      const { ops } = await opened(name);
      const encoded = format.encode({ name: 'weight', shape: [outFeatures, inFeatures], values: values(2, outFeatures * inFeatures, 0.05) });
      const weight = ops.weight(encoded, format);
      const begin = input(ops, rows, inFeatures);
      // Several products a step: beginning one costs something too.
      const times = name === REFERENCE ? 1 : Math.ceil(512 / rows);
      const seconds = await fastest(() => {
        const x = begin();
        for (let i = 0; i < times; i++) ops.linear(x, weight);
      });
      ops.dispose();
      return (times * rows * outFeatures * inFeatures) / seconds / 1e9;
    };
    const table: string[][] = [];
    for (const shape of shapes) {
      const [rows, outFeatures, inFeatures] = shape;
      // A row's time does not depend on their number: sixteen of the reference's are enough.
      const judge = await rateOf(REFERENCE, [Math.min(rows, 16), outFeatures, inFeatures]);
      const cells = [`${rows} x [${outFeatures}, ${inFeatures}]`, short(judge)];
      for (const name of names) {
        const rate = await rateOf(name, shape);
        cells.push(short(rate), `${short(rate / judge)}x`);
      }
      table.push(cells);
    }
    printTable(`linear ${formatName}, G multiply-adds/s`, ['rows x weight', REFERENCE, ...names.flatMap((name) => [name, 'ratio'])], table);
  }
}

/** One layer over a full window; half of the pairs of positions are masked. */
async function benchAttention(names: readonly string[]): Promise<void> {
  const table: string[][] = [];
  for (const [heads, kvHeads, headDim] of [[4, 2, 32], [4, 2, 64], [6, 2, 64]] as const) {
    const rateOf = async (name: string, rows: number): Promise<number> => {
      const { ops } = await opened(name);
      const beginQ = input(ops, rows, heads * headDim);
      const fp32 = formatNamed('fp32');
      const narrow = ops.weight(fp32.encode({ name: 'narrow', shape: [kvHeads * headDim, heads * headDim], values: values(3, kvHeads * heads * headDim * headDim, 0.1) }), fp32);
      const cache = ops.kvCache(1, 1, rows, kvHeads, headDim);
      const q = beginQ();
      const kv = ops.linear(q, narrow);
      const seconds = await fastest(() => {
        ops.attention(q, kv, kv, cache, 0, { heads, kvHeads, headDim, window: 0 });
      });
      ops.dispose();
      return (rows * (rows + 1) * heads * headDim) / seconds / 1e9;
    };
    const judge = await rateOf(REFERENCE, 128);
    const cells = [`${heads}/${kvHeads} heads of ${headDim}`, short(judge)];
    for (const name of names) {
      const rate = await rateOf(name, 512);
      cells.push(short(rate), `${short(rate / judge)}x`);
    }
    table.push(cells);
  }
  printTable('attention, G multiply-adds/s (512 positions; reference 128)', ['shape', REFERENCE, ...names.flatMap((name) => [name, 'ratio'])], table);
}

/** Tokens a second: a window of 512 at once, and one token each of 1, 8 and 16 sequences that hold 64 already. */
async function benchModels(names: readonly string[]): Promise<void> {
  for (const format of ['fp16', 'int8']) {
    const table: string[][] = [];
    for (const model of ['novel-1m', 'novel-4m', 'novel-10m']) {
      const ratesOf = async (name: string, window: number, batches: readonly number[]): Promise<number[]> => {
        const session = sessionOf(bundledCheckpoint(model), format, await opened(name));
        const tokens = someTokens(window, session.shape.vocabulary);
        const rates = [window / (await fastest(() => scoreWindow(session, tokens), name === REFERENCE ? 0 : 1))];
        for (const batch of batches) rates.push(await decodeRate(session, batch));
        session.dispose();
        return rates;
      };
      const judge = await ratesOf(REFERENCE, 32, [1]);
      for (const name of names) {
        const rates = await ratesOf(name, 512, [1, 8, 16]);
        table.push([model, name, short((1000 * 512) / rates[0]!), ...rates.map(short), `${short(rates[0]! / judge[0]!)}x`, `${short(rates[1]! / judge[1]!)}x`]);
      }
    }
    printTable(`whole models ${format}, tokens/s (ratios: to the reference, whose prefill is of 32)`,
      ['model', 'engine', 'ms a window', 'prefill 512', 'decode 1', 'decode 8', 'decode 16', 'prefill ratio', 'decode ratio'], table);
  }
}

async function decodeRate(session: Session, batch: number): Promise<number> {
  const context = 64;
  session.reset(batch, context + 1);
  const slots = Int32Array.from({ length: batch }, (_, slot) => slot);
  for (let position = 0; position < context; position++) {
    await session.step({ slot: slots, position: new Int32Array(batch).fill(position), token: slots });
  }
  const last = { slot: slots, position: new Int32Array(batch).fill(context), token: slots };
  return batch / (await fastest(() => session.step(last), 0.3));
}
