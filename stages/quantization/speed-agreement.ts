/**
 * Whether two timings of the same cell agree: of each format and phase the median rate over the blocks moved by no more than the base
 * differed from itself within a block of either (its A/A pair, at its widest). That is what the machine makes of equal work.
 */
import { exp64, log64 } from '../../kernels/float64.ts';
import type { Agreed, Agreement } from '../dag/index.ts';
import { median } from './statistics/median.ts';
import { pairedLogRatios, rates } from './summarize-speed.ts';
import type { TimedSamples } from './summarize-speed.ts';

export const speedAgreement: Agreement = (then, now) => agreementOf(samplesIn(then), samplesIn(now));

function samplesIn({ samples }: { readonly [output: string]: Uint8Array }): TimedSamples {
  return JSON.parse(new TextDecoder().decode(samples)) as TimedSamples;
}

/** What moved most, or lies furthest beyond the noise, speaks for all. */
export function agreementOf(then: Pick<TimedSamples, 'samples'>, now: Pick<TimedSamples, 'samples'>): Agreed {
  const moved = ['prefill', 'decode'].flatMap((phase) => {
    const noise = Math.max(noiseOf(then, phase), noiseOf(now, phase));
    return [...new Set(then.samples.map(({ format }) => format))].map((format) => {
      const [before, after] = [medianRate(then, format, phase), medianRate(now, format, phase)];
      return { phase, format, before, after, noise, by: Math.abs(log64(after) - log64(before)) };
    });
  });
  const excess = (one: typeof moved[number]): number => one.by - one.noise;
  const beyond = moved.filter((one) => excess(one) > 0).length;
  const within = beyond === 0;
  const most = moved.reduce((a, b) => ((within ? b.by > a.by : excess(b) > excess(a)) ? b : a));
  return {
    within,
    what: `${most.phase} of ${most.format}: ${most.before.toFixed(1)} tokens/s then, ${most.after.toFixed(1)} now, ${percent(most.by)} apart; two timings of the same lay up to ${percent(most.noise)} apart${beyond > 1 ? `; ${beyond} of ${moved.length} medians are beyond that` : ''}`,
  };
}

function noiseOf(timed: Pick<TimedSamples, 'samples'>, phase: string): number {
  const base = timed.samples.find(({ pair }) => pair === 'A2')?.format;
  return base === undefined ? 0 : Math.max(0, ...pairedLogRatios(rates(timed, base, phase, 'A2'), rates(timed, base, phase)).map(Math.abs));
}

function medianRate(timed: Pick<TimedSamples, 'samples'>, format: string, phase: string): number {
  return median([...rates(timed, format, phase).values()]);
}

/** Of a difference of logarithms. */
function percent(by: number): string {
  return `${(100 * (exp64(by) - 1)).toFixed(1)} %`;
}
