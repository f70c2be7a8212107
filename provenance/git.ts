/** Asking git: no shell, no hooks, no prompts, none of its messages in another language. */
import { execFile } from 'node:child_process';

export class GitFailed extends Error {
  /** What git said, without what is only for terminals. */
  constructor(what: string) {
    super(what);
    this.name = 'GitFailed';
  }
}

export interface GitOptions {
  readonly env?: { readonly [name: string]: string };
  readonly input?: string | Uint8Array;
}

/** Large enough for a list of many files. */
const MOST_OUTPUT = 1 << 28;

/** What a caller that is itself a hook of git would make us inherit: another repository, another index. */
const INHERITED = ['GIT_DIR', 'GIT_INDEX_FILE', 'GIT_WORK_TREE', 'GIT_OBJECT_DIRECTORY', 'GIT_COMMON_DIR', 'GIT_NAMESPACE', 'GIT_PREFIX'];

/** Runs git in `folder` and answers its output. Throws GitFailed where it is not there or says no. */
export function git(folder: string, args: readonly string[], { env = {}, input }: GitOptions = {}): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // Hooks are another's programs: committing and pushing here starts none.
    const child = execFile('git', ['-c', 'core.hooksPath=/dev/null', '-c', 'core.quotePath=false', '-c', 'gc.auto=0', '-c', 'maintenance.auto=false', ...args], {
      cwd: folder, encoding: 'buffer', maxBuffer: MOST_OUTPUT, env: { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !INHERITED.includes(name))), LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0', ...env },
    }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if ((error as NodeJS.ErrnoException).code === 'ENOENT') reject(new GitFailed('git is not installed'));
      else reject(new GitFailed(reasonOf(stdout.toString('utf8'), stderr.toString('utf8'))));
    });
    child.stdin?.on('error', () => { /* it ended before it read all: what it said is told */ });
    child.stdin?.end(input ?? '');
  });
}

/** The one line that says why: of a push the refused reference, else what git complains of first. */
function reasonOf(stdout: string, stderr: string): string {
  const refused = /^!\t[^\t]*\t(.*)$/m.exec(stdout)?.[1];
  return refused ?? (stderr.replaceAll(/^(?:fatal|error|hint|remote): /gm, '').trim().split('\n')[0] || 'git failed');
}

/** Its output without the last line break; undefined where git says no. */
export async function gitLine(folder: string, args: readonly string[], options: GitOptions = {}): Promise<string | undefined> {
  try {
    return (await git(folder, args, options)).toString('utf8').trimEnd();
  } catch (error) {
    if (error instanceof GitFailed && error.message !== 'git is not installed') return undefined;
    throw error;
  }
}
