/** What a person or a program sees of cells computed once more: plain lines, or events as NDJSON. */
import { count, duration, grouped } from './words.ts';
import type { Comparison, Recorded, Reproduced } from './reproduce.ts';
import type { CellRecord, Failure } from './types.ts';

export type Counts = { readonly [kind in Comparison['kind']]: number };

/** What is going to be computed. */
export interface Chosen {
  readonly cells: readonly Recorded[];
  /** Of so many that could be. */
  readonly candidates: number;
  /** Of the sample, where there is one. */
  readonly seed: number | undefined;
  /** For so long at most, ms, and of so much recorded work. */
  readonly budget?: { readonly ms: number; readonly recordedMs: number };
  /** Cells that were asked for and cannot be compared, in words: '3 without a valid record'. */
  readonly leftOut: readonly string[];
}

export interface ReproduceReport {
  started(chosen: Chosen): void;
  cell(reproduced: Reproduced): void;
  /** Every cell of the stage has been told of. */
  stage(name: string, reproduced: readonly Reproduced[]): void;
  /** `unreached`: cells that the time did not suffice for. */
  done(counts: Counts, durationMs: number, interrupted: boolean, unreached?: number): void;
}

/** A long reproduction shows that it lives so often. */
const SIGN_OF_LIFE_MS = 30_000;

export function reproduceLines(print: (line: string) => void): ReproduceReport {
  let total = 0;
  let told = 0;
  const saidOver = new Set<string>();
  let lastMs = performance.now();
  const say = (line: string): void => {
    lastMs = performance.now();
    print(line);
  };
  return {
    started({ cells, candidates, seed, budget, leftOut }) {
      total = cells.length;
      if (seed === undefined) say(`Computing ${count(total, 'cell')} once more.`);
      else say(`Computing ${grouped(total)} of ${count(candidates, 'cell')} once more, chosen with --seed ${seed}.`);
      if (budget !== undefined) say(`For ${duration(budget.ms)} at most; they were recorded to take ${duration(budget.recordedMs)} of one job.`);
      if (leftOut.length > 0) say(`Left out: ${leftOut.join(', ')}.`);
    },
    cell({ cell, record, comparison, now, how, passedOver }) {
      told++;
      for (const { how: way, failure } of passedOver) {
        const why = `(${failure.code}): ${inFull(failure)}`;
        // Once: what keeps an engine from one cell keeps it from most.
        if (!saidOver.has(`${way} ${why}`)) say(`${way} was passed over, first for ${cell.id} ${why}`);
        saidOver.add(`${way} ${why}`);
      }
      if (comparison.kind === 'differs') {
        const outputs = comparison.differences.map(({ output, then, now }) => `${output} (${then.sha256.slice(0, 12)} then, ${now.sha256.slice(0, 12)} now)`);
        say(`differs: ${cell.id}: ${comparison.what ?? outputs.join(', ')}; ${byWhom(record.computedBy, now) || 'computed in the same way'}`);
      } else if (comparison.kind === 'within') say(`within tolerance: ${cell.id}: ${comparison.what}`);
      else if (comparison.kind === 'not-run') {
        say(`not run: ${cell.id}${how === undefined ? '' : ` with ${how}`} (${comparison.failure.code}): ${inFull(comparison.failure)}`);
      } else if (performance.now() - lastMs > SIGN_OF_LIFE_MS) say(`${grouped(told)} of ${count(total, 'cell')}`);
    },
    stage(name, reproduced) {
      say(`${name}: ${inWords(countsOf(reproduced))}${waysIn(reproduced)}`);
    },
    done(counts, durationMs, interrupted, unreached = 0) {
      say(`${interrupted ? 'Interrupted: ' : ''}${count(told, 'cell')} computed once more in ${duration(durationMs)}: ${inWords(counts)}.${compared(counts) > 0 ? '' : ' Nothing could be compared, so nothing is shown.'}${unreached > 0 ? ` The time did not suffice for ${count(unreached, 'cell')} more.` : ''}`);
    },
  };
}

/** Events: start, equal, within, differs, not-run, stage, and as the last one done. */
export function reproduceEvents(print: (line: string) => void): ReproduceReport {
  const event = (name: string, body: object): void => print(JSON.stringify({ event: name, ...body }));
  return {
    started: ({ cells, candidates, seed, budget, leftOut }) => event('start', { cells: cells.length, candidates, ...(budget === undefined ? {} : { budgetMs: budget.ms, recordedMs: Math.round(budget.recordedMs) }), ...(seed === undefined ? {} : { seed }), ...(leftOut.length === 0 ? {} : { leftOut }) }),
    cell: ({ cell, record, comparison, now, how, passedOver }) => event(comparison.kind, {
      cell: cell.id, key: record.key, ...(how === undefined ? {} : { how }), ...(passedOver.length === 0 ? {} : { passedOver: passedOver.map(({ how: way, failure }) => ({ how: way, ...failure })) }),
      ...(record.computedBy === undefined ? {} : { then: record.computedBy }), ...(now === undefined ? {} : { now }),
      ...(comparison.kind === 'differs' || comparison.kind === 'within' ? { ...(comparison.what === undefined ? {} : { what: comparison.what }), ...(comparison.kind === 'within' ? {} : { outputs: comparison.differences }) } : comparison.kind === 'not-run' ? comparison.failure : {}),
    }),
    stage: (stage, reproduced) => event('stage', { stage, ...forJson(countsOf(reproduced)) }),
    done: (counts, durationMs, interrupted, unreached = 0) => event('done', { ...forJson(counts), ...(unreached > 0 ? { unreached } : {}), ...(interrupted ? { interrupted } : {}), durationMs: Math.round(durationMs) }),
  };
}

export function countsOf(reproduced: readonly Reproduced[]): Counts {
  const counts = { equal: 0, within: 0, differs: 0, 'not-run': 0 };
  for (const { comparison } of reproduced) counts[comparison.kind]++;
  return counts;
}

/** How many results were seen to be equal, or not. */
export function compared({ equal, within, differs }: Counts): number {
  return equal + within + differs;
}

function inFull({ sentence, hint }: Failure): string {
  return `${sentence}${hint === undefined ? '' : `; ${hint}`}`;
}

function forJson({ equal, within, differs, 'not-run': notRun }: Counts): object {
  return { equal, ...(within > 0 ? { within } : {}), differs, notRun };
}

function inWords({ equal, within, differs, 'not-run': notRun }: Counts): string {
  return `${grouped(equal)} equal, ${within > 0 ? `${grouped(within)} within tolerance, ` : ''}${grouped(differs)} ${differs === 1 ? 'differs' : 'differ'}, ${grouped(notRun)} not run`;
}

/** '; 12 by engine wasm, build 1a2b then, engine native, build 3c4d now'; nothing where nobody is named. */
function waysIn(reproduced: readonly Reproduced[]): string {
  const ways = new Map<string, number>();
  for (const { record, comparison, now } of reproduced) {
    const way = comparison.kind === 'not-run' ? '' : byWhom(record.computedBy, now);
    if (way !== '') ways.set(way, (ways.get(way) ?? 0) + 1);
  }
  return Array.from(ways, ([way, cells]) => `; ${ways.size === 1 ? '' : `${grouped(cells)} `}${way}`).join('');
}

function byWhom(then: CellRecord['computedBy'], now: CellRecord['computedBy']): string {
  const named = (by: CellRecord['computedBy']): string => by === undefined ? 'nobody named' : Object.entries(by).map(([name, value]) => `${name} ${value}`).join(', ');
  if (then === undefined && now === undefined) return '';
  return named(then) === named(now) ? `by ${named(then)} both times` : `by ${named(then)} then, ${named(now)} now`;
}
