/** How a past run ended, in the same words wherever it is told. */
import { processState } from './process-id.ts';
import type { LeaseHolder, RunSummary } from './store.ts';

/**
 * `ended`: by itself, whatever came of its cells. `interrupted`: somebody stopped it. `running`: it goes on. `cut off`: its process ended
 * without a word (a kill, a power cut).
 */
export type Ending = 'ended' | 'interrupted' | 'running' | 'cut off';

/** Answers of each run how it ended. `holders`: of live runs, which tell of those whose process cannot be seen from here. */
export function endings(runs: readonly RunSummary[], holders: readonly LeaseHolder[]): (run: RunSummary) => Ending {
  // Where a segment does not name its process: of each live one the newest run of its machine that began before it took its first lease.
  const unnamed = new Set(holders.flatMap(({ machine, startedAt }) => runs.findLast((run) => run.counts === undefined && run.process === undefined && run.machine === machine && run.startedAt <= startedAt)?.run ?? []));
  return ({ run, counts, process }) => {
    if (counts !== undefined) return counts.interrupted === true ? 'interrupted' : 'ended';
    const lives = process === undefined ? unnamed.has(run) : processState(process) === 'alive' || holders.some(({ id }) => id.startsWith(`${process}.`));
    return lives ? 'running' : 'cut off';
  };
}
