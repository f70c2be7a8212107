/**
 * `npm run test:faults [-- --only kill] [--seed 7] [--trial 12] [--short] [--write docs/faults.md]`: does to a project what may happen
 * to one, hundreds of times, and looks after each whether everything that is promised holds. Every number comes from the seed; a
 * trial that went wrong is named with what repeats it (moments of a kill are those of the machine, so they come out alike, not equal).
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { notRun } from '../not-run.ts';
import { faults } from './faults.ts';
import { FaultyProject } from './faulty-project.ts';
import { tableOf } from './table.ts';
import { tryFault } from './try.ts';
import type { Fault } from './fault.ts';
import type { Result } from './try.ts';

const USAGE = 'usage: npm run test:faults [-- --only <part of a name>] [--seed <number>] [--trial <number>] [--short] [--write <file>]';

/** Most of a trial is waiting for a process. */
const LANES = 2;

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
if (write !== undefined && (only !== '' || trial !== undefined || short)) fail('--write is for the whole suite in its long form');

console.log(`seed ${seed}`);
const results = new Map<Fault, Result>();
const waiting = [...chosen];

/** One project for each lane: faults of different lanes know nothing of each other. */
async function lane(): Promise<void> {
  const project = await FaultyProject.open();
  process.once('exit', () => project.remove());
  for (let fault = waiting.shift(); fault !== undefined; fault = waiting.shift()) {
    const startedMs = performance.now();
    const result = await tryFault(fault, project, short ? 'short' : 'long', seed, trial === undefined ? undefined : whole('trial', trial));
    results.set(fault, result);
    if (result.notRun !== undefined) notRun(fault.name, result.notRun);
    else console.log(`${fault.name}: ${result.times} times in ${Math.round((performance.now() - startedMs) / 1000)} s: ${[...result.happened].map(([what, times]) => `${what} (${times})`).join('; ')}`);
    for (const { trial: number, message } of result.broken) console.log(`BROKEN: npm run test:faults -- --only ${fault.name} --seed ${seed} --trial ${number}\n${message}`);
  }
}

const lanes: Promise<void>[] = [];
for (let i = 0; i < Math.min(LANES, chosen.length); i++) lanes.push(lane());
await Promise.all(lanes);
const inOrder = chosen.flatMap((fault) => results.get(fault) ?? []);
const broken = inOrder.reduce((sum, result) => sum + result.broken.length, 0);
if (write !== undefined && broken === 0) writeFileSync(write, tableOf(inOrder, seed));
console.log(`${inOrder.reduce((sum, { times }) => sum + times, 0)} trials, ${broken} broken promises`);
process.exit(broken === 0 ? 0 : 1);
