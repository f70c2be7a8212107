/** Timing in turns, and tables. */
import { xorshift } from './random-model.ts';

/** Something that is timed against others. */
export interface Timed {
  /** Seconds of one call, measured over so many. */
  time(calls: number): Promise<number>;
}

export interface Turns {
  /** How often each has its turn. */
  readonly rounds: number;
  /** A turn repeats its call until it lasts about this long. */
  readonly turnMs: number;
  /** Who is slower has fewer turns: together they last no longer than this, but one is always taken. */
  readonly mostMs: number;
}

/** Median and quartiles, seconds of a call. */
export interface Durations { readonly median: number; readonly fast: number; readonly slow: number; readonly rounds: number }

/** A call that lasts longer than this is its own warm-up. */
const LONG_MS = 250;
/** Threads of the one before, still waiting for more, have gone to sleep by then. */
const PAUSE_MS = 2;

/**
 * Times all in rounds, each round in an order of its own: a machine that gets slower for a while does so for all alike. Elapsed
 * time, since what is compared has threads; what others do on the machine is in it, and the median is of many turns.
 */
export async function inTurns(timed: readonly Timed[], { rounds, turnMs, mostMs }: Turns): Promise<Durations[]> {
  const plans: { readonly calls: number; readonly turns: number; readonly samples: number[] }[] = [];
  for (const each of timed) {
    const first = 1000 * (await each.time(1));
    const once = first > LONG_MS ? first : 1000 * (await each.time(1));
    const calls = Math.max(1, Math.ceil(turnMs / once));
    plans.push({ calls, turns: Math.min(rounds, Math.floor(mostMs / (calls * once))), samples: first > mostMs ? [first / 1000] : [] });
  }
  for (let round = 0; round < rounds; round++) {
    for (const index of shuffled(timed.length, round)) {
      const { calls, turns, samples } = plans[index]!;
      if (round >= Math.max(turns, 1 - samples.length)) continue;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      // The one before has emptied the caches.
      if (calls > 1) await timed[index]!.time(1);
      samples.push(await timed[index]!.time(calls));
    }
  }
  return plans.map(({ samples }) => {
    samples.sort((a, b) => a - b);
    const at = (share: number): number => samples[Math.round(share * (samples.length - 1))]!;
    return { median: at(0.5), fast: at(0.25), slow: at(0.75), rounds: samples.length };
  });
}

/** Calls one after the other, by the clock. */
export function byTheClock(call: () => Promise<unknown> | unknown): Timed {
  return {
    async time(calls) {
      const from = performance.now();
      for (let i = 0; i < calls; i++) await call();
      return (performance.now() - from) / 1000 / calls;
    },
  };
}

function shuffled(count: number, seed: number): number[] {
  const next = xorshift(seed + 1);
  const order = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = next() % (last + 1);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

/** Prints rows under headings, numbers to the right. */
export function printTable(title: string, headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string => cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ').trimEnd();
  console.log(`\n${title}\n${line(headings)}`);
  for (const row of rows) console.log(line(row));
}

/** Three significant digits without an exponent. */
export function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
