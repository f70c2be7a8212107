/**
 * Runs every test/**\/*.test.ts: `npm test`, or `npm test -- kernels/half` for those whose path matches. Each file has a process of its own, so many at
 * once as there are processors (BITWIDTH_TEST_JOBS says otherwise): most of them wait for processes that they start. What a file prints is shown when it
 * has ended, so that files do not speak in between each other.
 *
 * uvu alone exits 0 when nothing matched and when a file forgets `test.run()` (test/house.test.ts demands that), and its
 * summary is not the line that CI reads, so the totals are taken from it and said again as `N passed, N failed`.
 */
import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parse } from 'uvu/parse';

/** Folders whose files take minutes: they begin first, or the last of them would run alone at the end. */
const LONG = ['e2e', 'conformance', 'browser', 'faults', 'cluster', 'provenance'];
const SLOWEST_SHOWN = 8;

const pattern = process.argv[2] ?? '';
const color = process.stdout.isTTY && process.env['NO_COLOR'] === undefined ? '1' : '0';

const { suites } = await parse('test', /\.test\.ts$/);
const rank = (name: string): number => (LONG.indexOf(name.split('/')[0]!) + LONG.length + 1) % (LONG.length + 1);
const chosen = suites.map(({ name }) => name).filter((name) => name.includes(pattern))
  .map((name) => ({ name, rank: rank(name), bytes: statSync(join(import.meta.dirname, name)).size }))
  .sort((a, b) => a.rank - b.rank || b.bytes - a.bytes);
if (chosen.length === 0) {
  console.error(`no test file matches "${pattern}"; paths are like kernels/half.test.ts`);
  process.exit(1);
}

interface Ended { readonly name: string; readonly total: number; readonly passed: number; readonly durationMs: number }

const ended: Ended[] = [];
const left = chosen.values();
const jobs = Math.max(1, Number(process.env['BITWIDTH_TEST_JOBS']) || availableParallelism());
await Promise.all(Array.from({ length: Math.min(jobs, chosen.length) }, async () => {
  for (const { name } of left) ended.push(await runFile(name));
}));

const sum = (of: (one: Ended) => number): number => ended.reduce((all, one) => all + of(one), 0);
const [total, passed] = [sum((one) => one.total), sum((one) => one.passed)];
const slowest = [...ended].sort((a, b) => b.durationMs - a.durationMs).slice(0, SLOWEST_SHOWN);
if (ended.length > SLOWEST_SHOWN) console.log(`\nThe slowest files: ${slowest.map(({ name, durationMs }) => `${name} ${(durationMs / 1000).toFixed(0)} s`).join(', ')}`);
const broken = ended.filter((one) => one.passed < one.total).map(({ name }) => name);
if (broken.length > 0) console.log(`\nFailures in: ${broken.join(', ')}`);
console.log(`\n${passed} passed, ${total - passed} failed`);
if (total === 0) console.error('no test was executed');
process.exitCode = total > 0 && total === passed ? 0 : 1;

/** A file that ends badly without having said how many failed, or that ran no test, counts as one that failed. */
async function runFile(name: string): Promise<Ended> {
  const fromMs = performance.now();
  let text = '';
  const code = await new Promise<number | string>((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'run-file.ts'), name], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, FORCE_COLOR: color } });
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; });
    // What a test started and left behind may hold the pipes open for ever.
    child.on('error', (error) => { resolve(error.message); }).on('exit', (status, signal) => { setTimeout(() => resolve(status ?? signal ?? 'unknown'), 50); });
  });
  const count = (what: string): number => Number(new RegExp(`^  ${what}:\\s+(\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  const [found, good] = [count('Total'), count('Passed')];
  // It says that something which it needs is not there (not-run.ts).
  const excused = found === 0 && code === 0 && /^not (?:run|here): /m.test(text);
  const bad = code !== 0 && found === good;
  const took = performance.now() - fromMs;
  process.stdout.write(`${text.replace(/\n  Total:[\s\S]*$/, '').trimEnd()}\n${found === 0 && !excused ? `   ${name} ran no test\n` : ''}${bad ? `   ${name} ended with ${code}\n` : ''}`);
  return { name, total: excused ? 0 : Math.max(1, found) + (bad && found > 0 ? 1 : 0), passed: good, durationMs: took };
}
