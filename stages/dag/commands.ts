/** The command line: finds the command, reads its options, and turns whatever goes wrong into a sentence and an exit code. */
import { parseArgs } from 'node:util';
import { EXIT } from './command.ts';
import type { Command, CommandContext, CommandOption } from './command.ts';
import { ConfigurationError, isConfigurationError } from './declare.ts';
import { StoreUnwritable } from './errors.ts';
import { closest } from './words.ts';
import type { Pipeline } from './types.ts';

/** One line for the help, and the file with the command, loaded when it is asked for. */
export interface CommandEntry { readonly summary: string; readonly load: () => Promise<{ readonly default: Command }> }

/** A command of the machinery that does more in this project: made of what it is without. */
export interface CommandExtension { readonly summary: string; readonly extend: (command: Command) => Promise<Command> }

type Register = { readonly [name: string]: CommandEntry };

/** The register: one line and one file for each command. */
const REGISTER: Register = {
  run: { summary: 'Compute what is missing or out of date, and write the exports', load: () => import('./commands/run.ts') },
  status: { summary: 'Show what is up to date, out of date, missing and failed', load: () => import('./commands/status.ts') },
  plan: { summary: 'Show what a run would compute, why, and how long it would take', load: () => import('./commands/plan.ts') },
  why: { summary: 'Explain why a cell ran, and what would happen to it now', load: () => import('./commands/why.ts') },
  logs: { summary: 'Show what the task of a cell wrote to its output', load: () => import('./commands/logs.ts') },
  reproduce: { summary: 'Compute results once more and compare them, bit for bit', load: () => import('./commands/reproduce.ts') },
  check: { summary: 'Hash the whole store again; set aside what is damaged', load: () => import('./commands/check.ts') },
  runs: { summary: 'List past runs, and what is kept', load: () => import('./commands/runs.ts') },
  keep: { summary: 'Pin what a run computed, under a name', load: () => import('./commands/keep.ts') },
  render: { summary: 'Write the report of a kept run again', load: () => import('./commands/render.ts') },
  gc: { summary: 'Remove from the store what nothing needs', load: () => import('./commands/gc.ts') },
  accept: { summary: 'Keep results after a change that you judge harmless', load: () => import('./commands/accept.ts') },
  cache: { summary: 'Show what the shared cache has; put results there, or bring them', load: () => import('./commands/cache.ts') },
  doctor: { summary: 'Show what is there, what is missing, and what does not work', load: () => import('./commands/doctor.ts') },
  graph: { summary: 'Draw the stages and what flows between them', load: () => import('./commands/graph.ts') },
};

export interface CommandLineOptions {
  /** Boolean flags of the project's own, name -> one line for the help. They are given to the function that makes the pipeline. */
  readonly flags?: { readonly [name: string]: string };
  /** Commands of the project's own, by name; under a name of the machinery only one that extends that command. */
  readonly commands?: { readonly [name: string]: CommandEntry | CommandExtension };
  /** Where lines of results go. Default: standard output. */
  readonly print?: (line: string) => void;
  /** Where a sentence about what is wrong goes. Default: standard error. */
  readonly complain?: (line: string) => void;
}

/** What the pipeline is made for. */
export interface Asked {
  /** 'run', 'plan', ... */
  readonly command: string;
  readonly values: CommandContext['values'];
  readonly positionals: CommandContext['positionals'];
  /** Tells a person at once: what making the pipeline took (a look-up in the network). Never on standard output, which may be read by a program. */
  readonly say: (sentence: string) => void;
}

/** A pipeline, or what makes one from the project's own flags (called only when a command needs it). */
export type PipelineSource = Pipeline | ((flags: { readonly [name: string]: boolean }, asked: Asked) => Pipeline | Promise<Pipeline>);

/** A command of the machinery, to make one of the project's own of. */
export async function machineryCommand(name: string): Promise<Command> {
  return await commandNamed(REGISTER, name);
}

/**
 * Runs one command line (without node and script: `['run', '--jobs', '2']`) and answers the exit code: 0 done, 1 a cell failed,
 * 2 the configuration or the command is wrong, 3 a comparison found a difference, 130 interrupted. Throws only what is a fault of ours.
 */
export async function commandLine(source: PipelineSource, argv: readonly string[], options: CommandLineOptions = {}): Promise<number> {
  const { print = (line) => { process.stdout.write(`${line}\n`); }, complain = (line) => { process.stderr.write(`${line}\n`); } } = options;
  try {
    const flags = options.flags ?? {};
    const register = registerWith(options.commands ?? {});
    const [name = 'help', ...rest] = argv;
    if (name === 'help' || name === '--help' || name === '-h') {
      const asked = rest[0];
      print(asked === undefined ? overview(register, flags) : helpFor(await commandNamed(register, asked), flags));
      return EXIT.done;
    }
    const command = await commandNamed(register, name);
    if (rest.includes('--help') || rest.includes('-h')) {
      print(helpFor(command, flags));
      return EXIT.done;
    }
    const { values, positionals } = readOptions(name, command, flags, rest);
    const chosen = Object.fromEntries(Object.keys(flags).map((flag) => [flag, values[flag] === true]));
    const pipeline = typeof source === 'function' ? await source(chosen, { command: name, values, positionals, say: complain }) : source;
    const terminal = options.print === undefined && process.stdout.isTTY === true && process.env['TERM'] !== 'dumb';
    return await command.run({ pipeline, values, positionals, unusedFlags: Object.keys(flags).filter((flag) => !chosen[flag]), print, terminal });
  } catch (error) {
    if (error instanceof StoreUnwritable) {
      complain(`${error.message}; ${error.hint}`);
      return EXIT.failed;
    }
    if (!isConfigurationError(error)) throw error;
    complain(error.message);
    return EXIT.wrong;
  }
}

function registerWith(own: NonNullable<CommandLineOptions['commands']>): Register {
  const register: { [name: string]: CommandEntry } = { ...REGISTER };
  for (const [name, entry] of Object.entries(own)) {
    const machinery = Object.hasOwn(REGISTER, name) ? REGISTER[name] : undefined;
    if (name === 'help' || (machinery === undefined) === 'extend' in entry) throw new Error(`the command ${name} is ${'extend' in entry ? 'none of the machinery' : "the machinery's own"}`);
    register[name] = 'extend' in entry ? { summary: entry.summary, load: async () => ({ default: await entry.extend((await machinery!.load()).default) }) } : entry;
  }
  return register;
}

async function commandNamed(register: Register, name: string): Promise<Command> {
  const entry = Object.hasOwn(register, name) ? register[name] : undefined;
  if (entry !== undefined) return (await entry.load()).default;
  if (name.startsWith('-')) throw new ConfigurationError(`"${name}" stands before the command; the order is: bitwidth <command> [options]. Commands are ${Object.keys(register).join(', ')}, help.`);
  const near = closest(name, Object.keys(register));
  throw new ConfigurationError(`unknown command "${name}"; ${near === undefined ? '' : `did you mean "${near}"? `}Commands are ${Object.keys(register).join(', ')}, help.`);
}

function readOptions(name: string, command: Command, flags: { readonly [name: string]: string }, args: readonly string[]) {
  const known: { [name: string]: { type: 'boolean' | 'string'; short?: string } } = {};
  for (const [option, { type, short }] of Object.entries(command.options)) known[option] = short === undefined ? { type } : { type, short };
  for (const flag of Object.keys(flags)) known[flag] = { type: 'boolean' };
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], options: known, allowPositionals: true, strict: true });
  } catch (error) {
    throw new ConfigurationError(`${name}: ${optionProblem(error as Error & { code?: string }, Object.keys(known))}\nusage: ${command.usage}; "help ${name}" lists its options`);
  }
  const { min, max } = command.positionals;
  if (parsed.positionals.length < min || parsed.positionals.length > max) {
    throw new ConfigurationError(`${name}: ${parsed.positionals.length < min ? 'say which one' : `"${parsed.positionals[max]}" is one argument too many`}\nusage: ${command.usage}`);
  }
  return { values: parsed.values as { [option: string]: string | boolean | undefined }, positionals: parsed.positionals };
}

function optionProblem(error: Error & { code?: string }, known: readonly string[]): string {
  const unknown = /^Unknown option '(-{1,2})([^']*)'/.exec(error.message);
  if (error.code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION' || unknown === null) return error.message;
  const near = closest(unknown[2]!, known);
  return `unknown option "${unknown[1]}${unknown[2]}"${near === undefined ? '' : `; did you mean "--${near}"?`}`;
}

function overview(register: Register, flags: { readonly [name: string]: string }): string {
  const lines = ['usage: bitwidth <command> [options]', '', 'Commands:'];
  const width = Math.max(...Object.keys(register).map((name) => name.length));
  for (const [name, { summary }] of Object.entries(register)) lines.push(`  ${name.padEnd(width)} ${summary}`);
  lines.push(`  ${'help'.padEnd(width)} Show this, or "help <command>" for one command`);
  for (const [flag, summary] of Object.entries(flags)) lines.push('', `Every command takes --${flag}: ${summary}`);
  lines.push('', 'Exit codes: 0 done, 1 something failed, 2 the configuration or the command is wrong, 3 a comparison found a difference, 130 interrupted');
  return lines.join('\n');
}

function helpFor(command: Command, flags: { readonly [name: string]: string }): string {
  const lines = [`usage: ${command.usage}`, '', command.details];
  const options: [string, CommandOption][] = [...Object.entries(command.options),
    ...Object.entries(flags).map(([flag, summary]): [string, CommandOption] => [flag, { type: 'boolean', summary }])];
  if (options.length > 0) lines.push('');
  for (const [name, { value, summary, short }] of options) {
    lines.push(`  ${`--${name}${value === undefined ? '' : ` <${value}>`}${short === undefined ? '' : `, -${short}`}`.padEnd(22)} ${summary}`);
  }
  return lines.join('\n');
}
