/**
 * What an op of a recorded program costs beyond its arithmetic: a chain of sums of 64 numbers, each waiting for the one before. Recording
 * an op in JavaScript is part of it.
 */
import { formatNamed } from '../../kernels/index.ts';
import type { BenchRow } from '../../stages/quantization/bench-file.ts';
import { benchEngines } from './engines.ts';
import { byTheClock, inTurns, printTable } from './measure.ts';

const OPS = 1000;

export async function bench(): Promise<BenchRow[]> {
  const engines = (await benchEngines()).filter(({ slow }) => !slow);
  const instances = await Promise.all(engines.map((engine) => engine.open()));
  const fp32 = formatNamed('fp32');
  const durations = await inTurns(instances.map(({ ops }) => {
    const table = ops.weight(fp32.encode({ name: 'one', shape: [1, 64], values: new Float32Array(64) }), fp32);
    return byTheClock(() => {
      ops.begin({ slot: Int32Array.of(0), position: Int32Array.of(0), token: Int32Array.of(0) });
      const one = ops.embed(table);
      let sum = one;
      for (let i = 0; i < OPS; i++) sum = ops.add(sum, one);
      return ops.read(sum, 'sum');
    });
  }), { rounds: 9, turnMs: 20, mostMs: 400 });
  printTable('An op of a recorded program, µs', ['engine', 'threads', 'median', 'quartiles'], durations.map(({ median, fast, slow }, i) => {
    const shown = (seconds: number): string => ((seconds * 1e6) / OPS).toFixed(2);
    return [engines[i]!.name, String(engines[i]!.threads), shown(median), `${shown(fast)} .. ${shown(slow)}`];
  }));
  for (const { ops } of instances) ops.dispose();
  return [];
}
