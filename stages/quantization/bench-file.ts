/**
 * data/bench.json: what `npm run bench -- --json data/bench.json` measured on one machine. This is its schema; it is checked
 * whole when it is read, because it comes from outside the pipeline.
 *
 *   { "format": "bitwidth bench 2", "quick": false, "machine": { ... }, "caches": [ ... ], "rows": [ ... ] }
 */
import { BadInput } from './task-values.ts';

export const BENCH_FILE = 'data/bench.json';
export const BENCH_FORMAT = 'bitwidth bench 2';
/** A bench has some hundreds of rows of some 300 bytes. */
const LARGEST_BYTES = 10_000_000;

export const SUITES = ['read', 'products', 'attention', 'models'] as const;
export const PHASES = ['read', 'product', 'attention', 'prefill', 'decode'] as const;
export const UNITS = ['GB/s', 'G multiply-adds/s', 'tokens/s'] as const;
export const LEVELS = ['L2', 'L3', 'memory'] as const;

/** One thing timed: medians over rounds in which all that are compared took turns. */
export interface BenchRow {
  readonly suite: (typeof SUITES)[number];
  /** An engine of the register, a peer's package, or `read` for reading memory and nothing else. */
  readonly who: string;
  /** A peer's version, an engine's build; empty for `read`. */
  readonly version: string;
  readonly peer: boolean;
  /** It keeps the weights as fp32, whatever their format: how its rate depends on the format says nothing. */
  readonly decoded: boolean;
  /** Of the weights, in the words of who computes: 'nf4', 'Q4_0'. */
  readonly format: string;
  /** Of a linear layer, scales counted; null where there are no such weights. */
  readonly bitsPerWeight: number | null;
  /** What it multiplies with them in, in words: 'fp32', 'int8 in blocks of 32'; null where there are no such weights. */
  readonly activations: string | null;
  /** '4096 x 4096', or a model's name. */
  readonly shape: string;
  readonly phase: (typeof PHASES)[number];
  /** Rows of a product, tokens of a prefill, sequences of a decode. */
  readonly batch: number;
  readonly threads: number;
  /** Median, and the quartiles around it. */
  readonly rate: number;
  readonly low: number;
  readonly high: number;
  readonly unit: (typeof UNITS)[number];
  readonly rounds: number;
  /** The working set: weights that one call reads, in their format, each once. */
  readonly bytes: number;
  /** The smallest level that holds the working set, divided among the threads where each has its own. */
  readonly level: (typeof LEVELS)[number];
  /** Bytes read a second as a share of what the same threads read of a buffer of that size, in the same rounds; null where arithmetic bounds the rate. */
  readonly readShare: number | null;
}

/** A level of the data caches. */
export interface BenchCache {
  readonly level: number;
  readonly bytes: number;
  /** Processors that share one. */
  readonly sharedBy: number;
}

export interface BenchFile {
  readonly format: typeof BENCH_FORMAT;
  /** Fewer rounds and formats: for a look, not for a statement. */
  readonly quick: boolean;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryBytes: number; readonly os: string; readonly node: string };
  /** Smallest first; empty where the system does not tell. */
  readonly caches: readonly BenchCache[];
  readonly rows: readonly BenchRow[];
}

type Check = (value: unknown) => string | undefined;

const text = (longest: number): Check => (value) => typeof value === 'string' && value.length <= longest ? undefined : `must be text of at most ${longest} characters`;
const orNull = (check: Check): Check => (value) => value === null ? undefined : check(value);
const flag: Check = (value) => typeof value === 'boolean' ? undefined : 'must be true or false';
const whole = (least: number, most: number): Check => (value) => Number.isSafeInteger(value) && value as number >= least && value as number <= most ? undefined : `must be a whole number from ${least} to ${most}`;
const positive: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value > 0 ? undefined : 'must be a number above 0';
const one = (of: readonly string[]): Check => (value) => of.includes(value as string) ? undefined : `must be one of ${of.join(', ')}`;
const MOST_BYTES = Number.MAX_SAFE_INTEGER;

const ROW: { readonly [field in keyof BenchRow]: Check } = {
  suite: one(SUITES), who: text(64), version: text(128), peer: flag, decoded: flag, format: text(64), bitsPerWeight: orNull(positive), activations: orNull(text(300)), shape: text(64), phase: one(PHASES),
  batch: whole(1, 1e6), threads: whole(1, 4096), rate: positive, low: positive, high: positive, unit: one(UNITS), rounds: whole(1, 1e6),
  bytes: whole(0, MOST_BYTES), level: one(LEVELS), readShare: orNull(positive),
};
const MACHINE: { readonly [field in keyof BenchFile['machine']]: Check } = { cpu: text(200), cores: whole(1, 4096), memoryBytes: whole(1, MOST_BYTES), os: text(200), node: text(64) };
const CACHE: { readonly [field in keyof BenchCache]: Check } = { level: whole(1, 9), bytes: whole(1, MOST_BYTES), sharedBy: whole(1, 4096) };

/** What identifies a row. */
export const rowKey = (row: BenchRow): string => JSON.stringify([row.suite, row.who, row.format, row.shape, row.phase, row.batch, row.threads]);

/** Reads the file; throws BadInput with the first thing that is wrong and where. */
export function readBenchFile(bytes: Uint8Array): BenchFile {
  if (bytes.length > LARGEST_BYTES) throw wrong('', `has ${bytes.length} bytes; at most ${LARGEST_BYTES} are allowed`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw wrong('', `is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const file = fields('', value, { format: one([BENCH_FORMAT]), quick: flag, machine: () => undefined, caches: list(16), rows: list(10_000) }) as unknown as BenchFile;
  fields('machine', file.machine, MACHINE);
  file.caches.forEach((cache, index) => fields(`caches[${index}]`, cache, CACHE));
  const keys = new Set<string>();
  file.rows.forEach((row, index) => {
    fields(`rows[${index}]`, row, ROW);
    if (!(row.low <= row.rate && row.rate <= row.high)) throw wrong(`rows[${index}]`, `has the rate ${row.rate} outside its quartiles ${row.low} and ${row.high}`);
    if (keys.has(rowKey(row))) throw wrong(`rows[${index}]`, `measures ${rowKey(row)} a second time`);
    keys.add(rowKey(row));
  });
  return file;
}

const list = (longest: number): Check => (value) => Array.isArray(value) && value.length <= longest ? undefined : `must be a list of at most ${longest}`;

/** Holds an object to exactly these fields. */
function fields(where: string, value: unknown, checks: { readonly [field: string]: Check }): { readonly [field: string]: unknown } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(where, 'must be an object');
  const object = value as { readonly [field: string]: unknown };
  for (const name of Object.keys(object)) if (!Object.hasOwn(checks, name)) throw wrong(where, `has the field ${JSON.stringify(name)}; its fields are ${Object.keys(checks).join(', ')}`);
  for (const [name, check] of Object.entries(checks)) {
    const problem = check(Object.hasOwn(object, name) ? object[name] : undefined);
    if (problem !== undefined) throw wrong(where === '' ? name : `${where}.${name}`, problem);
  }
  return object;
}

function wrong(where: string, problem: string): BadInput {
  return new BadInput(`${BENCH_FILE}: ${where === '' ? 'the file' : where} ${problem}`, `Make it again: npm run bench -- --json ${BENCH_FILE}`);
}
