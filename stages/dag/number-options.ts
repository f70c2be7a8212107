/** Options of a command line that are whole numbers. */
import { availableParallelism } from 'node:os';
import { ConfigurationError } from './declare.ts';

/** Throws ConfigurationError for what is no whole number from `low` to `high`. */
export function wholeNumber(option: string, value: string | boolean | undefined, low: number, high: number): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (value === '' || !Number.isInteger(number) || number < low || number > high) throw new ConfigurationError(`--${option} is "${value}"; it must be a whole number from ${low} to ${high}`);
  return number;
}

/** How many tasks run at once: `--jobs`, else one for each core. */
export function jobsFrom(value: string | boolean | undefined): number {
  return wholeNumber('jobs', value, 1, 1024) ?? availableParallelism();
}
