/** Runs one function in a process of its own: for what may end the process that does it, as native code that nobody has tried yet. */
import { moduleUrl, ownProcessProgram } from './modules.ts';

/** A function, and what it is called with. */
export interface OwnProcessCall {
  /** The folder that `module` is in; of a bundle it says nothing. */
  readonly root: string;
  /** Path from the root of a module that exports `run` too, as a bundle has those alone: 'stages/quantization/native-check.ts'. */
  readonly module: string;
  readonly name: string;
  /** What can be sent to another process: strings, numbers, plain objects of them. */
  readonly args: readonly unknown[];
  readonly timeoutMs: number;
  /** Variables besides those of this process; undefined takes one away. */
  readonly environment?: { readonly [variable: string]: string | undefined };
}

export type OwnProcessEnd =
  /** What the function answered, or the promise that it answered. */
  | { readonly kind: 'answered'; readonly answer: unknown; /** What the process has printed, of both streams. */ readonly printed: string }
  /** It threw, or could not be imported: the message. */
  | { readonly kind: 'threw'; readonly message: string; readonly printed: string }
  /** It never answered: 'was ended by SIGSEGV', 'ended with exit code 3', 'did not end within 60 s'. */
  | { readonly kind: 'died'; readonly how: string; readonly printed: string };

/** To the process and from it. */
export interface OwnProcessTask { readonly url: string; readonly name: string; readonly args: readonly unknown[] }
export type OwnProcessAnswer = { readonly kind: 'answered'; readonly answer: unknown } | { readonly kind: 'threw'; readonly message: string };

/** Never rejects. The process ends with the one that asked. */
export async function inOwnProcess({ root, module, name, args, timeoutMs, environment }: OwnProcessCall): Promise<OwnProcessEnd> {
  // Few commands need it: what starts processes is loaded then.
  const { startNode } = await import('./executors/worker.ts');
  const child = startNode(ownProcessProgram(), { timeout: timeoutMs, killSignal: 'SIGKILL', ...(environment === undefined ? {} : { env: environment }) });
  let answered: OwnProcessAnswer | undefined;
  child.on('message', (message) => {
    answered = message as OwnProcessAnswer;
    child.kill('SIGKILL');
  });
  if (child.connected) child.send({ url: moduleUrl(root, module), name, args } satisfies OwnProcessTask, () => undefined);
  const { timedOut, signal, exitCode, code, all } = await child;
  const printed = all ?? '';
  if (answered !== undefined) return { ...answered, printed };
  const how = timedOut ? `did not end within ${timeoutMs / 1000} s`
    : signal !== undefined ? `was ended by ${signal}` : exitCode !== undefined ? `ended with exit code ${exitCode}` : `did not begin (${code ?? 'unknown'})`;
  return { kind: 'died', how, printed };
}
