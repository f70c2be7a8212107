/** Does a fault a number of times and counts what happened. */
import { mulberry32 } from '../../stages/dag/random.ts';
import { sha256 } from '../../stages/dag/sha256.ts';
import { NotPossible } from './fault.ts';
import type { Fault, Form, Random } from './fault.ts';
import type { FaultyProject } from './faulty-project.ts';

export interface Result {
  readonly fault: Fault;
  readonly times: number;
  /** What happened -> how often. */
  readonly happened: ReadonlyMap<string, number>;
  /** Of trials that broke a promise: their number and the message. */
  readonly broken: readonly { readonly trial: number; readonly message: string }[];
  /** Why it could not be done here. */
  readonly notRun?: string;
}

/** More broken promises than this of one fault tell nothing new. */
const MAX_BROKEN = 5;

/** The numbers of one trial: by seed, fault and number, so that one alone can be had again. */
function randomOf(seed: number, { name }: Fault, trial: number): Random {
  return mulberry32(parseInt(sha256(`${seed} ${name} ${trial}`).slice(0, 8), 16));
}

/** `only`: just the trial of this number. */
export async function tryFault(fault: Fault, project: FaultyProject, form: Form, seed: number, only?: number): Promise<Result> {
  const happened = new Map<string, number>();
  const broken: { trial: number; message: string }[] = [];
  let trials;
  try {
    trials = await fault.open(project, form);
  } catch (error) {
    if (!(error instanceof NotPossible)) throw error;
    return { fault, times: 0, happened, broken, notRun: error.message };
  }
  try {
    const { all } = trials;
    const each = form === 'long' && fault.long === 'all';
    const times = form === 'short' ? fault.short : fault.long === 'all' ? all! : fault.long;
    let done = 0;
    for (const trial of only === undefined ? Array.from({ length: times }, (_, i) => i) : [only]) {
      const random = randomOf(seed, fault, trial);
      const index = all === undefined || each ? trial : Math.floor(random() * all);
      done++;
      try {
        const what = await trials.trial(random, index);
        happened.set(what, (happened.get(what) ?? 0) + 1);
      } catch (error) {
        broken.push({ trial, message: error instanceof Error ? `${error.message}\n${(error as { details?: string }).details ?? error.stack ?? ''}` : String(error) });
        if (broken.length >= MAX_BROKEN) break;
      }
    }
    return { fault, times: done, happened, broken };
  } finally {
    trials.close?.();
  }
}
