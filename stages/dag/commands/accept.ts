/** `accept`: results from before a change go on counting, because a person judged it harmless and a sample agreed. */
import { randomBytes, randomInt } from 'node:crypto';
import { EXIT } from '../command.ts';
import { acceptance, causeOf } from '../accept.ts';
import { ConfigurationError } from '../declare.ts';
import { announceUse, openStoreOf, readGround } from '../ground.ts';
import { jobsFrom, wholeNumber } from '../number-options.ts';
import { preview } from '../preview.ts';
import { sampleOf } from '../random.ts';
import { reasonText } from '../reasons.ts';
import { Reproduction } from '../reproduce.ts';
import { countsOf, reproduceLines } from '../reproduce-report.ts';
import { onSignals } from '../signals.ts';
import { timestamp } from '../timestamp.ts';
import { closest, count, duration } from '../words.ts';
import type { Acceptance, Covered } from '../accept.ts';
import type { Command } from '../command.ts';
import type { Ground } from '../ground.ts';
import type { Reproduced } from '../reproduce.ts';
import type { Store } from '../store.ts';
import type { Waiver } from '../waivers.ts';

const DEFAULT_SAMPLE = 5;
const MAX_CHARACTERS = 500;

const accept: Command = {
  usage: 'bitwidth accept <file|package ...> --because <why> | bitwidth accept --withdraw <waiver>',
  details: 'After a change of code or of an input file that you judge harmless: shows which cells are out of date for nothing else, computes a\n'
    + 'sample of them again (at least one of each stage), and if all come out equal, has the earlier results of all count. This waiver (who, when,\n'
    + 'why) shows in "status" and "why" and on the page of each cell. Without --because nothing is computed or accepted.',
  options: {
    because: { type: 'string', value: 'why', summary: 'Why the change is harmless, in a sentence' },
    by: { type: 'string', value: 'name', summary: 'Who says so (default: the label of this machine)' },
    sample: { type: 'string', value: 'n', summary: `How many cells are computed again (default: ${DEFAULT_SAMPLE})` },
    withdraw: { type: 'string', value: 'waiver', summary: 'Take a waiver back: its cells are out of date again' },
    jobs: { type: 'string', short: 'j', value: 'n', summary: 'How many tasks run at once (default: one for each core)' },
  },
  positionals: { min: 0, max: Infinity },
  async run({ pipeline, values, positionals, print }) {
    const { withdraw, because, by } = values;
    const size = wholeNumber('sample', values['sample'], 1, 1_000_000_000) ?? DEFAULT_SAMPLE;
    const jobs = jobsFrom(values['jobs']);
    for (const [option, text] of Object.entries({ because, by })) {
      if (typeof text === 'string' && (text.trim() === '' || text.length > MAX_CHARACTERS || /[\p{Cc}]/u.test(text))) throw new ConfigurationError(`accept: --${option} must be one line of up to ${MAX_CHARACTERS} characters`);
    }
    if ((typeof withdraw === 'string') === (positionals.length > 0)) throw new ConfigurationError(`accept: say either what changed, or which waiver to withdraw\nusage: ${accept.usage}`);
    const store = openStoreOf(pipeline);
    try {
      const refused = await announceUse(store);
      // Before the sample is computed for nothing.
      if (refused !== undefined && (typeof withdraw === 'string' || typeof because === 'string')) throw refused;
      if (typeof withdraw === 'string') return await takeBack(store, withdraw, print);
      const draft: Omit<Waiver, 'causes' | 'cells' | 'sampled'> = { id: randomBytes(4).toString('hex'), at: timestamp(), by: typeof by === 'string' ? by.trim() : store.machine, because: typeof because === 'string' ? because.trim() : '' };
      const causes = new Set(positionals.map((cause) => cause.replace(/^\.\//, '')));
      refuseVersions(causes, pipeline.boundaries);
      const ground = await readGround(pipeline, store, pipeline.cells);
      const found = acceptance(ground, causes, { ...draft, causes: [], cells: 0, sampled: 0 });
      if (found.covered.length === 0) throw new ConfigurationError(nothingFound(ground, causes, found));
      for (const line of coveredLines(found)) print(line);
      if (typeof because !== 'string') {
        print('Nothing was accepted: say why the change is harmless with --because "...".');
        return EXIT.wrong;
      }
      const sample = chosen(found.covered, size);
      const reproduced = await computeAgain(ground, found, sample, jobs, print);
      const counts = countsOf(reproduced);
      if (counts.differs > 0) {
        print('Nothing was accepted: the change is not harmless. The command run computes these cells anew.');
        return EXIT.different;
      }
      if (counts.equal < sample.length) {
        print('Nothing was accepted: not all of the sample could be computed.');
        return counts['not-run'] > 0 ? EXIT.failed : EXIT.interrupted;
      }
      const waiver: Waiver = { ...draft, causes: [...new Set(found.covered.flatMap(({ reasons }) => reasons.map(reasonText)))].sort(), cells: found.covered.length, sampled: sample.length };
      store.describeRun({ command: 'accept', targets: [...causes] });
      await store.waive(waiver, found.covered);
      print(`Accepted as waiver ${waiver.id}: ${count(waiver.cells, 'cell')} ${waiver.cells === 1 ? 'counts' : 'count'} as up to date. It shows on each of them; "accept --withdraw ${waiver.id}" takes it back.`);
      return EXIT.done;
    } finally {
      await store.close(store.wrote ? { ran: 0, cached: 0, failed: 0, skipped: 0 } : undefined);
    }
  },
};
export default accept;

async function takeBack(store: Store, id: string, print: (line: string) => void): Promise<number> {
  const waivers = store.waivers();
  const waiver = waivers.find((one) => one.id === id);
  if (waiver === undefined) throw new ConfigurationError(`accept: there is no waiver "${id}"; ${waivers.length === 0 ? 'there is none at all' : `there are ${waivers.map((one) => one.id).join(', ')}`}`);
  store.describeRun({ command: 'accept --withdraw', targets: [id] });
  await store.withdraw(id);
  print(`Waiver ${id} is withdrawn: the cells that it covered are out of date again.`);
  return EXIT.done;
}

/** A version says what results mean: those of two versions are different things, whatever their bytes. */
function refuseVersions(causes: ReadonlySet<string>, boundaries: Ground['pipeline']['boundaries']): void {
  for (const [path, boundary] of Object.entries(boundaries)) {
    if (causes.has(path) && boundary !== 'register') throw new ConfigurationError(`accept: ${path} counts as "${boundary.constant}", a version of what results mean; results of another version are never taken for those of this one`);
  }
}

function nothingFound(ground: Ground, causes: ReadonlySet<string>, { otherwise, inexact }: Acceptance): string {
  const names = [...causes].join(', ');
  if (inexact > 0) return `accept: ${names} touches only cells whose results are not exact (${count(inexact, 'cell')}): nothing could be compared; run them again`;
  const reasons = [...preview({ cells: ground.pipeline.cells, onDemand: new Set() }, ground).values()].flatMap((forecast) => forecast.kind === 'run' ? forecast.reasons : []);
  const known = [...new Set(reasons.flatMap((reason) => causeOf(reason) ?? []))];
  const near = [...causes].flatMap((cause) => known.includes(cause) ? [] : closest(cause, known) ?? [])[0];
  const why = [...otherwise].sort(([, a], [, b]) => b - a).slice(0, 5).map(([text, n]) => `  ${text} (${count(n, 'cell')})`);
  return `accept: no cell with an earlier result is out of date only because of ${names}${near === undefined ? '' : `; did you mean "${near}"?`}${why.length === 0 ? '' : `\nWhat is out of date:\n${why.join('\n')}`}`;
}

function coveredLines({ covered, otherwise, inexact }: Acceptance): readonly string[] {
  const stages = new Map<string, { cells: number; ms: number }>();
  for (const { of, record } of covered) {
    const stage = stages.get(of.stage.name) ?? { cells: 0, ms: 0 };
    stages.set(of.stage.name, { cells: stage.cells + 1, ms: stage.ms + record.durationMs });
  }
  const width = Math.max(...[...stages.keys()].map((name) => name.length));
  const open = [...otherwise.values()].reduce((sum, n) => sum + n, 0);
  return [
    `${count(covered.length, 'cell')} ${covered.length === 1 ? 'is' : 'are'} out of date for nothing else:`,
    ...Array.from(stages, ([name, { cells, ms }]) => `  ${name.padEnd(width)}  ${count(cells, 'cell').padStart(12)}  ${duration(ms).padStart(12)}`),
    ...(inexact === 0 ? [] : [`${count(inexact, 'cell')} whose results are not exact ${inexact === 1 ? 'stays' : 'stay'} out of date.`]),
    ...(open === 0 ? [] : [`Others are out of date for other reasons: ${[...otherwise.keys()].slice(0, 3).join('; ')}${otherwise.size > 3 ? '; ...' : ''}.`]),
  ];
}

/** At random: one of each stage, then of all. */
function chosen(covered: readonly Covered[], size: number): readonly Covered[] {
  const seed = randomInt(2 ** 32);
  const byStage = new Map<string, Covered[]>();
  for (const one of covered) byStage.set(one.of.stage.name, [...byStage.get(one.of.stage.name) ?? [], one]);
  const first = [...byStage.values()].map((cells) => sampleOf(cells, 1, seed)[0]!);
  const rest = covered.filter((one) => !first.includes(one));
  return [...first, ...sampleOf(rest, Math.min(rest.length, Math.max(0, size - first.length)), seed)];
}

/** In the way in which a run would compute them: what changed may be one engine's. */
async function computeAgain(ground: Ground, { forecasts }: Acceptance, sample: readonly Covered[], jobs: number, print: (line: string) => void): Promise<readonly Reproduced[]> {
  const { variation: _, ...pipeline } = ground.pipeline;
  const report = reproduceLines(print);
  const all: Reproduced[] = [];
  const startedMs = performance.now();
  let interrupted = false;
  const reproduction = new Reproduction({ ...ground, pipeline }, forecasts, jobs, (one) => { all.push(one); report.cell(one); });
  const ignoreSignals = onSignals(() => { interrupted = true; reproduction.stop(); });
  try {
    report.started({ cells: sample.map(({ of, record }) => ({ cell: of, record })), candidates: sample.length, seed: undefined, leftOut: [] });
    await reproduction.run(sample.map(({ of, record }) => ({ cell: of, record })));
  } finally {
    ignoreSignals();
  }
  report.done(countsOf(all), performance.now() - startedMs, interrupted);
  return all;
}
