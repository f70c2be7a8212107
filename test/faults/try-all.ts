/** Does several faults, a few side by side: most of a trial is waiting for a process. */
import { FaultyProject } from './faulty-project.ts';
import { tryFault } from './try.ts';
import type { Fault, Form } from './fault.ts';
import type { Result } from './try.ts';

const LANES = 2;

/** Results in the order of the faults. `told` is called as each is through. `trial`: just the one of this number. */
export async function tryAll(faults: readonly Fault[], form: Form, seed: number, told: (result: Result, durationMs: number) => void, trial?: number): Promise<readonly Result[]> {
  const results = new Map<Fault, Result>();
  const waiting = [...faults];
  /** One project for each lane: faults of different lanes know nothing of each other. */
  const lane = async (): Promise<void> => {
    const project = await FaultyProject.open();
    const remove = (): void => project.remove();
    process.once('exit', remove);
    for (let fault = waiting.shift(); fault !== undefined; fault = waiting.shift()) {
      const startedMs = performance.now();
      const result = await tryFault(fault, project, form, seed, trial);
      results.set(fault, result);
      told(result, performance.now() - startedMs);
    }
    remove();
    process.off('exit', remove);
  };
  await Promise.all(Array.from({ length: Math.min(LANES, faults.length) }, lane));
  return faults.map((fault) => results.get(fault)!);
}
