/** A few of each fault, by one seed; `npm run test:faults` does hundreds. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { notRun } from '../not-run.ts';
import { faults } from './faults.ts';
import { FaultyProject } from './faulty-project.ts';
import { tryFault } from './try.ts';

const SEED = 20_260;

const test = suite<{ project: FaultyProject }>('faults');
test.before(async (context) => { context.project = await FaultyProject.open(); });
test.after(({ project }) => project.remove());

for (const fault of faults.filter(({ short }) => short > 0)) {
  test(fault.name, async ({ project }) => {
    const { broken, notRun: reason } = await tryFault(fault, project, 'short', SEED);
    if (reason !== undefined) return notRun(fault.name, reason);
    assert.equal(broken, [], `npm run test:faults -- --only ${fault.name} --seed ${SEED} repeats it`);
  });
}

test.run();
