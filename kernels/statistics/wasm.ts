/**
 * Statistics in WebAssembly (kernels/wasm/assembly/statistics.ts): two sums side by side, in an instance with memory of its own. Logits
 * are copied there two rows at a time, or one row of each model where lanes are temperatures, so that the memory is a few rows' worth.
 */
import { instantiate } from '../engines/wasm-kernels.ts';
import type { CompiledKernels } from '../engines/wasm-kernels.ts';
import { LinearMemory } from '../engines/wasm-memory.ts';
import { checked } from '../statistics.ts';
import type { BaseSums, FormatSums, NoiseRows, RowScores, SamplingPoint, Statistics, SummedRows } from '../statistics.ts';
import { Arena } from './wasm-arena.ts';
import { FLUSH, FRACTIONS, ROUNDER, STEP_HIGH, STEP_LOW, STEPS } from './softmax.ts';

/** Addresses are bytes in linear memory; kernels/wasm/assembly/statistics.ts says what each does. */
export interface WasmStatisticsKernels {
  readonly memory: WebAssembly.Memory;
  largestPlace(row: number, n: number): number;
  pairUp(a: number, b: number, n: number, out: number): void;
  pairLogSumExp(fractions: number, z: number, n: number, max: number, out: number): void;
  pairFidelityBase(fractions: number, z: number, n: number, max: number, p: number, out: number): void;
  pairFidelityFormat(fractions: number, base: number, p: number, lse: number, z: number, n: number, max: number, q: number, out: number): void;
  pairDivide(fractions: number, z: number, n: number, max: number, p: number, out: number): void;
  pairDivergence(fractions: number, base: number, p: number, lse: number, z: number, n: number, max: number, out: number): void;
  pairNoise(counterA: number, counterB: number, key0: number, key1: number, n: number, out: number): void;
  pairAddNoise(base: number, noise: number, n: number, sigma: number, z: number, out: number): void;
  pairSoftmaxMean(fractions: number, z: number, weights: number, n: number, max: number, beta: number, out: number): void;
  surprisals(row: number, n: number, lse: number, out: number): void;
  rankTop(row: number, n: number, k: number, baseIds: number, baseRanks: number, ids: number, ranks: number): void;
  clearRanks(ids: number, k: number, ranks: number): void;
  fullBase(fractions: number, row: number, n: number, max: number, betaA: number, betaB: number, surprisal: number, p: number, out: number): void;
  fullFormat(fractions: number, row: number, n: number, max: number, betaA: number, betaB: number, surprisal: number, p: number, q: number, out: number): void;
  candidateProbabilities(fractions: number, row: number, ids: number, k: number, max: number, betaA: number, betaB: number, p: number): void;
  amongCandidates(k: number, baseIds: number, baseRanks: number, ids: number, ranks: number, p: number, q: number, out: number): void;
}

/** The first page is never handed out. */
const RESERVED_BYTES = 65536;
const RANK_OUTSIDE = 0x7fffffff;

/** In the order that `exponential` takes them. */
const CONSTANTS = [STEPS, ROUNDER, STEP_HIGH, STEP_LOW, 1 / 6, 1 / 24, 0.5, 1, FLUSH];

/** An instance for statistics alone: what an engine's ops hold in theirs is none of it. */
export function instantiateStatistics(compiled: CompiledKernels): WasmStatisticsKernels {
  return instantiate<WasmStatisticsKernels>(compiled);
}

export function wasmStatistics(kernels: WasmStatisticsKernels): Statistics {
  const machine = new Machine(kernels);
  return checked({
    logSumExp(vocabulary, logits, lse) {
      const pair = machine.begin(vocabulary).pair();
      eachPair(lse.length, (first, second) => {
        pair.load(logits, first, second);
        machine.store([lse], first, second, () => kernels.pairLogSumExp(machine.fractions, pair.z, vocabulary, pair.max, machine.out));
      });
    },
    fidelity: (vocabulary, tokens, base, formats) => fidelity(machine.begin(vocabulary), vocabulary, tokens, base, formats),
    sampling: (vocabulary, points, base, judge, formats) => sampling(machine.begin(vocabulary), vocabulary, points, base, judge, formats),
    rowKl(vocabulary, base, logits, kl) {
      const divided = new DividedPair(machine.begin(vocabulary));
      const pair = machine.pair();
      eachPair(kl.length, (first, second) => {
        divided.load(base, first, second);
        pair.load(logits, first, second);
        machine.store([kl], first, second, () => divided.divergence(pair));
      });
    },
    noiseKl(rows, sigmas, kl) {
      const divided = new DividedPair(machine.begin(rows.vocabulary));
      const noisy = new NoisyPair(machine, rows);
      eachPair(rows.counters.length, (first, second) => {
        divided.load(rows.base, first, second);
        noisy.draw(first, second);
        sigmas.forEach((sigma, s) => {
          noisy.add(divided.pair, sigma);
          machine.store([ofRow(kl, s, rows)], first, second, () => divided.divergence(noisy.pair));
        });
      });
    },
    noiseQuality(rows, weights, sigmas, temperatures, quality) {
      const { vocabulary } = rows;
      const [base, weighing] = [machine.begin(vocabulary).pair(), machine.pair()];
      const noisy = new NoisyPair(machine, rows);
      eachPair(rows.counters.length, (first, second) => {
        base.load(rows.base, first, second);
        weighing.load(weights, first, second);
        noisy.draw(first, second);
        sigmas.forEach((sigma, s) => {
          noisy.add(base, sigma);
          temperatures.forEach((temperature, t) => machine.store([ofRow(quality, s * temperatures.length + t, rows)], first, second, () =>
            kernels.pairSoftmaxMean(machine.fractions, noisy.pair.z, weighing.z, vocabulary, noisy.pair.max, 1 / temperature, machine.out)));
        });
      });
    },
  });
}

/** Calls `use` with the rows of each pair; a last odd row is a pair with itself. */
function eachPair(rows: number, use: (first: number, second: number) => void): void {
  for (let first = 0; first < rows; first += 2) use(first, Math.min(first + 1, rows - 1));
}

/** Part i of an array that has a value for each row, for several things. */
function ofRow(values: Float64Array, i: number, { counters }: NoiseRows): Float64Array {
  return values.subarray(i * counters.length, (i + 1) * counters.length);
}

/** The instance, its memory, and where results arrive. */
class Machine {
  readonly kernels: WasmStatisticsKernels;
  readonly fractions: number;
  readonly #memory: LinearMemory;
  readonly #arena: Arena;
  vocabulary = 0;
  out = 0;
  #results: Float64Array = new Float64Array(0);

  constructor(kernels: WasmStatisticsKernels) {
    this.kernels = kernels;
    this.#memory = new LinearMemory(kernels.memory, RESERVED_BYTES);
    this.#arena = new Arena(this.#memory);
    const table = Float64Array.of(...FRACTIONS, ...CONSTANTS.flatMap((constant) => [constant, constant]));
    this.fractions = this.#memory.take(table.byteLength);
    new Float64Array(kernels.memory.buffer, this.fractions, table.length).set(table);
  }

  /** Gives all memory of the call before back. */
  begin(vocabulary: number): this {
    this.#arena.reset();
    this.vocabulary = vocabulary;
    this.out = this.take(64);
    return this;
  }

  take(bytes: number): number {
    return this.#arena.take(bytes);
  }

  pair(): Pair {
    return new Pair(this);
  }

  /** A value for each token: of `bytes` each. */
  perToken(bytes: number): number {
    return this.take((this.vocabulary + 3) * bytes);
  }

  floats(at: number, length: number): Float32Array {
    return this.#memory.floats(at, length);
  }

  integers(at: number, length: number): Int32Array {
    return this.#memory.integers(at, length);
  }

  /** The results of the last kernel. */
  get results(): Float64Array {
    if (this.#results.buffer !== this.kernels.memory.buffer || this.#results.byteOffset !== this.out) this.#results = new Float64Array(this.kernels.memory.buffer, this.out, 8);
    return this.#results;
  }

  /** Runs a kernel and writes its results of two rows, one array for each result. */
  store(columns: readonly Float64Array[], first: number, second: number, kernel: () => void): void {
    kernel();
    const results = this.results;
    columns.forEach((column, i) => {
      column[second] = results[2 * i + 1]!;
      column[first] = results[2 * i]!;
    });
  }

  /** Copies a row in; returns where its largest logit is. */
  loadRow(logits: Float32Array, row: number, to: number): number {
    const n = this.vocabulary;
    this.floats(to, n).set(logits.subarray(row * n, (row + 1) * n));
    return this.kernels.largestPlace(to, n);
  }
}

/** Two rows side by side. */
class Pair {
  readonly z: number;
  /** Two f64. */
  readonly max: number;
  readonly top: [number, number] = [0, 0];
  readonly #machine: Machine;
  readonly #rows: readonly [number, number];

  constructor(machine: Machine) {
    this.#machine = machine;
    this.z = machine.perToken(8);
    this.max = machine.take(16);
    this.#rows = [machine.perToken(4), machine.perToken(4)];
  }

  /** One of the two as it was copied in. */
  row(lane: number): number {
    return this.#rows[lane]!;
  }

  load(logits: Float32Array, first: number, second: number): void {
    const { kernels, vocabulary } = this.#machine;
    const [a, b] = this.#rows;
    this.top[0] = this.#machine.loadRow(logits, first, a);
    this.top[1] = this.#machine.loadRow(logits, second, b);
    kernels.pairUp(a, b, vocabulary, this.z);
    const max = new Float64Array(kernels.memory.buffer, this.max, 2);
    max[0] = logits[first * vocabulary + this.top[0]]!;
    max[1] = logits[second * vocabulary + this.top[1]]!;
  }
}

/** A pair of the base with its probabilities, each divided by the sum. */
class DividedPair {
  readonly pair: Pair;
  readonly #machine: Machine;
  readonly #p: number;
  readonly #lse: number;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.pair = machine.pair();
    this.#p = machine.perToken(16);
    this.#lse = machine.take(16);
  }

  load(logits: Float32Array, first: number, second: number): void {
    const { kernels, fractions, vocabulary } = this.#machine;
    this.pair.load(logits, first, second);
    kernels.pairDivide(fractions, this.pair.z, vocabulary, this.pair.max, this.#p, this.#lse);
  }

  divergence(other: Pair): void {
    const { kernels, fractions, vocabulary, out } = this.#machine;
    kernels.pairDivergence(fractions, this.pair.z, this.#p, this.#lse, other.z, vocabulary, other.max, out);
  }
}

/** Two rows' noise, and their logits with it. */
class NoisyPair {
  readonly pair: Pair;
  readonly #machine: Machine;
  readonly #rows: NoiseRows;
  readonly #noise: number;

  constructor(machine: Machine, rows: NoiseRows) {
    this.#machine = machine;
    this.#rows = rows;
    this.pair = machine.pair();
    this.#noise = machine.perToken(16);
  }

  draw(first: number, second: number): void {
    const { counters, keys: [key0, key1], vocabulary } = this.#rows;
    this.#machine.kernels.pairNoise(counters[first]!, counters[second]!, key0 | 0, key1 | 0, vocabulary, this.#noise);
  }

  add(base: Pair, sigma: number): void {
    this.#machine.kernels.pairAddNoise(base.z, this.#noise, this.#rows.vocabulary, sigma, this.pair.z, this.pair.max);
  }
}

function fidelity(machine: Machine, vocabulary: number, tokens: Int32Array, base: RowScores, formats: Parameters<Statistics['fidelity']>[3]): void {
  const { kernels, fractions } = machine;
  const [own, other] = [machine.pair(), machine.pair()];
  const [p, q, ownOut] = [machine.perToken(16), machine.perToken(16), machine.take(64)];
  const [ownResults, results] = [new Float64Array(kernels.memory.buffer, ownOut, 8), machine.results];
  const write = ({ logits, nll, entropy, top1 }: RowScores, row: number, lane: number, from: Float64Array, top: number): void => {
    nll[row] = from[lane]! - logits[row * vocabulary + tokens[row]!]!;
    entropy[row] = from[2 + lane]!;
    top1[row] = top;
  };
  eachPair(tokens.length, (first, second) => {
    const rows = first === second ? [first] : [first, second];
    own.load(base.logits, first, second);
    kernels.pairFidelityBase(fractions, own.z, vocabulary, own.max, p, ownOut);
    rows.forEach((row, lane) => write(base, row, lane, ownResults, own.top[lane]!));
    for (const format of formats) {
      if (format.logits === base.logits) {
        for (const [lane, row] of rows.entries()) {
          write(format, row, lane, ownResults, own.top[lane]!);
          format.kl[row] = 0;
        }
        continue;
      }
      other.load(format.logits, first, second);
      kernels.pairFidelityFormat(fractions, own.z, p, ownOut, other.z, vocabulary, other.max, q, machine.out);
      for (const [lane, row] of rows.entries()) {
        write(format, row, lane, results, other.top[lane]!);
        format.kl[row] = results[4 + lane]!;
      }
    }
  });
}

/** Two temperatures with one topK; both are one point where there is no other. */
interface TemperaturePair {
  readonly topK: number;
  readonly points: readonly number[];
  readonly betas: readonly [number, number];
  /** The base's probabilities, [token or candidate][2]. */
  readonly p: number;
}

/** A row with what all points share. */
interface RankedRow { readonly z: number; readonly ids: number; readonly ranks: number; top: number; max: number }

function temperaturePairs(machine: Machine, points: readonly SamplingPoint[]): TemperaturePair[] {
  const pairs: TemperaturePair[] = [];
  const places = Array.from(points.keys()).filter((i) => points[i]!.temperature > 0);
  for (const topK of new Set(places.map((i) => points[i]!.topK))) {
    const own = places.filter((i) => points[i]!.topK === topK);
    eachPair(own.length, (first, second) => {
      const both = first === second ? [own[first]!] : [own[first]!, own[second]!];
      const beta = (lane: number): number => 1 / points[both[lane] ?? both[0]!]!.temperature;
      pairs.push({ topK, points: both, betas: [beta(0), beta(1)], p: machine.take(16 * (topK || machine.vocabulary)) });
    });
  }
  return pairs;
}

function sampling(machine: Machine, n: number, points: readonly SamplingPoint[], base: SummedRows<BaseSums>, judge: Float32Array, formats: readonly SummedRows<FormatSums>[]): void {
  const { kernels, fractions, out } = machine;
  const pairs = temperaturePairs(machine, points);
  const greedy = Array.from(points.keys()).filter((i) => points[i]!.temperature === 0);
  const largestK = pairs.reduce((k, { topK }) => Math.max(k, topK), 0);
  const row = (): RankedRow => ({ z: machine.perToken(4), ids: machine.take(4 * largestK), ranks: machine.perToken(4), top: 0, max: 0 });
  const [judged, own, other] = [machine.pair(), row(), row()];
  const [surprisal, q] = [machine.perToken(8), machine.perToken(16)];
  for (const { ranks } of [own, other]) machine.integers(ranks, n).fill(RANK_OUTSIDE);
  const results = machine.results;
  const surprisals = new Float64Array(kernels.memory.buffer, surprisal, n);

  const load = (into: RankedRow, logits: Float32Array, i: number, hint: RankedRow | undefined): void => {
    into.top = machine.loadRow(logits, i, into.z);
    into.max = logits[i * n + into.top]!;
    if (largestK > 0) kernels.rankTop(into.z, n, largestK, hint?.ids ?? 0, hint?.ranks ?? 0, into.ids, into.ranks);
  };
  const add = (sums: Float64Array, { points }: TemperaturePair, result: number): void => {
    points.forEach((point, lane) => { sums[point] = sums[point]! + results[2 * result + lane]!; });
  };
  const scoreBase = (): void => {
    for (const pair of pairs) {
      const [a, b] = pair.betas;
      if (pair.topK > 0) {
        kernels.candidateProbabilities(fractions, own.z, own.ids, pair.topK, own.max, a, b, pair.p);
        continue;
      }
      kernels.fullBase(fractions, own.z, n, own.max, a, b, surprisal, pair.p, out);
      add(base.sums.entropy, pair, 0);
      add(base.sums.quality, pair, 1);
    }
    for (const i of greedy) base.sums.quality[i] = base.sums.quality[i]! + surprisals[own.top]!;
  };
  const scoreFormat = (sums: FormatSums): void => {
    for (const pair of pairs) {
      const [a, b] = pair.betas;
      if (pair.topK > 0) {
        kernels.candidateProbabilities(fractions, other.z, other.ids, pair.topK, other.max, a, b, q);
        kernels.amongCandidates(pair.topK, own.ids, own.ranks, other.ids, other.ranks, pair.p, q, out);
        add(sums.outsideMass, pair, 1);
      } else {
        kernels.fullFormat(fractions, other.z, n, other.max, a, b, surprisal, pair.p, q, out);
        add(sums.qualityShift, pair, 1);
      }
      add(sums.totalVariation, pair, 0);
    }
    if (own.top === other.top) return;
    for (const i of greedy) {
      sums.totalVariation[i] = sums.totalVariation[i]! + 1;
      sums.outsideMass[i] = sums.outsideMass[i]! + 1;
      sums.qualityShift[i] = sums.qualityShift[i]! + (surprisals[other.top]! - surprisals[own.top]!);
    }
  };

  eachPair(base.logits.length / n, (first, second) => {
    judged.load(judge, first, second);
    kernels.pairLogSumExp(fractions, judged.z, n, judged.max, out);
    const lse = [results[0]!, results[1]!];
    for (let i = first; i <= second; i++) {
      kernels.surprisals(judged.row(i - first), n, lse[i - first]!, surprisal);
      load(own, base.logits, i, undefined);
      scoreBase();
      for (const { logits, sums } of formats) {
        if (logits === base.logits) continue;
        load(other, logits, i, own);
        scoreFormat(sums);
        kernels.clearRanks(other.ids, largestK, other.ranks);
      }
      kernels.clearRanks(own.ids, largestK, own.ranks);
    }
  });
}
