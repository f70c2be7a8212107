/**
 * Aggregates computed again in a page from the published rows: the outputs that a cell read, made of rows (./published.ts), through its stage's own run; so
 * every mean, interval and quantile comes out of the code that the study's did.
 */
import { computeInPage } from '../../dag/in-page.ts';
import type { GatheredObject, Watched } from '../../dag/in-page.ts';
import type { Json, Run } from '../../dag/index.ts';
import { run as decide } from '../claims.ts';
import { run as compare } from '../compare.ts';
import { run as part } from '../parting.ts';
import { readJson, windowRows } from '../score-output.ts';
import { run as slice } from '../slices.ts';
import { run as summarize } from '../summarize.ts';
import { PublishedRows, ROW_TABLES } from './published.ts';
import type { PublishedRow } from './published.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Row = { readonly [column: string]: unknown };
type Tables = { readonly [table: string]: readonly Row[] };

/** A cell as the site's records tell of it. */
export interface AggregatedCell {
  readonly cell: string;
  readonly stage: string;
  readonly params: { readonly [name: string]: Json };
  readonly inputs: { readonly [name: string]: readonly { readonly cell?: string; readonly output?: string; readonly machine?: string }[] };
}

export type Aggregated =
  /** Rows by table, without those of `apart`. */
  | { readonly tables: Tables }
  /** What it rests on is in no table: which cell's. */
  | { readonly unpublished: string }
  /** Rows that do not make a whole, or that the stage refuses: a sentence. */
  | { readonly refused: string };

interface AggregateStage {
  readonly run: Run;
  readonly tables: (outputs: { readonly [output: string]: Bytes }, cell: AggregatedCell) => Tables;
}

/** Quantities of which the rows do not tell all that they rest on -> what that is. */
const APART: readonly (readonly [quantity: RegExp, rests: string])[] = [
  [/^bits_per_byte/, 'the bytes of each token'],
  [/^judge_nll/, 'the judge’s rating of each token'],
  [/^base_quality$/, 'the judge’s rating of each distribution'],
  [/^time_to_first_token$|^decode_latency_/, 'single steps of timings'],
  [/^held_bytes$/, 'what an engine held'],
  [/^null_shift_/, 'single draws of noise'],
  [/^floor_/, 'two engines’ own scores'],
];

const isShown = ({ quantity }: Row): boolean => typeof quantity !== 'string' || restsOn(quantity) === undefined;

/** What a quantity rests on that no table has; undefined: the tables have all. */
function restsOn(quantity: string): string | undefined {
  return APART.find(([pattern]) => pattern.test(quantity))?.[1];
}

const stages: { readonly [stage: string]: AggregateStage } = {
  summarize: {
    run: summarize,
    tables: ({ metrics }, { params }) => {
      const rows = readJson<Row[]>(metrics!).filter(isShown);
      return 'temperature' in params ? { sweep_metrics: rows.map(({ engine: _, ...row }) => row) } : { metrics: rows };
    },
  },
  slices: { run: slice, tables: ({ profiles }) => ({ profiles: readJson<Row[]>(profiles!) }) },
  parting: { run: part, tables: ({ curve }) => ({ survival: readJson<Row[]>(curve!) }) },
  compare: { run: compare, tables: ({ pairs }) => ({ pairs: readJson<Row[]>(pairs!) }) },
  claims: {
    run: decide,
    tables: ({ claim }) => {
      const { claim: row, effects } = readJson<{ readonly claim: Row; readonly effects: readonly Row[] }>(claim!);
      return { claims: [row], claim_effects: effects };
    },
  },
};

/** Claims need of timings what no table has: caches, what an engine held. */
const UNPUBLISHED_NEEDS = ['nulls', 'timings', 'otherTimings'];

/** What the program offers a page of aggregates. */
export const aggregates = {
  /** Tables of rows that they are computed from, and tables of what is computed. */
  from: [...ROW_TABLES] as readonly string[],
  tables: ['windows', 'metrics', 'sweep_metrics', 'profiles', 'pairs', 'survival', 'claims', 'claim_effects'] as readonly string[],
  /** Whether a cell makes aggregates. */
  makes: ({ stage, params }: Pick<AggregatedCell, 'stage' | 'params'>): boolean => stage in stages || (stage === 'score' && params['quantity'] === 'fidelity'),
  restsOn,
  open: (tables: ReadonlyMap<string, readonly PublishedRow[]>) => new Aggregates(tables),
};

/** Of one set of published rows. */
class Aggregates {
  readonly #rows: PublishedRows;

  constructor(tables: ReadonlyMap<string, readonly PublishedRow[]>) {
    this.#rows = new PublishedRows(tables);
  }

  /** Throws AbortError where it was asked to stop. Whatever else a stage throws over rows that anybody may have written is an answer. */
  async compute(cell: AggregatedCell, watched: Watched): Promise<Aggregated> {
    try {
      if (cell.stage === 'score') {
        const scores = this.#rows.output(cell.cell);
        return scores === undefined ? { unpublished: cell.cell } : { tables: { windows: [...windowRows(cell.cell, scores)].map(({ scored_bytes: _, ...row }) => row) } };
      }
      return await this.#computed(cell, watched);
    } catch (error) {
      if (watched.signal.aborted || !(error instanceof Error)) throw error;
      return { refused: error.message };
    }
  }

  async #computed(cell: AggregatedCell, watched: Watched): Promise<Aggregated> {
    const objects = new Map<string, Bytes>();
    const inputs: { [name: string]: string | readonly GatheredObject[] } = {};
    const gathers = cell.stage === 'claims';
    for (const [name, from] of Object.entries(cell.inputs)) {
      const gathered: GatheredObject[] = [];
      for (const { cell: of = '', output = '', machine } of from) {
        const bytes = this.#input(cell, name, of, machine);
        if (bytes === undefined || (gathers && UNPUBLISHED_NEEDS.includes(name))) return { unpublished: of };
        // Not the bytes of a store: they are called by whose they are.
        const key = `${of} ${output} ${machine ?? ''}`;
        objects.set(key, bytes);
        gathered.push({ cell: of, output, sha256: key, ...(machine === undefined ? {} : { machine }) });
      }
      if (gathers || name === 'others') inputs[name] = gathered;
      else if (gathered.length === 1) inputs[name] = gathered[0]!.sha256;
      else return { unpublished: name };
    }
    const computed = await computeInPage(stages[cell.stage]!.run, { cell: cell.cell, params: cell.params, inputs }, (key) => objects.get(key)!, watched);
    return 'outputs' in computed ? { tables: stages[cell.stage]!.tables(computed.outputs, cell) } : { refused: computed.failure.sentence };
  }

  /** Of the judge as many empty ratings as there are texts: what rests on them is left out. */
  #input(cell: AggregatedCell, name: string, from: string, machine: string | undefined): Bytes | undefined {
    if (!name.startsWith('judged')) return this.#rows.output(from, machine);
    const texts = cell.inputs[name.replace(/^judgedBase/, 'base').replace(/^judged/, 'texts')]?.[0]?.cell;
    const written = texts === undefined ? undefined : this.#rows.output(texts);
    return written && new TextEncoder().encode(JSON.stringify(readJson<readonly { readonly prompt: string }[]>(written).map(({ prompt }) => ({ prompt, nll: [] }))));
  }
}
