/** What a cell reads of timings. */
import type { TaskCell, TaskIo } from '../dag/index.ts';
import { readJson } from './score-output.ts';
import { sameMachine } from './summarize-speed.ts';
import type { TimedSamples } from './summarize-speed.ts';
import { jsonInput } from './task-values.ts';

/** Input 'samples', and of 'others' one timing for each further engine, of the same machine. */
export async function timingsOf(task: TaskCell, io: TaskIo): Promise<TimedSamples[]> {
  const own = await jsonInput<TimedSamples>(io, task, 'samples');
  const timings = [own];
  const others = task.inputs['others'];
  for (const item of others?.kind === 'gather' ? others.items : []) {
    if ('missing' in item) continue;
    const timed = readJson<TimedSamples>(await io.read(item.handle));
    // An engine named in the study may be the one that its own setting came to.
    if (sameMachine(timed, own) && timings.every(({ engine }) => engine.name !== timed.engine.name)) timings.push(timed);
  }
  return timings;
}
