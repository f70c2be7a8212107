/** Two to eight runs at once in one folder, some of them killed. */
import * as assert from 'uvu/assert';
import { between, pauseMs } from './fault.ts';
import { countsOf, SLOW_MS } from './faulty-project.ts';
import type { FaultyProject } from './faulty-project.ts';
import type { Fault, Trials } from './fault.ts';

const MOST = 8;

function trials(project: FaultyProject, kill: boolean, most: number): Trials {
  return {
    async trial(random) {
      project.reset({ slowMs: SLOW_MS });
      const runs = Array.from({ length: between(random, 2, most) }, () => ({ startMs: random() * 300, killMs: kill && random() < 0.5 ? random() * project.durationMs * 2 : undefined }));
      const ends = await Promise.all(runs.map(async ({ startMs, killMs }) => {
        await pauseMs(startMs);
        const { child, end } = project.start(['run', '--json', '--jobs', '2']);
        if (killMs !== undefined) void pauseMs(killMs).then(() => child.kill('SIGKILL'));
        return end;
      }));
      let ran = 0;
      for (const end of ends) {
        if (end.signal === 'SIGKILL') continue;
        assert.is(end.code, 0, end.out + end.err);
        ran += countsOf(end).ran;
      }
      const killed = ends.filter(({ signal }) => signal === 'SIGKILL').length;
      if (killed === 0) assert.is(ran, project.cells, 'each cell is computed once');
      const last = await project.finish();
      if (killed < ends.length) assert.is(last.ran, 0, 'a run that was not killed leaves nothing undone');
      await project.expectSound();
      return killed === 0 ? 'each cell is computed once' : killed === ends.length ? 'all were killed: the next run ends their work' : 'those that were left did the work of those that were killed';
    },
  };
}

export const together: readonly Fault[] = [
  { name: 'together', title: 'Two to eight runs at once', short: 0, long: 12, open: async (project) => trials(project, false, MOST) },
  { name: 'together-killed', title: 'Two to eight runs at once, about half of them killed with SIGKILL', short: 1, long: 12, open: async (project, form) => trials(project, true, form === 'short' ? 3 : MOST) },
];
