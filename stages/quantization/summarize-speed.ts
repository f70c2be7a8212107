/**
 * Speed from randomised blocks: the median over blocks, the ratio to the base as the median of paired log ratios, and the ratio of the
 * base to itself (A/A), which is the noise of the machine. Intervals of medians come from order statistics. Latencies are of single steps.
 */
import { exp64, log64 } from '../../kernels/float64.ts';
import type { Interval } from './statistics/bootstrap.ts';
import { median, medianInterval } from './statistics/median.ts';
import { sortedQuantile } from './statistics/quantile.ts';
import { INTERVAL_LEVEL } from './summarize-rows.ts';
import type { MetricList, RowPlace } from './summarize-rows.ts';

/** The part of speed's output that is read here. */
export interface TimedSamples {
  readonly engine: { readonly name: string };
  readonly machine: { readonly cpu: string; readonly cores: number };
  readonly samples: readonly {
    readonly format: string; readonly phase: string; readonly pair: string; readonly block: number; readonly tokens: number; readonly durationMs: number; readonly gpuMs?: number;
    readonly stepsMs: readonly number[];
  }[];
  readonly memory: { readonly [format: string]: { readonly [part: string]: number } };
}

/** Tokens per second of one format, phase and place in the pair, by block. */
export type Rates = ReadonlyMap<number, number>;

export function rates({ samples }: Pick<TimedSamples, 'samples'>, format: string, phase: string, pair = 'A'): Rates {
  return new Map(samples.filter((s) => s.format === format && s.phase === phase && s.pair === pair).map(({ block, tokens, durationMs }) => [block, (1000 * tokens) / durationMs]));
}

/** log(rate / other's rate) of every block that has both. */
export function pairedLogRatios(rate: Rates, other: Rates): number[] {
  return [...rate].flatMap(([block, value]) => {
    const paired = other.get(block);
    return paired === undefined ? [] : [log64(value) - log64(paired)];
  });
}

/** Whether two timings were taken on one machine, as far as what they say of it tells. */
export function sameMachine(one: TimedSamples, other: TimedSamples): boolean {
  return one.machine.cpu === other.machine.cpu && one.machine.cores === other.machine.cores;
}

export function summarizeSpeed(list: MetricList, { model, base, cell }: { readonly model: string; readonly base: string; readonly cell: string }, timed: TimedSamples): void {
  for (const format of new Set(timed.samples.map((sample) => sample.format))) {
    const place = { model, format, cell, engine: timed.engine.name, exact: false };
    const add = (quantity: string, unit: string, values: readonly number[], as: (x: number) => number = (x) => x): void => {
      if (values.length === 0) return list.omit(quantity, `${format} was not timed`);
      const bounds: Interval | undefined = medianInterval(values, INTERVAL_LEVEL);
      list.add(place, quantity, unit, as(median(values)), { n: values.length, clusters: values.length }, bounds && { low: as(bounds.low), high: as(bounds.high) });
    };
    for (const phase of ['prefill', 'decode']) {
      const own = rates(timed, format, phase);
      add(`${phase}_tokens_per_second`, 'tokens/s', [...own.values()]);
      // Where the GPU has a clock: the rate of what it worked, without the host's part.
      const onGpu = timed.samples.flatMap((s) => (s.format === format && s.phase === phase && s.pair === 'A' && s.gpuMs !== undefined && s.gpuMs > 0 ? [(1000 * s.tokens) / s.gpuMs] : []));
      if (onGpu.length > 0) add(`${phase}_gpu_tokens_per_second`, 'tokens/s', onGpu);
      if (format === base) add(`${phase}_aa_ratio`, 'ratio', pairedLogRatios(rates(timed, base, phase, 'A2'), own), exp64);
      else add(`${phase}_ratio_to_base`, 'ratio', pairedLogRatios(own, rates(timed, base, phase)), exp64);
    }
    const steps = (phase: string): (readonly number[])[] => timed.samples.filter((s) => s.format === format && s.phase === phase && s.pair === 'A').map(({ stepsMs }) => stepsMs);
    add('time_to_first_token', 'ms', steps('prefill').map(median));
    summarizeLatency(list, place, steps('decode'));
    const held = timed.memory[format];
    if (held) list.add(place, 'held_bytes', 'bytes', Object.values(held).reduce((sum, bytes) => sum + bytes, 0), { n: 1 });
  }
}

/** Percentiles of the time from token to token, over the steps of all blocks. One is stated where at least one step is expected beyond it. */
function summarizeLatency(list: MetricList, place: RowPlace, blocks: readonly (readonly number[])[]): void {
  const ascending = Float64Array.from(blocks.flat()).sort();
  for (const percent of [50, 95, 99]) {
    const quantity = `decode_latency_p${percent}`;
    const needed = Math.ceil(100 / (100 - percent));
    if (ascending.length < needed) list.omit(quantity, `it needs ${needed} steps, and there are ${ascending.length}`);
    else list.add(place, quantity, 'ms', sortedQuantile(ascending, percent / 100), { n: ascending.length, clusters: blocks.length });
  }
}
