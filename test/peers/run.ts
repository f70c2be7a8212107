/**
 * Runs every test/peers/*.real.ts in one process: `npm run test:peers`, or `npm run test:peers -- llama` for those whose path matches. They drive the peers
 * themselves, which users install; a peer that is not there is told of, and fails nothing unless BITWIDTH_REQUIRE_ALL=1.
 */
import { parse } from 'uvu/parse';
import { run } from 'uvu/run';

const pattern = process.argv[2] ?? '';
const { suites } = await parse('test/peers', /\.real\.ts$/);
const chosen = suites.filter(({ name }) => name.includes(pattern));
if (chosen.length === 0) {
  console.error(`no test of a peer matches ${JSON.stringify(pattern)}; there are ${suites.map(({ name }) => name.replace('.real.ts', '')).join(', ')}`);
  process.exit(1);
}
await run(chosen);
process.exit();
