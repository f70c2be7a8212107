/**
 * Outputs of cells as the published rows tell them: what an aggregate's stage reads, made again from table rows. What of an output no table has (the judge's
 * rating of each token, single steps of timings) is empty, and aggregates that rest on it are not compared (./aggregates.ts).
 */
import type { AnsweredItem } from '../choose.ts';
import { writeFidelity } from '../score-output.ts';
import type { SamplingScores } from '../score-output.ts';
import type { TimedSamples } from '../summarize-speed.ts';
import type { WeightsReport } from '../summarize-weights.ts';
import type { WrittenText } from '../task-values.ts';

export type PublishedRow = { readonly [column: string]: unknown };
type Bytes = Uint8Array<ArrayBuffer>;

/** Tables of which outputs are made again. */
export const ROW_TABLES = ['token_scores', 'sampling_windows', 'artifacts', 'generations', 'choices', 'speed_samples', 'machines'] as const;
export type RowTable = (typeof ROW_TABLES)[number];

/** Rows of each table by the cell that computed them, in their order. */
export class PublishedRows {
  readonly #byCell: ReadonlyMap<string, ReadonlyMap<string, readonly PublishedRow[]>>;
  readonly #machines: ReadonlyMap<unknown, PublishedRow>;

  constructor(tables: ReadonlyMap<string, readonly PublishedRow[]>) {
    this.#byCell = new Map(ROW_TABLES.map((table) => [table, rowsByCell(tables.get(table) ?? [])]));
    this.#machines = new Map((tables.get('machines') ?? []).map((row) => [row['machine'], row]));
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
        return json(this.#rows('sampling_windows', cell), sampling);
      }
      case 'quantize': return json(this.#rows('artifacts', cell), weights);
      case 'generate': return json(this.#rows('generations', cell), texts);
      case 'judge': return undefined;
      case 'choose': return json(this.#rows('choices', cell), answers);
      case 'speed': case 'speed-other': {
        const rows = this.#rows('speed_samples', cell);
        const label = machine ?? rows?.[0]?.['machine'];
        return json(rows?.filter((row) => row['machine'] === label), (own) => timings(own, this.#machines.get(label)));
      }
      default: return undefined;
    }
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
  return rows === undefined || rows.length === 0 ? undefined : new TextEncoder().encode(JSON.stringify(of(rows)));
}

/** A column of numbers; null stays null. */
const column = (rows: readonly PublishedRow[], name: string): number[] => rows.map((row) => row[name] as number);
const named = ([row]: readonly PublishedRow[]): { readonly model: string; readonly format: string; readonly text: string } =>
  ({ model: String(row!['model']), format: String(row!['format']), text: String(row!['text']) });

/** Bytes of single tokens are in no table. */
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
    ...named(rows), windows: windows + 1, positions, bytes: new Int32Array(size), token: whole('token'), nllBase: doubles('nll_base'), nll: doubles('nll'), kl: doubles('kl'),
    entropyBase: doubles('entropy_base'), entropy: doubles('entropy'), top1Base: whole('top1_base'), top1: whole('top1'),
  }) as Bytes;
}

function sampling(rows: readonly PublishedRow[]): SamplingScores {
  const known = (name: 'quality_shift' | 'base_entropy'): readonly number[] | undefined => rows.some((row) => row[name] === null) ? undefined : column(rows, name);
  const [qualityShift, baseEntropy] = [known('quality_shift'), known('base_entropy')];
  return {
    ...named(rows), temperature: rows[0]!['temperature'] as number, topK: rows[0]!['top_k'] as number,
    scoredTokens: column(rows, 'scored_tokens'), totalVariation: column(rows, 'total_variation'), outsideMass: column(rows, 'outside_mass'),
    ...(qualityShift === undefined ? {} : { qualityShift }), ...(baseEntropy === undefined ? {} : { baseEntropy }),
  };
}

const weights = ([row]: readonly PublishedRow[]): WeightsReport =>
  ({ linearWeights: row!['linear_weights'] as number, linearBytes: row!['linear_bytes'] as number, otherWeights: row!['other_weights'] as number, otherBytes: row!['other_bytes'] as number });

const texts = (rows: readonly PublishedRow[]): readonly WrittenText[] => rows.map(({ prompt, text, tokens }) =>
  ({ prompt: String(prompt), promptIds: [], ids: String(tokens).split(' ').flatMap((id) => id === '' ? [] : [Number(id)]), text: String(text), pieces: [] }));

/** Items in the order of their first option. */
function answers(rows: readonly PublishedRow[]): readonly AnsweredItem[] {
  const items = new Map<unknown, PublishedRow[]>();
  for (const row of rows) items.set(row['item'], [...items.get(row['item']) ?? [], row]);
  return [...items].map(([id, options]) => ({
    id: String(id), answer: options.findIndex((row) => row['is_answer'] === true),
    options: options.map((row) => ({ nll: row['nll'] as number, tokens: row['tokens'] as number, bytes: row['bytes'] as number })),
  }));
}

/** Single steps and what was held are in no table: a step of nothing stands for them, of which nothing is compared. */
function timings(rows: readonly PublishedRow[], machine: PublishedRow | undefined): TimedSamples {
  return {
    engine: { name: String(rows[0]!['engine']) }, machine: { cpu: String(machine?.['cpu']), cores: Number(machine?.['cores']) }, memory: {},
    samples: rows.map(({ format, phase, pair, block, tokens, duration_ms: durationMs }) =>
      ({ format: String(format), phase: String(phase), pair: String(pair), block: block as number, tokens: tokens as number, durationMs: durationMs as number, stepsMs: [0] })),
  };
}
