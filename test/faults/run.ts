/**
 * `npm run test:faults [-- --only kill] [--seed 7] [--trial 12] [--short] [--write docs/faults.md]`: does to a project what may happen
 * to one, hundreds of times, and looks after each whether everything that is promised holds. Every number comes from the seed; a
 * trial that went wrong is named with what repeats it (moments of a kill are those of the machine, so they come out alike, not equal).
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { notRun } from '../not-run.ts';
import { faults } from './faults.ts';
import { tableOf } from './table.ts';
import { tryAll } from './try-all.ts';

const USAGE = 'usage: npm run test:faults [-- --only <part of a name>] [--seed <number>] [--trial <number>] [--short] [--write <file>]';

function fail(sentence: string): never {
  console.error(`${sentence}\n${USAGE}`);
  process.exit(2);
}

function options() {
  try {
    return parseArgs({ options: { only: { type: 'string', default: '' }, seed: { type: 'string' }, trial: { type: 'string' }, short: { type: 'boolean', default: false }, write: { type: 'string' } } }).values;
  } catch (error) {
    return fail((error as Error).message);
  }
}

function whole(name: string, text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : fail(`--${name} is "${text}"; a whole number of at most nine digits is allowed`);
}

const { only, seed: seedText, trial, short, write } = options();
const seed = seedText === undefined ? Math.floor(Math.random() * 1e9) : whole('seed', seedText);
const chosen = faults.filter(({ name, short: times }) => name.includes(only) && (!short || times > 0));
if (chosen.length === 0) fail(`no fault is named like "${only}"; there are ${faults.map(({ name }) => name).join(', ')}`);
if (write !== undefined && (trial !== undefined || short)) fail('--write is for the long form');

console.log(`seed ${seed}`);
const inOrder = await tryAll(chosen, short ? 'short' : 'long', seed, ({ fault, times, happened, broken, notRun: reason }, durationMs) => {
  if (reason !== undefined) notRun(fault.name, reason);
  else console.log(`${fault.name}: ${times} times in ${Math.round(durationMs / 1000)} s: ${[...happened].map(([what, n]) => `${what} (${n})`).join('; ')}`);
  for (const { trial: number, message } of broken) console.log(`BROKEN: npm run test:faults -- --only ${fault.name} --seed ${seed} --trial ${number}\n${message}`);
}, trial === undefined ? undefined : whole('trial', trial));
const broken = inOrder.reduce((sum, result) => sum + result.broken.length, 0);
if (write !== undefined && broken === 0) writeFileSync(write, tableOf(inOrder, seed, faults, existsSync(write) ? readFileSync(write, 'utf8') : ''));
console.log(`${inOrder.reduce((sum, { times }) => sum + times, 0)} trials, ${broken} broken promises`);
process.exit(broken === 0 ? 0 : 1);
