/** `reproduce`: computes what is recorded once more and compares, bit for bit, or what was measured within its tolerance. */
import { randomInt } from 'node:crypto';
import { EXIT } from '../command.ts';
import { readGround } from '../ground.ts';
import { jobsFrom, timeSpan, wholeNumber } from '../number-options.ts';
import { preview } from '../preview.ts';
import { sampleOf } from '../random.ts';
import { comparedOutputs, Reproduction } from '../reproduce.ts';
import { compared, countsOf, reproduceEvents, reproduceLines } from '../reproduce-report.ts';
import { select } from '../selection.ts';
import { onSignals } from '../signals.ts';
import { openToCompute } from '../stand-in.ts';
import type { Command } from '../command.ts';
import type { Forecast } from '../preview.ts';
import type { Recorded, Reproduced } from '../reproduce.ts';
import type { Selection } from '../selection.ts';
import type { Pipeline } from '../types.ts';

const MAX_SEED = 2 ** 32 - 1;

const reproduce: Command = {
  usage: 'bitwidth reproduce [target ...]',
  details: 'Computes exact cells that have a valid record once more, where the project knows how by another engine (by the next, where one cannot),\nand compares the bytes. Without a target: all. With --first a claim and all that it was computed from come before the rest, with\n--budget as much is computed as there is time for, in an order drawn at random. What was measured on this machine is measured again only\nwith --measure, and compared by what its stage tolerates. Nothing is kept. Exit code 0: all are equal or within tolerance; 3: some\ndiffer; 1: some could not be run, or nothing could be compared.',
  options: {
    sample: { type: 'string', value: 'n', summary: 'Only n of them, chosen at random' },
    seed: { type: 'string', value: 's', summary: 'Choose as an earlier sample with this seed did' },
    first: { type: 'string', value: 'target', summary: 'Begin with these cells and all that they were computed from: claims:*' },
    measure: { type: 'boolean', summary: 'Also what was measured on this machine: equal, within tolerance, or not' },
    budget: { type: 'string', value: 'time', summary: 'Compute for so long at most: 90s, 10min, 2h' },
    jobs: { type: 'string', short: 'j', value: 'n', summary: 'How many tasks run at once (default: one for each core)' },
    json: { type: 'boolean', summary: 'Print events, one JSON object a line; the last is {"event":"done",...}' },
  },
  positionals: { min: 0, max: Infinity },
  async run({ pipeline, values, positionals, unusedFlags = [], print }) {
    const size = wholeNumber('sample', values['sample'], 1, 1_000_000_000);
    const seed = wholeNumber('seed', values['seed'], 0, MAX_SEED) ?? randomInt(MAX_SEED + 1);
    const budgetMs = timeSpan('budget', values['budget']);
    const jobs = jobsFrom(values['jobs']);
    const report = values['json'] === true ? reproduceEvents(print) : reproduceLines(print);
    const startedMs = performance.now();
    const { selection, first } = chosenCells(pipeline, positionals, values['first']);
    const { store, remove } = await openToCompute(pipeline);
    let interrupted = false;
    let expired = false;
    try {
      const ground = await readGround(pipeline, store, selection.cells);
      // Tools, too, are looked at as they are: what is used now may be out of date.
      const forecasts = preview({ cells: selection.cells, onDemand: new Set() }, ground);
      const { candidates, leftOut } = candidatesIn(selection, forecasts, values['measure'] === true ? store.machine : undefined, unusedFlags);
      const rest = candidates.filter(({ cell }) => !first.has(cell.id));
      const cells = size === undefined ? candidates : [...candidates.filter(({ cell }) => first.has(cell.id)), ...sampleOf(rest, size, seed)];
      const recordedMs = cells.reduce((sum, { record }) => sum + record.durationMs, 0);
      report.started({ cells, candidates: candidates.length, seed: size === undefined ? undefined : seed, leftOut, ...(budgetMs === undefined ? {} : { budget: { ms: budgetMs, recordedMs } }) });
      const stagesLeft = new Map<string, number>();
      for (const { cell: { stage } } of cells) stagesLeft.set(stage.name, (stagesLeft.get(stage.name) ?? 0) + 1);
      const all: Reproduced[] = [];
      const reproduction = new Reproduction(ground, forecasts, jobs, (one) => {
        all.push(one);
        report.cell(one);
        const { name } = one.cell.stage;
        const left = stagesLeft.get(name)! - 1;
        stagesLeft.set(name, left);
        if (left === 0) report.stage(name, all.filter(({ cell }) => cell.stage.name === name));
      });
      const timer = budgetMs === undefined ? undefined : setTimeout(() => { expired = true; reproduction.stop(); }, Math.max(1, budgetMs - (performance.now() - startedMs)));
      const ignoreSignals = onSignals(() => { interrupted = true; reproduction.stop(); });
      try {
        await reproduction.run(cells, first, budgetMs === undefined ? undefined : seed);
      } finally {
        clearTimeout(timer);
        ignoreSignals();
      }
      const counts = countsOf(all);
      report.done(counts, performance.now() - startedMs, interrupted, expired ? cells.length - all.length : 0);
      if (counts.differs > 0) return EXIT.different;
      if (interrupted) return EXIT.interrupted;
      // Nothing compared is nothing shown.
      return counts['not-run'] > 0 || compared(counts) === 0 ? EXIT.failed : EXIT.done;
    } finally {
      await store.close();
      remove();
    }
  },
};
export default reproduce;

/** What is asked for, and of it the cells that go first: with --first those of its targets and what they are computed from. */
function chosenCells(pipeline: Pipeline, targets: readonly string[], first: string | boolean | undefined): { readonly selection: Selection; readonly first: ReadonlySet<string> } {
  if (typeof first !== 'string') return { selection: select(pipeline, targets), first: new Set() };
  const closure = new Set(select(pipeline, [first]).cells.map(({ id }) => id));
  const selection = targets.length === 0 ? select(pipeline, []) : select(pipeline, [...targets, first]);
  return { selection: { ...selection, named: new Set([...selection.named, ...closure]) }, first: closure };
}

/** The cells with a record to compare with, and in words what was asked for besides. `machine`: what was measured there counts, too. `unusedFlags`: of the project. */
function candidatesIn({ cells, named, onDemand }: Selection, forecasts: ReadonlyMap<string, Forecast>, machine: string | undefined, unusedFlags: readonly string[]): { readonly candidates: readonly Recorded[]; readonly leftOut: readonly string[] } {
  const candidates: Recorded[] = [];
  let [inexact, comparable, elsewhere, unrecorded] = [0, 0, 0, 0];
  for (const cell of cells) {
    if (!named.has(cell.id) || onDemand.has(cell.id)) continue;
    const forecast = forecasts.get(cell.id)!;
    const agrees = cell.stage.agreement !== undefined;
    if (comparedOutputs(cell.stage).length === 0 || (cell.stage.determinism !== 'exact' && (!agrees || machine === undefined))) {
      inexact++;
      if (agrees) comparable++;
    } else if (cell.stage.determinism === 'measured' && forecast.kind === 'done') {
      // A timing of another machine says nothing of this one.
      const record = forecast.records.find((one) => one.machine === machine);
      if (record === undefined) elsewhere++;
      else candidates.push({ cell, record });
    } else if (forecast.kind === 'done') candidates.push({ cell, record: forecast.records[0]! });
    else unrecorded++;
  }
  // Of another study in these files, the cells of this one have no record.
  const otherwise = unusedFlags.map((flag) => `; what a run with --${flag} computed is compared with --${flag}`).join('');
  const leftOut = [...(inexact > 0 ? [`${inexact} of stages whose results are not exact${comparable > 0 ? ' (--measure compares what was measured here)' : ''}`] : []), ...(elsewhere > 0 ? [`${elsewhere} measured on other machines`] : []), ...(unrecorded > 0 ? [`${unrecorded} without a valid record (compute them first, with the command run${otherwise})`] : [])];
  return { candidates, leftOut };
}
