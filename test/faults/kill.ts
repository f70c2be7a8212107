/** SIGKILL at random moments, from the start of the process to its end: of the run, of a worker, of both at once. */
import * as assert from 'uvu/assert';
import { isAlive } from '../dag/launched-project.ts';
import { pauseMs, pick } from './fault.ts';
import { countsOf, SLOW_MS } from './faulty-project.ts';
import type { Fault, Random, Trials } from './fault.ts';
import type { FaultyProject } from './faulty-project.ts';

type Victim = 'run' | 'worker' | 'both';

function trials(victim: Victim, project: FaultyProject): Trials {
  project.reset({ slowMs: SLOW_MS });
  return {
    async trial(random) {
      for (;;) {
        project.wipe();
        const happened = await killed(project, victim, random);
        await project.finish();
        await project.expectSound();
        // A moment after the end is no kill: another one.
        if (happened !== undefined) return happened;
      }
    },
  };
}

async function killed(project: FaultyProject, victim: Victim, random: Random): Promise<string | undefined> {
  const { child, end } = project.start(['run', '--json', '--jobs', '2']);
  await pauseMs(random() * project.durationMs);
  // Of a worker there is none yet in the first moments: then the first one that comes.
  const deadlineMs = performance.now() + 2000;
  const living = (): readonly number[] => project.workers().filter(isAlive);
  while (victim !== 'run' && living().length === 0 && child.exitCode === null && performance.now() < deadlineMs) await pauseMs(2);
  const workers = living();
  const atWork = child.exitCode === null && (victim === 'run' || workers.length > 0);
  if (victim !== 'run' && workers.length > 0) process.kill(pick(random, workers), 'SIGKILL');
  if (victim !== 'worker') child.kill('SIGKILL');
  const ended = await end;
  if (victim === 'worker') {
    assert.is(ended.code, 0, ended.out + ended.err);
    assert.is(countsOf(ended).failed, 0);
    return atWork ? 'the same run goes on without it and ends well' : undefined;
  }
  return ended.signal === 'SIGKILL' ? atWork ? 'killed at work' : 'the run killed, its workers had ended before' : undefined;
}

const fault = (victim: Victim, title: string, short: number, long: number): Fault => ({ name: `kill-${victim}`, title, short, long, open: async (project) => trials(victim, project) });

export const kills: readonly Fault[] = [
  fault('run', 'SIGKILL of the run', 1, 130),
  fault('worker', 'SIGKILL of a worker', 1, 90),
  fault('both', 'SIGKILL of the run and of a worker at once', 1, 80),
];
