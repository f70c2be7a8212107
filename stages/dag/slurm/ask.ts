/** Starts the scheduler's programs: arguments as they are, no shell, an environment of which every variable is named here. */
import { execFile } from 'node:child_process';

export interface Answer {
  /** Undefined: it did not start, or was ended because it took too long. */
  readonly code: number | undefined;
  readonly out: string;
  /** What it said on its error output, or why it did not start. */
  readonly said: string;
  /** There is no such program. */
  readonly absent: boolean;
}

const PASSED = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LD_LIBRARY_PATH'] as const;
/** Where the scheduler is, and what a person set for all of their jobs. Of the job that a run may itself be part of, nothing. */
const SCHEDULER = ['SLURM_CONF', 'SBATCH_ACCOUNT', 'SBATCH_PARTITION', 'SBATCH_QOS', 'SBATCH_RESERVATION', 'SBATCH_CONSTRAINT'] as const;
const LIMIT_MS = 60_000;

/** What jobs find in their environment, besides what the scheduler puts there. */
export function jobEnvironment(own: { readonly [name: string]: string } = {}, env: NodeJS.ProcessEnv = process.env): { readonly [name: string]: string } {
  return { ...Object.fromEntries([...PASSED, ...SCHEDULER].flatMap((name) => env[name] === undefined ? [] : [[name, env[name]]])), ...own };
}

export function ask(program: string, args: readonly string[], env = jobEnvironment(), limitMs = LIMIT_MS): Promise<Answer> {
  return new Promise((resolve) => {
    const child = execFile(program, args, { env: { ...env, LC_ALL: 'C' }, timeout: limitMs, killSignal: 'SIGKILL', maxBuffer: 1 << 28 }, (error, out, said) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : undefined;
      resolve({ code, out, said: said.trim() || (error?.killed === true ? `${program} did not answer within ${limitMs / 1000} s` : error?.message ?? ''), absent: (error as NodeJS.ErrnoException | null)?.code === 'ENOENT' });
    });
    child.stdin?.end();
  });
}
