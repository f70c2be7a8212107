/**
 * Rates of the engines' row statistics, each against the reference in the same run. The rows are of the
 * bundled models' vocabulary, the grid and the formats those of the default study.
 */
import { engines, openEngine } from '../../kernels/index.ts';
import type { ComparedScores, FormatSums, NoiseRows, SamplingPoint, Statistics, SummedRows } from '../../kernels/statistics.ts';
import { normalRow } from '../../kernels/statistics/noise.ts';
import { referenceStatistics } from '../../kernels/statistics/reference.ts';
import { byTheClock, inTurns, printTable, short } from './measure.ts';

const VOCABULARY = 2048;
const ROWS = 16;
const FORMATS = 6;
const TEMPERATURES = [0.1, 0.3, 0.5, 0.7, 0.8, 1, 1.3];
const POINTS: readonly SamplingPoint[] = [{ temperature: 0, topK: 0 }, ...TEMPERATURES.flatMap((temperature) => [0, 40].map((topK) => ({ temperature, topK })))];
const NULL_TEMPERATURES = Float64Array.of(0.1, 0.3, 0.5, 0.7, 0.8);
const SIGMAS = Float64Array.of(0.1, 0.2, 0.15, 0.3);

export async function bench(): Promise<void> {
  const names: string[] = [];
  for (const engine of engines) if (engine.name !== 'reference' && (await engine.unavailable()) === undefined) names.push(engine.name);
  const others: (readonly [string, Statistics])[] = [];
  for (const name of names) others.push([name, (await openEngine(name)).instance.statistics]);
  await benchStatistics(others);
}

/** Exported for a bench of implementations that no engine has. */
export async function benchStatistics(others: readonly (readonly [string, Statistics])[]): Promise<void> {
  const table: string[][] = [];
  for (const { name, terms, run } of works()) {
    const all = [referenceStatistics, ...others.map(([, statistics]) => statistics)];
    const durations = await inTurns(all.map((statistics) => byTheClock(() => run(statistics))), { rounds: 5, turnMs: 20, mostMs: 1000 });
    const [judge, ...rates] = durations.map(({ median }) => terms / median / 1e6);
    table.push([name, short(judge!), ...rates.flatMap((rate) => [short(rate), `${short(rate / judge!)}x`])]);
  }
  printTable(`statistics of ${ROWS} rows of ${VOCABULARY}, M exponentials/s`, ['', 'reference', ...others.flatMap(([name]) => [name, 'ratio'])], table);
}

interface Work {
  readonly name: string;
  /** Exponentials that the results are made of. */
  readonly terms: number;
  run(statistics: Statistics): void;
}

function works(): Work[] {
  const [base, judge] = [rowsOf(1), rowsOf(2)];
  const zeros = (): Float64Array => new Float64Array(ROWS);
  const scores = (logits: Float32Array): ComparedScores => ({ logits, nll: zeros(), entropy: zeros(), kl: zeros(), top1: new Int32Array(ROWS) });
  const sums = (logits: Float32Array): SummedRows<FormatSums> => {
    const at = (): Float64Array => new Float64Array(POINTS.length);
    return { logits, sums: { totalVariation: at(), outsideMass: at(), qualityShift: at() } };
  };
  const formats = Array.from({ length: FORMATS }, (_, f) => base.map((z, i) => z + 0.01 * judge[(i + f) % judge.length]!));
  const [compared, summed] = [formats.map(scores), formats.map(sums)];
  const baseSums = { logits: base, sums: { entropy: new Float64Array(POINTS.length), quality: new Float64Array(POINTS.length) } };
  const tokens = new Int32Array(ROWS);
  const noise: NoiseRows = { vocabulary: VOCABULARY, base, counters: Int32Array.from({ length: ROWS }, (_, i) => i), keys: [1, 2] };
  const weights = judge.map(Math.abs);
  const kl = new Float64Array(SIGMAS.length * ROWS);
  const quality = new Float64Array(SIGMAS.length * NULL_TEMPERATURES.length * ROWS);
  const logits = ROWS * VOCABULARY;
  return [
    { name: 'logSumExp', terms: logits, run: (statistics) => statistics.logSumExp(VOCABULARY, base, zeros()) },
    { name: `fidelity of ${FORMATS} formats`, terms: logits * (1 + FORMATS), run: (statistics) => statistics.fidelity(VOCABULARY, tokens, scores(base), compared) },
    {
      name: `sampling at ${POINTS.length} points, ${FORMATS} formats`, terms: logits * (1 + (1 + FORMATS) * TEMPERATURES.length),
      run: (statistics) => statistics.sampling(VOCABULARY, POINTS, baseSums, judge, summed),
    },
    { name: `noiseKl at ${SIGMAS.length} sigmas`, terms: logits * (1 + SIGMAS.length), run: (statistics) => statistics.noiseKl(noise, SIGMAS, kl) },
    {
      name: `noiseQuality at ${SIGMAS.length} sigmas, ${NULL_TEMPERATURES.length} temperatures`, terms: logits * SIGMAS.length * NULL_TEMPERATURES.length,
      run: (statistics) => statistics.noiseQuality(noise, weights, SIGMAS, NULL_TEMPERATURES, quality),
    },
  ];
}

/** Logits of about a language model's spread. */
function rowsOf(seed: number): Float32Array {
  const values = new Float64Array(ROWS * VOCABULARY);
  normalRow(seed, 0, 0, values);
  return Float32Array.from(values, (value) => 3 * value);
}
