/** Engines and peers against one another at one kind of work: rows for the table that is printed and for the file that is written. */
import type { BenchCache, BenchRow } from '../../stages/quantization/bench-file.ts';
import { levelOf } from '../../stages/quantization/caches.ts';
import { inTurns, printTable, short } from './measure.ts';
import type { Timed, Turns } from './measure.ts';
import type { Reader } from './read-bandwidth.ts';

/** What all benches share. */
export interface Bench {
  readonly quick: boolean;
  readonly caches: readonly BenchCache[];
  readonly reader: Reader;
}

/** Who does what. */
export interface Contender extends Timed, Pick<BenchRow, 'who' | 'version' | 'peer' | 'format' | 'bitsPerWeight' | 'activations' | 'threads' | 'bytes'> {
  /** Rows, tokens or sequences of a call, where they are not the contest's. */
  readonly batch?: number;
  /** It keeps weights as fp32. Default false. */
  readonly decoded?: boolean;
  /** How often a call does the work. Default 1. */
  readonly times?: number;
  /** Bytes of weights that a call reads. Default: all of the working set, once. */
  readonly reads?: number;
}

export interface Contest extends Pick<BenchRow, 'suite' | 'shape' | 'phase' | 'batch' | 'unit'>, Turns {
  readonly title: string;
  /** Units of work of one call of a batch: tokens, billions of multiply-adds. */
  work(batch: number): number;
  /** Each weight is read once for each row: the memory may bound the rate, and reading alone takes its turns too. */
  readonly readOnce: boolean;
}

/** Runs it, prints its table, and gives its rows. */
export async function contest(bench: Bench, { title, work, readOnce, suite, shape, phase, batch, unit, ...turns }: Contest, contenders: readonly Contender[]): Promise<BenchRow[]> {
  if (contenders.length === 0) return [];
  const readers = readOnce ? await readersBeside(bench.reader, contenders) : [];
  const durations = await inTurns([...contenders, ...readers], turns);
  const reading = new Map(readers.map((reader, index) => [spot(reader), durations[contenders.length + index]!.median]));
  const rows = contenders.map((contender, index): BenchRow => {
    const { median, fast, slow, rounds } = durations[index]!;
    const own = contender.batch ?? batch;
    const amount = (contender.times ?? 1) * work(own);
    // Seconds that reading alone takes for as many bytes of the same working set.
    const whole = reading.get(spot(contender));
    const read = whole === undefined ? undefined : (whole * (contender.reads ?? contender.bytes)) / contender.bytes;
    return {
      suite, who: contender.who, version: contender.version, peer: contender.peer, decoded: contender.decoded ?? false, format: contender.format, bitsPerWeight: contender.bitsPerWeight, activations: contender.activations, shape, phase, batch: own, threads: contender.threads,
      rate: amount / median, low: amount / slow, high: amount / fast, unit, rounds,
      bytes: contender.bytes, level: levelOf(contender.bytes, contender.threads, bench.caches), readShare: read === undefined ? null : read / median,
    };
  });
  print(title, unit, batch, rows);
  const readRows = readers.map(({ threads, bytes }, index): BenchRow => {
    const { median, fast, slow, rounds } = durations[contenders.length + index]!;
    return {
      suite: 'read', who: 'read', version: '', peer: false, decoded: false, format: 'bytes', bitsPerWeight: null, activations: null, shape: `${bytes} bytes beside ${shape}`, phase: 'read', batch: 1, threads,
      rate: bytes / 1e9 / median, low: bytes / 1e9 / slow, high: bytes / 1e9 / fast, unit: 'GB/s', rounds, bytes, level: levelOf(bytes, threads, bench.caches), readShare: 1,
    };
  });
  return [...readRows, ...rows];
}

const spot = ({ threads, bytes }: { readonly threads: number; readonly bytes: number }): string => `${threads} ${bytes}`;

interface Reading extends Timed { readonly threads: number; readonly bytes: number }

/** One for each working set and number of threads among the contenders. A call reads the whole set once. */
async function readersBeside(reader: Reader, contenders: readonly Contender[]): Promise<Reading[]> {
  const found = new Map<string, Reading>();
  for (const { threads, bytes } of contenders) {
    if (found.has(spot({ threads, bytes })) || (await reader.read(threads, bytes)) === undefined) continue;
    found.set(spot({ threads, bytes }), { threads, bytes, time: async () => bytes / 1e9 / (await reader.read(threads, bytes))! });
  }
  return [...found.values()];
}

/** A line for each format, a column for each engine or peer with so many threads. */
function print(title: string, unit: string, batch: number, rows: readonly BenchRow[]): void {
  const column = ({ who, threads }: BenchRow): string => `${who} ${threads}t`;
  const columns = [...new Set(rows.map(column))];
  const formats = [...new Set(rows.map(({ format }) => format))];
  const bits = (format: string): string => [...new Set(rows.flatMap((row) => row.format === format && row.bitsPerWeight !== null ? [row.bitsPerWeight.toFixed(2)] : []))].join(' or ') || '-';
  printTable(`${title}, ${unit}${rows.some(({ readShare }) => readShare !== null) ? ' (in brackets: bytes read, as a share of what reading alone reaches)' : ''}`, ['format', 'bits a weight', ...columns], formats.map((format) => [format, bits(format), ...columns.map((name) => {
    const row = rows.find((each) => each.format === format && column(each) === name);
    if (row === undefined) return '-';
    return `${short(row.rate)}${row.readShare === null ? '' : ` (${Math.round(100 * row.readShare)}%)`}${row.batch === batch ? '' : ` at ${row.batch}`}`;
  })]));
}
