/** One test file, in this process: test/run.ts starts one for each. */
import { parse } from 'uvu/parse';
import { run } from 'uvu/run';

const { suites } = await parse('test', /\.test\.ts$/);
await run(suites.filter(({ name }) => name === process.argv[2]));
// A leaked handle must not keep CI waiting; test/house.test.ts demands that each file cleans up.
process.stdout.write('', () => process.exit());
