/**
 * Aggregates computed again in a page from the published rows: the outputs that a cell read, made of rows (./published.ts), through its stage's own run; so
 * every mean, interval and quantile comes out of the code that the study's did.
 */
import { computeInPage } from '../../dag/in-page.ts';
import type { GatheredItem, Watched } from '../../dag/in-page.ts';
import type { Json, Run } from '../../dag/index.ts';
import { run as decide } from '../claims.ts';
import { run as compare } from '../compare.ts';
import { summarizeFloor } from '../floor-windows.ts';
import { run as part } from '../parting.ts';
import { readFidelity, readJson, windowRows } from '../score-output.ts';
import { run as slice } from '../slices.ts';
import { MetricList } from '../summarize-rows.ts';
import { run as summarize } from '../summarize.ts';
import { tableRows } from '../tables.ts';
import { textParam } from '../task-values.ts';
import { worstTokens } from '../worst-tokens.ts';
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
  readonly inputs: { readonly [name: string]: readonly { readonly cell?: string; readonly output?: string; readonly machine?: string; /** Absent where that cell failed. */ readonly sha256?: string }[] };
}

export type Aggregated =
  /** Rows by table; where a row is not the cell's own, its column `cell` says whose it is. */
  | { readonly tables: Tables }
  /** What it rests on is in no table: why, in words. */
  | { readonly unpublished: string }
  /** Rows that do not make a whole, or that the stage refuses: a sentence. */
  | { readonly refused: string };

interface AggregateStage {
  readonly run: Run;
  readonly tables: (outputs: { readonly [output: string]: Bytes }, cell: AggregatedCell) => Tables;
}

/** What no table may have. */
const WITHHELD = 'the scores of single tokens, of texts that may not be passed on';

/** Tables of rows in which some columns follow from others, or from other rows: those columns, with what identifies the row. Where none are named all follow, of the last five from the record's parameters alone. */
const DERIVED: { readonly [table: string]: readonly string[] | undefined } = {
  generations: ['model', 'format', 'prompt', 'seed', 'temperature', 'top_k', 'first_difference'],
  choices: ['model', 'format', 'set', 'item', 'option', 'is_chosen'],
  speed_runs: undefined,
  formats: undefined, layouts: undefined, texts: undefined, choice_sets: undefined, errata: undefined,
};

/** As the stage tabulate, whose rows are for a file. */
const tabulate: Run = async (cells, io) => {
  for (const task of cells) {
    const rows: Row[] = [];
    for await (const row of tableRows.get(String(task.params['table']))!(task, io)) rows.push(row);
    await io.commit(task.id, { rows: JSON.stringify(rows) });
  }
};

/** As the stage worst-tokens, without the words: which positions they are, and how far they moved, rests on no tokenizer. */
const worst: Run = async (cells, io) => {
  const wordless = { pieces: (ids: ArrayLike<number>) => Array.from(ids, () => ''), decode: () => '' };
  for (const task of cells) {
    const texts = [];
    for (const name of Object.keys(task.inputs)) texts.push(readFidelity(await io.input(task, name)));
    const rows = worstTokens(texts, wordless, { model: textParam(task, 'model'), format: textParam(task, 'format'), cell: task.id });
    await io.commit(task.id, { rows: JSON.stringify(rows.map(({ context: _, token: __, choice: ___, choice_base: ____, ...row }) => row)) });
  }
};

const stages: { readonly [stage: string]: AggregateStage } = {
  summarize: {
    run: summarize,
    tables: ({ metrics }, { params }) => {
      const rows = readJson<Row[]>(metrics!);
      return 'temperature' in params ? { sweep_metrics: rows.map(({ engine: _, ...row }) => row) } : { metrics: rows };
    },
  },
  slices: { run: slice, tables: ({ profiles }) => ({ profiles: readJson<Row[]>(profiles!) }) },
  parting: { run: part, tables: ({ curve }) => ({ survival: readJson<Row[]>(curve!) }) },
  compare: { run: compare, tables: ({ pairs }) => ({ pairs: readJson<Row[]>(pairs!) }) },
  'worst-tokens': { run: worst, tables: ({ rows }) => ({ worst_tokens: readJson<Row[]>(rows!) }) },
  claims: {
    run: decide,
    tables: ({ claim }) => {
      const { claim: row, effects } = readJson<{ readonly claim: Row; readonly effects: readonly Row[] }>(claim!);
      return { claims: [row], claim_effects: effects };
    },
  },
  tabulate: {
    run: tabulate,
    tables: ({ rows }, { params }) => {
      const table = String(params['table']), columns = DERIVED[table];
      const all = readJson<Row[]>(rows!);
      return { [table]: columns === undefined ? all : all.map((row) => Object.fromEntries([...columns, 'cell'].map((column) => [column, row[column]]))) };
    },
  },
};

/** Stages whose rows are aggregates of other rows of the same cell: what computed those is no work for a page. */
const ofOwnRows: { readonly [stage: string]: (published: PublishedRows, cell: string) => Tables | undefined } = {
  score: (published, cell) => {
    const scores = published.output(cell);
    return scores && { windows: [...windowRows(cell, scores)] };
  },
  floor: (published, cell) => {
    const measured = published.floor(cell);
    if (measured === undefined) return undefined;
    const list = new MetricList(), { model, format, engine, windows } = measured;
    summarizeFloor(list, { model, format, cell, engine, exact: false }, windows);
    return { metrics: [...list.rows] as unknown as readonly Row[] };
  },
};

/** Stages whose rows hold all of an output: which one that is. */
const WHOLE: { readonly [stage: string]: string } = { score: 'scores', choose: 'answers', judge: 'nll' };

/** Inputs that are gathered: of the others there is one. */
const isGathered = ({ stage }: AggregatedCell, name: string): boolean => stage === 'claims' || stage === 'tabulate' || name === 'others';

/** Timings of engines beside the study's own. An engine that is the study's own by another name was timed, and counts once: no table has it twice. A peer is none. */
const isOptional = (name: string, of: string): boolean => ['others', 'otherTimings'].includes(name) && !of.startsWith('peer-speed:');

/** What the program offers a page of aggregates. */
export const aggregates = {
  /** Tables of rows that they are computed from, and tables of what is computed. */
  from: [...ROW_TABLES] as readonly string[],
  tables: ['windows', 'metrics', 'sweep_metrics', 'profiles', 'pairs', 'survival', 'worst_tokens', 'claims', 'claim_effects', ...Object.keys(DERIVED)] as readonly string[],
  /** Whether a cell makes aggregates. */
  makes: ({ stage, params }: Pick<AggregatedCell, 'stage' | 'params'>): boolean =>
    stage === 'tabulate' ? Object.hasOwn(DERIVED, String(params['table'])) : Object.hasOwn(stages, stage) || stage === 'floor' || (stage === 'score' && params['quantity'] === 'fidelity'),
  open: (tables: ReadonlyMap<string, readonly PublishedRow[]>) => new Aggregates(tables),
};

/** Of one set of published rows. */
class Aggregates {
  readonly #rows: PublishedRows;

  constructor(tables: ReadonlyMap<string, readonly PublishedRow[]>) {
    this.#rows = new PublishedRows(tables);
  }

  /** An output of a cell made again of its rows, byte for byte what was computed; undefined where no table has all of it. Throws RangeError, a sentence, where rows do not make a whole. */
  whole({ cell, stage }: Pick<AggregatedCell, 'cell' | 'stage'>): { readonly output: string; readonly bytes: Bytes } | undefined {
    const output = Object.hasOwn(WHOLE, stage) ? WHOLE[stage]! : undefined, bytes = output === undefined ? undefined : this.#rows.output(cell);
    return output === undefined || bytes === undefined ? undefined : { output, bytes };
  }

  /** Throws AbortError where it was asked to stop. Whatever else a stage throws over rows that anybody may have written is an answer. */
  async compute(cell: AggregatedCell, watched: Watched): Promise<Aggregated> {
    try {
      if (!Object.hasOwn(ofOwnRows, cell.stage)) return await this.#computed(cell, watched);
      const tables = ofOwnRows[cell.stage]!(this.#rows, cell.cell);
      return tables === undefined ? { unpublished: reasonOf(cell.cell) } : { tables };
    } catch (error) {
      if (watched.signal.aborted || !(error instanceof Error)) throw error;
      return { refused: error.message };
    }
  }

  async #computed(cell: AggregatedCell, watched: Watched): Promise<Aggregated> {
    const objects = new Map<string, Bytes>();
    const inputs: { [name: string]: string | readonly GatheredItem[] } = {};
    for (const [name, from] of Object.entries(cell.inputs)) {
      if (cell.stage === 'worst-tokens' && !name.startsWith('scores.')) continue;
      const gathered: GatheredItem[] = [];
      for (const { cell: of = '', output = '', machine, sha256 } of from) {
        const bytes = sha256 === undefined ? undefined : this.#rows.output(of, machine);
        if (bytes === undefined) {
          if (!isGathered(cell, name) || (sha256 !== undefined && !isOptional(name, of) && cell.stage !== 'tabulate')) return { unpublished: reasonOf(of) };
          gathered.push({ cell: of, output, missing: { code: 'upstream-failed', sentence: `${of} has no rows` } });
          continue;
        }
        // Not the bytes of a store: they are called by whose they are.
        const key = `${of} ${output} ${machine ?? ''}`;
        objects.set(key, bytes);
        gathered.push({ cell: of, output, sha256: key, ...(machine === undefined ? {} : { machine }) });
      }
      const [only] = gathered;
      if (isGathered(cell, name)) inputs[name] = gathered;
      else if (gathered.length === 1 && only !== undefined && 'sha256' in only) inputs[name] = only.sha256;
      else return { unpublished: `what ${cell.cell} reads as ${name}` };
    }
    const computed = await computeInPage(stages[cell.stage]!.run, { cell: cell.cell, params: cell.params, inputs }, (key) => objects.get(key)!, watched);
    return 'outputs' in computed ? { tables: stages[cell.stage]!.tables(computed.outputs, cell) } : { refused: computed.failure.sentence };
  }
}

/** Of a cell whose output no table has. */
const reasonOf = (cell: string): string => cell.startsWith('score:') ? WITHHELD : `what no table has of ${cell}`;
