/** Options of a command line that are numbers. */
import { availableParallelism } from 'node:os';
import { ConfigurationError } from './declare.ts';
import { machineMemoryBytes } from './resources.ts';
import type { Resources } from './resources.ts';

/** Throws ConfigurationError for what is no whole number from `low` to `high`, in plain digits. */
export function wholeNumber(option: string, value: string | boolean | undefined, low: number, high: number): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!/^\d+$/.test(String(value)) || number < low || number > high) throw new ConfigurationError(`--${option} is "${value}"; it must be a whole number from ${low} to ${high}`);
  return number;
}

const MAX_SPAN_MS = 500 * 3_600_000;
const TIME_UNITS: { readonly [unit: string]: number } = { s: 1000, min: 60_000, h: 3_600_000 };

/** '90s', '10min', '1.5h' in ms. Throws ConfigurationError for what is no length of time. */
export function timeSpan(option: string, value: string | boolean | undefined): number | undefined {
  if (value === undefined) return undefined;
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?(s|min|h)$/.exec(String(value)) ?? [];
  const ms = Number(number) * TIME_UNITS[unit]!;
  // Less than a timer takes.
  if (number === '' || !(ms >= 1) || ms > MAX_SPAN_MS) throw new ConfigurationError(`--${option} is "${value}"; it must be a time such as 90s, 10min or 2h, up to 500h`);
  return ms;
}

/** How many tasks run at once: `--jobs`, else one for each core. */
export function jobsFrom(value: string | boolean | undefined): number {
  return wholeNumber('jobs', value, 1, 1024) ?? availableParallelism();
}

const UNITS: { readonly [unit: string]: number } = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** '12G', '800M'. Throws ConfigurationError for what is no amount of bytes. */
export function byteAmount(option: string, value: string | boolean | undefined): number | undefined {
  if (value === undefined) return undefined;
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)([KMGT]?)i?B?$/i.exec(String(value)) ?? [];
  const bytes = Math.floor(Number(number) * UNITS[unit.toUpperCase()]!);
  if (number === '' || bytes < 1 || !Number.isSafeInteger(bytes)) throw new ConfigurationError(`--${option} is "${value}"; it must be an amount of bytes such as 800M or 12G`);
  return bytes;
}

/** What a run may use: `--jobs`, `--memory`, `--gpus`. */
export function resourcesFrom(values: { readonly [option: string]: string | boolean | undefined }): Resources {
  const gpus = wholeNumber('gpus', values['gpus'], 0, 1024);
  return { jobs: jobsFrom(values['jobs']), memoryBytes: byteAmount('memory', values['memory']) ?? machineMemoryBytes(), ...(gpus === undefined ? {} : { gpus }) };
}
