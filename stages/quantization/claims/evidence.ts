/** The evidence for a claim, model by model, out of the outputs that its cell gathered; what is missing is known by name. */
import { log64 } from '../../../kernels/float64.ts';
import { fidelityClusters, samplingClusters } from '../score-clusters.ts';
import type { FidelityClusters, SamplingClusters } from '../score-clusters.ts';
import type { FidelityScores, NullScores, SamplingScores } from '../score-output.ts';
import type { BenchCache } from '../bench-file.ts';
import type { TimedSamples } from '../summarize-speed.ts';
import type { WeightsReport } from '../summarize-weights.ts';

export interface ClaimModel { readonly name: string; readonly base: string; readonly architecture: string; readonly parameters: number }

export interface Timings extends TimedSamples {
  /** `peer`: another program, and what it computed on. */
  readonly engine: { readonly name: string; readonly peer?: { readonly device: string; readonly settings: string } };
  readonly threads: number;
  readonly promptTokens: number;
  readonly caches: readonly BenchCache[];
}

/** Timings of a model on an engine, and the label of the machine that took them. */
export interface ModelTimings { readonly model: string; readonly machine: string | undefined; readonly value: Timings }

/** What was gathered, already read. */
export interface Gatherings {
  readonly fidelity: readonly FidelityScores[];
  readonly sampling: readonly SamplingScores[];
  readonly nulls: readonly NullScores[];
  /** On the study's own engine. */
  readonly timings: readonly ModelTimings[];
  /** On others, where they could run. */
  readonly otherTimings: readonly ModelTimings[];
  readonly sizes: readonly { readonly model: string; readonly format: string; readonly value: WeightsReport }[];
  /** Cells that failed: their ids. */
  readonly missing: readonly string[];
}

export class Evidence {
  /** Models of which nothing that was asked for is missing. */
  readonly models: readonly ClaimModel[];
  /** The quantized formats asked for, in the study's order. */
  readonly formats: readonly string[];
  readonly #all: readonly ClaimModel[];
  readonly #from: Gatherings;

  constructor(models: readonly ClaimModel[], formats: readonly string[], from: Gatherings) {
    this.#all = models;
    this.formats = formats;
    this.#from = from;
    this.models = models.filter(({ name }) => !from.missing.some((cell) => cell.slice(cell.indexOf(':') + 1).split('/')[0] === name));
  }

  fidelity(model: string, format: string): FidelityClusters | undefined {
    const own = this.#from.fidelity.filter((scores) => scores.model === model && scores.format === format);
    return own.length === 0 ? undefined : fidelityClusters(own);
  }

  /** At top_k 0, by temperature ascending from `low` to `high`, T = 0 left out. */
  sampling(model: string, format: string, low = 0, high = Infinity): Map<number, SamplingClusters> {
    const own = this.#from.sampling.filter((scores) => scores.model === model && scores.format === format && scores.topK === 0);
    return new Map(ascending(own, low, high).map((t) => [t, samplingClusters(own.filter(({ temperature }) => temperature === t))]));
  }

  /** Of noise of the format's size: per draw, the quality shift per token at each temperature in the range, nats. */
  nullDraws(model: string, format: string, low: number, high: number): number[][] {
    const own = this.#from.nulls.filter((scores) => scores.model === model && scores.format === format);
    const at = ascending(own, low, high).map((t) => own.filter(({ temperature }) => temperature === t));
    const drawCount = at.length === 0 ? 0 : Math.min(...own.map(({ draws }) => draws.length));
    return Array.from({ length: drawCount }, (_, draw) => at.map((texts) =>
      total(texts.flatMap(({ draws }) => draws[draw]!)) / total(texts.flatMap(({ scoredTokens }) => scoredTokens))));
  }

  /**
   * Of noise of the format's size: by temperature, what the mean of its draws adds to each cluster of `sampling`, nats. Only some of a window's
   * positions are sampled; their mean stands for all. Noise and sampled positions are each window's own, so the spread over windows
   * holds what either leaves uncertain.
   */
  nullSums(model: string, format: string, low: number, high: number): Map<number, Float64Array> {
    const own = this.#from.nulls.filter((scores) => scores.model === model && scores.format === format);
    const sampled = this.#from.sampling.filter((scores) => scores.model === model && scores.format === format && scores.topK === 0);
    return new Map(ascending(own, low, high).map((t) => [t, Float64Array.from(sampled.filter(({ temperature }) => temperature === t).flatMap(({ text, scoredTokens }) => {
      const { draws, scoredTokens: drawn } = own.find((scores) => scores.temperature === t && scores.text === text)!;
      return scoredTokens.map((tokens, window) => (tokens / drawn[window]!) * (total(draws.map((sums) => sums[window]!)) / draws.length));
    }))]));
  }

  /** One for each engine, the study's own first. Of several machines the claims look at one: the first by its label that timed the study's own. */
  timings(model: string): Timings[] {
    return this.#timed(model).filter(({ engine }) => engine.peer === undefined);
  }

  /** On that peer, on the machine that the claims look at. */
  peerTimings(model: string, peer: string): Timings | undefined {
    return this.#timed(model).find(({ engine }) => engine.peer !== undefined && engine.name === peer);
  }

  #timed(model: string): Timings[] {
    const { timings, otherTimings } = this.#from;
    const here = [...timings, ...otherTimings].filter((timed) => timed.model === model && timed.machine === timings[0]?.machine).map(({ value }) => value);
    return here.filter(({ engine }, index) => here.findIndex((timed) => timed.engine.name === engine.name) === index);
  }

  size(model: string, format: string): WeightsReport | undefined {
    return this.#from.sizes.find((size) => size.model === model && size.format === format)?.value;
  }

  /** '3 models of at most 10.2 M parameters, 3 texts, 30 windows; without novel-4m, of which cells failed'. */
  scope(extra?: string): string {
    const largest = Math.max(0, ...this.models.map(({ parameters }) => parameters));
    const texts = new Set([...this.#from.fidelity, ...this.#from.sampling].map(({ text }) => text));
    const windows = Math.max(0, ...this.models.map(({ name }) => this.#windows(name)));
    const without = this.#all.filter((model) => !this.models.includes(model)).map(({ name }) => name);
    return [
      `${counted(this.models.length, 'model')} of at most ${round(largest / 1e6)} M parameters`,
      ...(texts.size > 0 ? [counted(texts.size, 'text'), counted(windows, 'window')] : []),
      ...(extra === undefined ? [] : [extra]),
    ].join(', ') + (without.length === 0 ? '' : `; without ${without.join(', ')}, of which cells failed`);
  }

  #windows(model: string): number {
    const fidelity = this.#from.fidelity.filter((scores) => scores.model === model);
    const byFormat = fidelity.filter(({ format }) => format === fidelity[0]!.format);
    const sampling = this.#from.sampling.filter((scores) => scores.model === model);
    const first = sampling[0];
    const same = sampling.filter(({ format, temperature, topK }) => format === first!.format && temperature === first!.temperature && topK === first!.topK);
    return total(byFormat.map(({ windows }) => windows)) || total(same.map(({ scoredTokens }) => scoredTokens.length));
  }
}

export const counted = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;
export const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
export const log = log64;

function ascending(scores: readonly { readonly temperature: number }[], low: number, high: number): number[] {
  return [...new Set(scores.map(({ temperature }) => temperature))].filter((t) => t > 0 && t >= low && t <= high).sort((a, b) => a - b);
}

/** One decimal, or none where it is whole. */
const round = (x: number): string => String(Math.round(x * 10) / 10);
