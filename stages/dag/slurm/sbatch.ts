/** The arguments of a submission, and what came of it. */
import { ask } from './ask.ts';
import type { JobNeeds } from '../cluster.ts';

/** The whole text of every job: its arguments are the program and what it is given, so nothing is ever put into a script. */
export const SCRIPT = '#!/bin/sh\nexec "$@"\n';

/** What these say of a job is said by the run; and what would run something else, or hide what becomes of it. */
const OWN_OPTIONS = ['array', 'batch', 'chdir', 'clusters', 'error', 'export', 'export-file', 'get-user-env', 'gid', 'input', 'job-name', 'nodes', 'ntasks', 'open-mode', 'output', 'parsable', 'quiet', 'test-only', 'uid', 'wait', 'wrap'];

/** What is wrong with an argument of the site's; undefined: nothing. */
export function optionFault(option: string): string | undefined {
  const name = /^--([a-z][a-z0-9-]*)(=[^\0\n]*)?$/.exec(option)?.[1];
  if (name === undefined) return 'is no option of sbatch written in full, like --account=physics';
  // The program takes the beginning of a name for the name.
  const own = OWN_OPTIONS.find((it) => it.startsWith(name));
  return own === undefined ? undefined : `would change what the run itself says with --${own}`;
}

export interface Submission {
  readonly name: string;
  readonly elements: number;
  readonly needs: JobNeeds;
  /** Tasks of the longest element. */
  readonly tasks: number;
  /** Nothing else on its node. */
  readonly alone: boolean;
  /** Paths. */
  readonly script: string;
  readonly folder: string;
  readonly output: string;
  readonly command: readonly string[];
}

/** Before a job's time is over it is told, where that leaves it time to work. */
const TOLD_BEFORE_S = 60;
const WORTH_TELLING_MINUTES = 10;

export function sbatchArguments({ name, elements, needs, tasks, alone, script, folder, output, command }: Submission): readonly string[] {
  const { partition, cpus, gpus, memoryBytes, timeMs, nodeType, options = [] } = needs;
  const minutes = timeMs === undefined ? undefined : Math.ceil((timeMs * tasks) / 60_000);
  return [
    '--parsable', `--job-name=${name}`, `--array=0-${elements - 1}`, '--nodes=1', '--ntasks=1', `--chdir=${folder}`, '--input=/dev/null',
    // A percent sign begins a placeholder.
    `--output=${output.replaceAll('%', '%%')}-%a`, '--open-mode=append', '--requeue',
    ...(partition === undefined ? [] : [`--partition=${partition}`]), ...(cpus === undefined ? [] : [`--cpus-per-task=${cpus}`]),
    ...(gpus === undefined || gpus === 0 ? [] : [`--gres=gpu:${gpus}`]), ...(memoryBytes === undefined ? [] : [`--mem=${Math.max(1, Math.ceil(memoryBytes / 2 ** 20))}M`]),
    ...(minutes === undefined ? [] : [`--time=${minutes}`]), ...(minutes === undefined || minutes < WORTH_TELLING_MINUTES ? [] : [`--signal=B:TERM@${TOLD_BEFORE_S}`]),
    ...(nodeType === undefined ? [] : [`--constraint=${nodeType}`]), ...(alone ? ['--exclusive'] : []),
    ...options, script, ...command,
  ];
}

export type Submitted =
  | { readonly kind: 'submitted'; readonly arrayId: number }
  /** The scheduler will not have it. */
  | { readonly kind: 'refused'; readonly sentence: string }
  /** Not now: so many of this person's jobs are enough. */
  | { readonly kind: 'too-many'; readonly sentence: string }
  /** It may have been taken, or not: whoever submits again looks first. */
  | { readonly kind: 'unknown'; readonly sentence: string };

const TOO_MANY = /limit|too many|MaxSubmit|MaxJob/i;
const REFUSED = /Batch job submission failed: (?!.*(?:timed out|contact|temporarily|connect|communication|zero bytes|unexpected message|shutting down|socket|expired|protocol))|unrecognized option|invalid option|unrecognised|Invalid .* specification|Unable to open file|requires an argument|ambiguous/i;

export async function submit(submission: Submission, environment: { readonly [name: string]: string }): Promise<Submitted> {
  const { code, out, said } = await ask('sbatch', sbatchArguments(submission), environment);
  const arrayId = Number(/^(\d+)(?:;|\s*$)/.exec(out)?.[1] ?? NaN);
  if (code === 0 && Number.isSafeInteger(arrayId)) return { kind: 'submitted', arrayId };
  const sentence = said.split('\n').filter((line) => line !== '').at(-1)?.replace(/^sbatch: (?:error: )?/, '') ?? 'sbatch said nothing';
  if (code !== 0 && code !== undefined && TOO_MANY.test(said)) return { kind: 'too-many', sentence };
  if (code !== 0 && code !== undefined && REFUSED.test(said)) return { kind: 'refused', sentence };
  return { kind: 'unknown', sentence };
}

/** How many elements an array may have here. */
export async function maxArraySize(): Promise<number> {
  const { out } = await ask('scontrol', ['show', 'config']);
  // 1001 is what the scheduler has where nobody said otherwise.
  return Number(/^MaxArraySize\s*=\s*(\d+)/m.exec(out)?.[1] ?? 1001);
}
