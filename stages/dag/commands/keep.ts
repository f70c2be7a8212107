/** `keep`: pins what a run computed, so that `gc` leaves it and its report can be written again. */
import { isDeepStrictEqual } from 'node:util';
import { EXIT } from '../command.ts';
import { citationsOf, KEPT_NAME, listedIn, removeCitations, resolve, writeCitations } from '../cited.ts';
import { ConfigurationError } from '../declare.ts';
import { announceUse, openStoreOf, readGround } from '../ground.ts';
import { citationsOfRun, isOfCells, keptAs, runNamed } from '../kept.ts';
import { preview } from '../preview.ts';
import { select } from '../selection.ts';
import { timestamp } from '../timestamp.ts';
import { closest, count } from '../words.ts';
import type { RunCitations } from '../cited.ts';
import type { Command } from '../command.ts';
import type { Store } from '../store.ts';
import type { Pipeline } from '../types.ts';

const keep: Command = {
  usage: 'bitwidth keep [run] --as <name> | bitwidth keep --drop <name>',
  details: 'Keeps under a name what a past run computed and used (its id, a part of it, or "last"; "bitwidth runs" lists them), or, without a run,\nwhat is up to date now. "gc" leaves it, and "render" writes its report again. --drop takes the name away; nothing is removed by that.',
  options: {
    as: { type: 'string', value: 'name', summary: 'The name: letters, digits and . _ -' },
    drop: { type: 'string', value: 'name', summary: 'No longer keep what has this name' },
  },
  positionals: { min: 0, max: 1 },
  async run({ pipeline, values, positionals, print }) {
    const { as: name, drop } = values;
    if ((typeof name === 'string') === (typeof drop === 'string') || (typeof drop === 'string' && positionals.length > 0)) {
      throw new ConfigurationError(`keep: say either what to keep and its name, or which name to drop\nusage: ${keep.usage}`);
    }
    const store = openStoreOf(pipeline);
    try {
      await announceUse(store);
      if (typeof drop === 'string') return await dropName(store, drop, print);
      await addName(pipeline, store, name as string, positionals[0], print);
      return EXIT.done;
    } finally {
      await store.close();
    }
  },
};
export default keep;

async function dropName(store: Store, name: string, print: (line: string) => void): Promise<number> {
  const names = listedIn(store.folder, 'kept');
  if (!names.includes(name)) {
    const near = closest(name, names);
    throw new ConfigurationError(`keep: nothing is kept as "${name}"${near === undefined ? '' : `; did you mean "${near}"?`} ${names.length === 0 ? 'Nothing is kept.' : `Kept are ${names.join(', ')}.`}`);
  }
  await removeCitations(store.folder, 'kept', name);
  print(`${name} is not kept any more. What nothing else needs goes with the next "gc".`);
  return EXIT.done;
}

async function addName(pipeline: Pipeline, store: Store, name: string, run: string | undefined, print: (line: string) => void): Promise<void> {
  if (!KEPT_NAME.test(name)) throw new ConfigurationError(`keep: --as is "${name}"; a name begins with a letter or digit and has up to 64 letters, digits and . _ -`);
  const taken = keptAs(store.folder, name);
  if (taken !== undefined) throw new ConfigurationError(`keep: ${name} is taken by run ${taken.run}; choose another name, or "keep --drop ${name}" first`);
  const citations = run === undefined ? await presentState(pipeline, store) : citationsOfRun(store, runNamed(store, run));
  const { records, lost } = resolve(citations, store);
  const cells = Object.keys(citations.cells).length;
  const incomplete = lost + [...records.values()].flat().filter((record) => store.missingOutputs(record).length > 0).length;
  if (cells === 0 || incomplete >= cells) throw new ConfigurationError(`keep: nothing of ${citations.run} is in the store any more`);
  await writeCitations(store.folder, 'kept', name, citations);
  const report = citations.exports.length === 0 ? 'It wrote no report.' : `"render ${name} --to <folder>" writes its report again.`;
  print(`${count(cells, 'cell')} of ${run === undefined ? 'the present state' : `run ${citations.run}`} ${cells === 1 ? 'is' : 'are'} kept as ${name}. ${report}`);
  if (incomplete > 0) print(`${count(incomplete, 'result')} of it ${incomplete === 1 ? 'is' : 'are'} not in the store any more.`);
}

/** What counts now. Throws ConfigurationError where something is to be computed first. */
async function presentState(pipeline: Pipeline, store: Store): Promise<RunCitations> {
  const selection = select(pipeline, []);
  const forecasts = preview(selection, await readGround(pipeline, store, selection.cells));
  const open = [...forecasts.values()].filter(({ kind }) => kind === 'run' || kind === 'follows').length;
  if (open > 0) throw new ConfigurationError(`keep: ${count(open, 'cell')} ${open === 1 ? 'is' : 'are'} not up to date; run "bitwidth run" first, or name a past run ("bitwidth runs" lists them)`);
  const at = timestamp();
  const outcomes = [...forecasts].flatMap(([id, forecast]) => forecast.kind === 'done' ? [[id, forecast] as const] : []);
  const now = citationsOf({ run: store.run, startedAt: at, endedAt: at, pipeline: pipeline.name }, outcomes, pipeline.exports);
  // Mostly it is the last run that a person means by it; what came of a setting taken back is no run's.
  const last = store.runs().findLast(isOfCells);
  const of = last === undefined ? undefined : citationsOfRun(store, last);
  return of !== undefined && isDeepStrictEqual([of.cells, of.exports], [now.cells, now.exports]) ? of : now;
}
