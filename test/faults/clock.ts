/** A clock that is years off, and that jumps while a run is at work: times order nothing that results depend on. */
import * as assert from 'uvu/assert';
import { pathToFileURL } from 'node:url';
import { between, pick } from './fault.ts';
import { countsOf, SLOW_MS, TEXT } from './faulty-project.ts';
import type { Counts, FaultyProject } from './faulty-project.ts';
import type { Fault, Random, Trials } from './fault.ts';

const YEAR_MS = 365 * 24 * 3600 * 1000;

async function open(project: FaultyProject): Promise<Trials> {
  project.reset();
  project.write('another text');
  await project.finish();
  const ofAnother = project.bytes();

  const run = async (random: Random, ...argv: string[]): Promise<Counts> => {
    const jumps = random() < 0.5;
    const env = {
      ...process.env, NODE_OPTIONS: `--import=${pathToFileURL(project.path('clock.mjs')).href}`,
      CLOCK_OFF_MS: String(between(random, -20, 20) * YEAR_MS + between(random, -5000, 5000)),
      CLOCK_JUMP_MS: String(jumps ? between(random, -3600, 3600) * 1000 * pick(random, [1, 10_000]) : 0), CLOCK_AFTER_MS: String(random() * project.durationMs),
    };
    const ended = await project.start(['run', '--json', '--jobs', '2', ...argv], project.root, env).end;
    assert.is(ended.code, 0, ended.out + ended.err);
    return countsOf(ended);
  };
  return {
    async trial(random) {
      project.reset({ slowMs: SLOW_MS });
      const { ran } = await run(random);
      assert.is(ran, project.cells);
      // The input changes and changes back: what is newest by the clock is not what is right.
      project.write('another text');
      assert.is((await run(random)).ran, project.cells);
      await project.expectSound(project.store, ofAnother);
      project.write(TEXT);
      assert.is((await run(random)).ran, 0, 'what was computed for the first text counts again');
      await project.expectSound();
      return 'each text has its bytes, and nothing is computed twice';
    },
  };
}

export const clocks: readonly Fault[] = [
  { name: 'clock', title: 'A clock that is up to 20 years off, otherwise in each run, and jumps during it', short: 1, long: 12, open },
];
