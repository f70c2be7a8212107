/**
 * Single products: a weight of 4096 x 4096 in every format with 1, 8 and 512 rows of activations, against ONNX Runtime's; with one
 * row also a weight that fits a core's L2, and a chain of weights larger than all caches, as a large model's layers are.
 */
import { freemem } from 'node:os';
import { encodedBytes, formatNamed, formats } from '../../kernels/index.ts';
import type { Activation, EncodedTensor, EngineInstance, Weight } from '../../kernels/index.ts';
import type { BenchRow } from '../../stages/quantization/bench-file.ts';
import { contest } from './contest.ts';
import type { Bench, Contender } from './contest.ts';
import { benchEngines } from './engines.ts';
import type { BenchEngine } from './engines.ts';
import { byTheClock } from './measure.ts';
import { openProducts } from './peers/onnxruntime.ts';
import { randomValues } from './random-model.ts';

const LARGE = 4096;
/** An fp32 weight of this side takes 1 MB. */
const SMALL = 512;
/** The small weight takes some microseconds: so many of its products make a step. */
const SMALL_CHAIN = 32;
/** Weights larger than the caches, of each format and engine, take no more than this. */
const MOST_BYTES = 700e6;

/** Square: its output has the shape of its input, so that one product can follow another. */
function encoded(format: string, side: number): EncodedTensor {
  return formatNamed(format).encode({ name: 'weight', shape: [side, side], values: weightValues(side) });
}

/** This deviation keeps the size of activations through a chain. */
const weightValues = (side: number): Float32Array => randomValues(2, side * side, 1 / Math.sqrt(side));

export async function bench(bench: Bench): Promise<BenchRow[]> {
  const engines = await benchEngines();
  const rows: BenchRow[] = [];
  rows.push(...await benchLarge(bench, engines));
  rows.push(...await benchSmall(bench, engines.filter(({ slow }) => !slow)));
  if (!bench.quick) rows.push(...await benchBeyond(bench, engines.filter(({ decodes }) => !decodes)));
  return rows;
}

/** `chain` products, each taking the one before: weights[0], weights[1], ..., and again from the first. */
function chained({ ops }: EngineInstance, weights: readonly Weight[], chain: number, rows: number, side: number): () => Promise<unknown> {
  const fp32 = formatNamed('fp32');
  const table = ops.weight(fp32.encode({ name: 'input', shape: [rows, side], values: randomValues(3, rows * side, 1) }), fp32);
  const each = Int32Array.from({ length: rows }, (_, row) => row);
  return () => {
    ops.begin({ slot: new Int32Array(rows), position: each, token: each });
    let x: Activation = ops.embed(table);
    for (let i = 0; i < chain; i++) x = ops.linear(x, weights[i % weights.length]!);
    // One row is enough to have all computed, and costs little to copy.
    return ops.read(ops.take(x, Int32Array.of(0)), 'product');
  };
}

async function benchLarge(bench: Bench, engines: readonly BenchEngine[]): Promise<BenchRow[]> {
  const names = bench.quick ? ['fp16', 'int8', 'nf4'] : formats.map(({ name }) => name);
  const all = new Map(names.map((name) => [name, encoded(name, LARGE)]));
  const opened: { readonly engine: BenchEngine; readonly instance: EngineInstance; readonly weights: ReadonlyMap<string, Weight> }[] = [];
  for (const engine of engines) {
    if (engine.slow && bench.quick) continue;
    const instance = await engine.open();
    opened.push({ engine, instance, weights: new Map([...all].map(([name, weight]) => [name, instance.ops.weight(weight, formatNamed(name))])) });
  }
  const peers = await openProducts(weightValues(LARGE), LARGE, bench.quick);
  const rows: BenchRow[] = [];
  for (const batch of bench.quick ? [1, 512] : [1, 8, 512]) {
    const contenders = opened.flatMap(({ engine, instance, weights }) => [...weights].map(([format, weight]): Contender => ({
      ...named(engine, format, LARGE), bytes: encodedBytes(all.get(format)!), ...byTheClock(chained(instance, [weight], 1, batch, LARGE)),
    })).filter(() => !(engine.slow && batch > 8) && !(engine.decodes && bench.quick && batch > 8)));
    rows.push(...await contest(bench, {
      suite: 'products', title: `${batch} ${batch === 1 ? 'row' : 'rows'} x [${LARGE}, ${LARGE}]`, shape: `${LARGE} x ${LARGE}`, phase: 'product', batch, unit: 'G multiply-adds/s',
      work: (own) => (own * LARGE * LARGE) / 1e9, readOnce: batch === 1, rounds: bench.quick ? 5 : 9, turnMs: 15, mostMs: batch === 512 ? 900 : 300,
    }, [...contenders, ...peers.contenders(batch)]));
  }
  for (const { instance } of opened) instance.ops.dispose();
  await peers.close();
  return rows;
}

const named = ({ name, build, threads, decodes, activations }: BenchEngine, format: string, side: number): Omit<Contender, 'time' | 'bytes'> => ({
  who: name, version: build, peer: false, decoded: decodes, format, bitsPerWeight: 8 * encodedBytes(encoded(format, side)) / (side * side), activations: activations(format), threads,
});

/** Each weight is in the caches of the core that uses it. Not ONNX Runtime: it packs a copy of the weight for each product of a chain. */
async function benchSmall(bench: Bench, engines: readonly BenchEngine[]): Promise<BenchRow[]> {
  const all = new Map(['fp32', 'fp16', 'int8', 'nf4'].map((name) => [name, encoded(name, SMALL)]));
  const instances: EngineInstance[] = [];
  const contenders: Contender[] = [];
  for (const engine of engines) {
    const instance = await engine.open();
    instances.push(instance);
    for (const [format, weight] of all) {
      const call = chained(instance, [instance.ops.weight(weight, formatNamed(format))], SMALL_CHAIN, 1, SMALL);
      contenders.push({ ...named(engine, format, SMALL), bytes: encodedBytes(weight), reads: SMALL_CHAIN * encodedBytes(weight), times: SMALL_CHAIN, ...byTheClock(call) });
    }
  }
  const rows = await contest(bench, {
    suite: 'products', title: `1 row x [${SMALL}, ${SMALL}], ${SMALL_CHAIN} times with the same weight`, shape: `${SMALL} x ${SMALL}`, phase: 'product', batch: 1, unit: 'G multiply-adds/s',
    work: () => (SMALL * SMALL) / 1e9, readOnce: true, rounds: 9, turnMs: 10, mostMs: 200,
  }, contenders);
  for (const { ops } of instances) ops.dispose();
  return rows;
}

/** More weights than the largest cache holds, as far as this machine's memory allows. */
async function benchBeyond(bench: Bench, engines: readonly BenchEngine[]): Promise<BenchRow[]> {
  const names = ['fp16', 'int8', 'nf4'];
  const caches = Math.max(32e6, ...bench.caches.map(({ bytes }) => bytes));
  const wanted = Math.min(1.25 * caches, MOST_BYTES, freemem() / 3 / (names.length * engines.length));
  const instances: EngineInstance[] = [];
  const contenders: Contender[] = [];
  let chains = 0;
  for (const format of names) {
    const weight = encoded(format, LARGE);
    const chain = Math.max(1, Math.ceil(wanted / encodedBytes(weight)));
    for (const engine of engines) {
      const instance = await engine.open();
      instances.push(instance);
      // Copies of their own: an engine may keep what it is given.
      const weights = Array.from({ length: chain }, () => instance.ops.weight(structuredClone(weight), formatNamed(format)));
      contenders.push({ ...named(engine, format, LARGE), bytes: chain * encodedBytes(weight), times: chain, ...byTheClock(chained(instance, weights, chain, 1, LARGE)) });
    }
    chains = Math.max(chains, chain);
  }
  const rows = await contest(bench, {
    suite: 'products', title: `1 row x [${LARGE}, ${LARGE}], a chain of as many weights as exceed the caches (at most ${chains})`, shape: `${LARGE} x ${LARGE} in a chain`, phase: 'product', batch: 1, unit: 'G multiply-adds/s',
    work: () => (LARGE * LARGE) / 1e9, readOnce: true, rounds: 7, turnMs: 20, mostMs: 600,
  }, contenders);
  for (const { ops } of instances) ops.dispose();
  return rows;
}
