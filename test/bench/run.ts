/**
 * `npm run bench [-- name] [--quick] [--json file]`: every *.bench.ts of this folder whose name matches, one after the other.
 * `--quick`: fewer formats and rounds, under a minute. `--json`: also writes the rows (stages/quantization/bench-file.ts has the
 * schema); `--json data/bench.json` is what the report's page "Kernels against the memory" is made of. Figures are of this machine
 * at this moment; compare ratios within a run, not rates between runs.
 */
import { readdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { describeMachine } from '../../stages/dag/index.ts';
import { BENCH_FORMAT, readBenchFile } from '../../stages/quantization/bench-file.ts';
import type { BenchFile, BenchRow } from '../../stages/quantization/bench-file.ts';
import { machineCaches } from '../../stages/quantization/caches.ts';
import type { Bench } from './contest.ts';
import { benchEngines } from './engines.ts';
import { missingPeers } from './peers/installed.ts';
import { openReader } from './read-bandwidth.ts';

const USAGE = 'usage: npm run bench [-- name] [--quick] [--json file]';

function fail(sentence: string): never {
  console.error(sentence);
  process.exit(2);
}

function settings(): { readonly pattern: string; readonly quick: boolean; readonly json: string | undefined } {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: { type: 'boolean' }, json: { type: 'string' } } });
    if (positionals.length > 1) return fail(`${positionals.length} names; at most one is allowed. ${USAGE}`);
    return { pattern: positionals[0] ?? '', quick: values.quick === true, json: values.json };
  } catch (error) {
    return fail(`${(error as Error).message}. ${USAGE}`);
  }
}

const { pattern, quick, json } = settings();
const all = (await readdir(new URL('.', import.meta.url))).filter((name) => name.endsWith('.bench.ts')).sort();
const names = all.filter((name) => name.includes(pattern));
if (names.length === 0) fail(`no bench matches "${pattern}"; benches are ${all.map((name) => name.replace('.bench.ts', '')).join(', ')}`);

const missing = missingPeers();
if (missing !== undefined) console.log(missing);
const machine = describeMachine();
const caches = machineCaches();
const reader = await openReader();
const size = (bytes: number): string => bytes >= 1 << 20 ? `${bytes >> 20} MiB` : `${bytes >> 10} KiB`;
console.log(`${machine.cpu}, ${machine.cores} processors; caches: ${caches.map(({ level, bytes, sharedBy }) => `L${level} ${size(bytes)}${sharedBy > 1 ? ` for ${sharedBy} processors` : ''}`).join(', ') || 'unknown'}. Reading is timed by ${reader.how}.`);

// Builds the native library: for every bench alike.
await benchEngines();
const rows: BenchRow[] = [];
try {
  for (const name of names) {
    // One that has no rows only prints.
    const { bench } = (await import(new URL(name, import.meta.url).href)) as { bench(bench: Bench): Promise<BenchRow[] | void> };
    rows.push(...await bench({ quick, caches, reader }) ?? []);
  }
} finally {
  reader.close();
}
if (json !== undefined) {
  const file: BenchFile = { format: BENCH_FORMAT, quick, machine, caches, rows };
  const text = `${JSON.stringify(file, null, 1)}\n`;
  readBenchFile(Buffer.from(text));
  await writeFile(json, text);
  console.log(`\n${rows.length} rows: ${json}`);
}
console.log(`\n${Math.round(performance.now() / 1000)} s`);
