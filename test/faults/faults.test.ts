/** A few of each fault, by one seed; `npm run test:faults` does hundreds. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { notRun } from '../not-run.ts';
import { faults } from './faults.ts';
import { tryAll } from './try-all.ts';
import type { Result } from './try.ts';

const SEED = 20_260;
const chosen = faults.filter(({ short }) => short > 0);

const test = suite<{ results: ReadonlyMap<string, Result> }>('faults');
// All of them before the first test, side by side; each test then looks at its own.
test.before(async (context) => {
  const results = await tryAll(chosen, 'short', SEED, () => undefined);
  context.results = new Map(results.map((result) => [result.fault.name, result]));
});

for (const { name, short } of chosen) {
  test(name, ({ results }) => {
    const { broken, times, notRun: reason } = results.get(name)!;
    if (reason !== undefined) return notRun(name, reason);
    assert.equal(broken, [], `npm run test:faults -- --only ${name} --seed ${SEED} repeats it`);
    assert.is(times, short);
  });
}

test.run();
