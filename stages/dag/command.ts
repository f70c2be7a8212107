/** What a command is. Each lives in a file of its own under commands/, loaded only when it is asked for. */
import type { Pipeline } from './types.ts';

/** Exit codes of the command line. */
export const EXIT = { done: 0, failed: 1, wrong: 2, different: 3, interrupted: 130 } as const;

export interface CommandOption {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  /** One line for the help. */
  readonly summary: string;
  /** What a string option takes, for the help: 'n', 'file'. */
  readonly value?: string;
}

export interface CommandContext {
  readonly pipeline: Pipeline;
  readonly values: { readonly [option: string]: string | boolean | undefined };
  readonly positionals: readonly string[];
  /** The project's own flags that were not given: 'quick'. */
  readonly unusedFlags?: readonly string[];
  /** Writes one line of result to standard output. */
  readonly print: (line: string) => void;
  /** True when standard output is a terminal that takes colours and cursor movement. */
  readonly terminal: boolean;
}

/** The default export of every file under commands/. */
export interface Command {
  /** How it is called, for the help: 'why <cell|stage>'. */
  readonly usage: string;
  /** The text under the usage line. */
  readonly details: string;
  readonly options: { readonly [name: string]: CommandOption };
  readonly positionals: { readonly min: number; readonly max: number };
  /** Answers the exit code. */
  run(context: CommandContext): Promise<number>;
}
