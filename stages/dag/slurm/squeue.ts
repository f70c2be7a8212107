/** One question to the scheduler for all of a person's jobs, and the answer read. */
import { userInfo } from 'node:os';
import { ask } from './ask.ts';
import { standing } from './states.ts';
import type { Standing } from './states.ts';

/** One job, of an array one element. */
export interface QueuedJob {
  /** What scancel takes: '17_3', or '17'. */
  readonly id: string;
  readonly arrayId: number;
  readonly index: number;
  readonly name: string;
  /** As the scheduler writes it. */
  readonly state: string;
  readonly reason: string;
  readonly standing: Standing;
}

/** Answers the jobs whose names begin with `prefix`, those included that ended lately; or what was said instead. */
export async function queuedJobs(prefix: string): Promise<{ readonly jobs: readonly QueuedJob[] } | { readonly trouble: string; readonly absent: boolean }> {
  // Of this user only, and one for all jobs: a site's controller has others to answer.
  const { code, out, said, absent } = await ask('squeue', ['--noheader', '--array', '--states=all', `--user=${userInfo().username}`, '--format=%i %T %j %r']);
  return code === 0 ? { jobs: parseQueue(out).filter(({ name }) => name.startsWith(prefix)) } : { trouble: said, absent };
}

/** Lines of `%i %T %j %r`; what is none, or of no array's element, is passed over. */
export function parseQueue(text: string): readonly QueuedJob[] {
  return text.split('\n').flatMap((line) => {
    const found = /^\s*((\d+)(?:_(\d+))?) (\S+) (\S+) ?(.*?)\s*$/.exec(line);
    if (found === null) return [];
    const [, id, arrayId, index = '0', state, name, reason] = found;
    return [{ id: id!, arrayId: Number(arrayId), index: Number(index), name: name!, state: state!, reason: reason!, standing: standing(state!, reason!) }];
  });
}

/** Ends jobs. Whether that came through shows in the next answer of the queue. */
export async function cancelJobs(ids: readonly string[]): Promise<void> {
  // As many as an argument list certainly holds.
  for (let i = 0; i < ids.length; i += 500) await ask('scancel', ids.slice(i, i + 500));
}
