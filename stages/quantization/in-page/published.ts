/**
 * Outputs of cells as the published rows tell them: what an aggregate's stage reads, made again from table rows. What of an output no aggregate rests on
 * (tokens of prompts, a text in pieces) is empty.
 */
import type { AnsweredItem } from '../choose.ts';
import type { FloorWindow } from '../floor-windows.ts';
import { writeFidelity } from '../score-output.ts';
import type { NullScores, SamplingScores } from '../score-output.ts';
import type { WeightsReport } from '../summarize-weights.ts';
import type { JudgedText, WrittenText } from '../task-values.ts';
import { MACHINE_TABLES, TIMING_TABLES, timings } from './published-timings.ts';

export type PublishedRow = { readonly [column: string]: unknown };
type Bytes = Uint8Array<ArrayBuffer>;

/** Tables of which outputs are made again. */
export const ROW_TABLES = ['token_scores', 'sampling_windows', 'null_windows', 'floor_windows', 'artifacts', 'generations', 'judgements', 'choices', ...TIMING_TABLES, ...MACHINE_TABLES] as const;
export type RowTable = (typeof ROW_TABLES)[number];

/** Rows of each table by the cell that computed them, in their order. */
export class PublishedRows {
  readonly #tables: ReadonlyMap<string, readonly PublishedRow[]>;
  readonly #byCell: ReadonlyMap<string, ReadonlyMap<string, readonly PublishedRow[]>>;

  constructor(tables: ReadonlyMap<string, readonly PublishedRow[]>) {
    this.#tables = tables;
    this.#byCell = new Map(ROW_TABLES.map((table) => [table, rowsByCell(tables.get(table) ?? [])]));
  }

  #rows(table: RowTable, cell: string): readonly PublishedRow[] | undefined {
    return this.#byCell.get(table)!.get(cell);
  }

  /** The output of a cell; undefined where no table has its rows. Throws RangeError, a sentence, where rows do not make a whole. */
  output(cell: string, machine?: string): Bytes | undefined {
    switch (cell.slice(0, cell.indexOf(':'))) {
      case 'score': {
        const tokens = this.#rows('token_scores', cell);
        if (tokens !== undefined) return fidelity(cell, tokens);
        return json(this.#rows('sampling_windows', cell), sampling) ?? json(this.#rows('null_windows', cell), nulls);
      }
      case 'quantize': return json(this.#rows('artifacts', cell), weights);
      case 'generate': return json(this.#rows('generations', cell), texts);
      case 'judge': return json(this.#rows('judgements', cell), (rows) => judged(cell, rows, texts(this.#rows('generations', cell.replace(/^judge:/, 'generate:')) ?? [])));
      case 'choose': return json(this.#rows('choices', cell), answers);
      case 'speed': case 'speed-other': case 'peer-speed': {
        const label = machine ?? this.#rows('speed_samples', cell)?.[0]?.['machine'];
        const of = (rows: readonly PublishedRow[] | undefined): readonly PublishedRow[] => (rows ?? []).filter((row) => row['machine'] === label);
        const own = (table: RowTable): readonly PublishedRow[] => of(this.#rows(table, cell));
        return json(own('speed_samples'), () => timings(cell, Object.fromEntries([...TIMING_TABLES.map((table) => [table, own(table)] as const), ...MACHINE_TABLES.map((table) => [table, of(this.#tables.get(table))] as const)])));
      }
      default: return undefined;
    }
  }

  /** What a floor cell measured, and on which engine; undefined where no table has it. Throws as output(). */
  floor(cell: string): { readonly model: string; readonly format: string; readonly engine: string; readonly windows: readonly FloorWindow[] } | undefined {
    const rows = this.#rows('floor_windows', cell);
    if (rows === undefined) return undefined;
    const { model, format, engine } = rows[0]!;
    return {
      model: String(model), format: String(format), engine: String(engine),
      windows: inOrder('floor_windows', rows).map((row, window) => ({ window, scoredTokens: row['scored_tokens'] as number, kl: row['kl'] as number, klMax: row['kl_max'] as number, deltaNll: row['delta_nll'] as number, sameTop1: row['same_top1'] as number })),
    };
  }
}

function rowsByCell(rows: readonly PublishedRow[]): ReadonlyMap<string, readonly PublishedRow[]> {
  const byCell = new Map<string, PublishedRow[]>();
  for (const row of rows) {
    const cell = String(row['cell']), own = byCell.get(cell);
    if (own === undefined) byCell.set(cell, [row]);
    else own.push(row);
  }
  return byCell;
}

function json(rows: readonly PublishedRow[] | undefined, of: (rows: readonly PublishedRow[]) => unknown): Bytes | undefined {
  const value = rows === undefined || rows.length === 0 ? undefined : of(rows);
  return value === undefined ? undefined : new TextEncoder().encode(JSON.stringify(value));
}

/** A column of numbers; null stays null. */
const column = (rows: readonly PublishedRow[], name: string): number[] => rows.map((row) => row[name] as number);
const named = ([row]: readonly PublishedRow[]): { readonly model: string; readonly format: string; readonly text: string } =>
  ({ model: String(row!['model']), format: String(row!['format']), text: String(row!['text']) });

/** Rows of one cell, each the next window. Throws RangeError. */
function inOrder(table: RowTable, rows: readonly PublishedRow[]): readonly PublishedRow[] {
  rows.forEach((row, i) => { if (row['window'] !== i) throw new RangeError(`${table} has the window ${String(row['window'])} of ${String(row['cell'])} where its window ${i} belongs`); });
  return rows;
}

function fidelity(cell: string, rows: readonly PublishedRow[]): Bytes {
  const [windows, positions] = ['window', 'position'].map((name) => column(rows, name).reduce((most, x) => Math.max(most, x), 0)) as [number, number];
  const size = (windows + 1) * positions;
  const places = rows.map((row) => (row['window'] as number) * positions + (row['position'] as number) - 1);
  if (rows.length !== size || new Set(places).size !== size) throw new RangeError(`token_scores has ${rows.length} rows of ${cell}, and its windows and positions are ${windows + 1} times ${positions}`);
  const put = <T extends Float64Array | Int32Array>(to: T, name: string): T => {
    rows.forEach((row, i) => { to[places[i]!] = row[name] as number; });
    return to;
  };
  const doubles = (name: string): Float64Array<ArrayBuffer> => put(new Float64Array(size), name);
  const whole = (name: string): Int32Array<ArrayBuffer> => put(new Int32Array(size), name);
  return writeFidelity({
    ...named(rows), windows: windows + 1, positions, bytes: whole('bytes'), token: whole('token'), nllBase: doubles('nll_base'), nll: doubles('nll'), kl: doubles('kl'),
    entropyBase: doubles('entropy_base'), entropy: doubles('entropy'), top1Base: whole('top1_base'), top1: whole('top1'),
  }) as Bytes;
}

function sampling(all: readonly PublishedRow[]): SamplingScores {
  const rows = inOrder('sampling_windows', all);
  const known = (name: string): readonly number[] | undefined => rows.some((row) => row[name] === null) ? undefined : column(rows, name);
  const [qualityShift, baseEntropy, baseQuality] = [known('quality_shift'), known('base_entropy'), known('base_quality')];
  return {
    ...named(rows), temperature: rows[0]!['temperature'] as number, topK: rows[0]!['top_k'] as number,
    scoredTokens: column(rows, 'scored_tokens'), totalVariation: column(rows, 'total_variation'), outsideMass: column(rows, 'outside_mass'),
    ...(qualityShift === undefined ? {} : { qualityShift }), ...(baseEntropy === undefined ? {} : { baseEntropy }), ...(baseQuality === undefined ? {} : { baseQuality }),
  };
}

function nulls(all: readonly PublishedRow[]): NullScores {
  const rows = inOrder('null_windows', all);
  const [first] = rows as readonly [PublishedRow, ...PublishedRow[]];
  const shifts = rows.map((row) => row['shifts'] as readonly number[]);
  const draws = shifts[0]!.length;
  if (shifts.some(({ length }) => length !== draws)) throw new RangeError(`null_windows has another number of draws in each window of ${String(first['cell'])}`);
  return {
    ...named(rows), temperature: first['temperature'] as number, sigma: first['sigma'] as number, formatKl: first['format_kl'] as number, noiseKl: first['noise_kl'] as number,
    scoredTokens: column(rows, 'scored_tokens'), draws: Array.from({ length: draws }, (_, draw) => shifts.map((of) => of[draw]!)),
  };
}

const weights = ([row]: readonly PublishedRow[]): WeightsReport =>
  ({ linearWeights: row!['linear_weights'] as number, linearBytes: row!['linear_bytes'] as number, otherWeights: row!['other_weights'] as number, otherBytes: row!['other_bytes'] as number });

const texts = (rows: readonly PublishedRow[]): readonly WrittenText[] => rows.map(({ prompt, text, tokens }) =>
  ({ prompt: String(prompt), promptIds: [], ids: String(tokens).split(' ').flatMap((id) => id === '' ? [] : [Number(id)]), text: String(text), pieces: [] }));

/** Of the texts that were written, each token rated. */
function judged(cell: string, rows: readonly PublishedRow[], written: readonly WrittenText[]): readonly JudgedText[] {
  const ratings = rows.map(({ prompt, nll }): JudgedText => ({ prompt: String(prompt), nll: nll as readonly number[] }));
  const wrong = ratings.findIndex(({ prompt, nll }, i) => prompt !== written[i]?.prompt || nll.length !== written[i].ids.length);
  if (wrong >= 0 || ratings.length !== written.length) throw new RangeError(`judgements of ${cell} are not of the texts and tokens that generations has${wrong < 0 ? '' : `: see ${ratings[wrong]!.prompt}`}`);
  return ratings;
}

/** Items in the order of their first option. */
function answers(rows: readonly PublishedRow[]): readonly AnsweredItem[] {
  const items = new Map<unknown, PublishedRow[]>();
  for (const row of rows) items.set(row['item'], [...items.get(row['item']) ?? [], row]);
  return [...items].map(([id, options]) => ({
    id: String(id), answer: options.findIndex((row) => row['is_answer'] === true),
    options: options.map((row) => ({ nll: row['nll'] as number, tokens: row['tokens'] as number, bytes: row['bytes'] as number })),
  }));
}
