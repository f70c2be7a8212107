/**
 * Runs every test/**\/*.test.ts in one process: `npm test`, or `npm test -- kernels/half` for those whose path matches.
 *
 * uvu alone exits 0 when nothing matched and when a file forgets `test.run()` (test/house.test.ts demands that), and its
 * summary is not the line that CI reads, so the totals are taken from it and said again as `N passed, N failed`.
 */
import { parse } from 'uvu/parse';
import { run } from 'uvu/run';

const pattern = process.argv[2] ?? '';
process.env.FORCE_COLOR ??= process.stdout.isTTY ? '1' : '0';

const { suites } = await parse('test', /\.test\.ts$/);
const chosen = suites.filter((suite) => suite.name.includes(pattern));
if (chosen.length === 0) {
  console.error(`no test file matches "${pattern}"; paths are like kernels/half.test.ts`);
  process.exit(1);
}

/** uvu prints `  Total:     12`, `  Passed:    12` and tells nobody else. */
const totals = new Map<string, number>();
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = ((chunk: string | Uint8Array, ...rest: never[]) => {
  for (const [, name, count] of String(chunk).matchAll(/(Total|Passed|Skipped):\s+(\d+)/g)) totals.set(name!, Number(count));
  return write(chunk, ...rest);
}) as typeof process.stdout.write;

await run(chosen);

const total = totals.get('Total') ?? 0;
const passed = totals.get('Passed') ?? 0;
console.log(`\n${passed} passed, ${total - passed} failed`);
if (total === 0) console.error('no test was executed');
// A leaked handle must not keep CI waiting; tests/house demands that each file cleans up.
process.exit(total > 0 && passed === total && !process.exitCode ? 0 : 1);
