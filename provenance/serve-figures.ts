/** The figures of a running study for the page that shows them: what has landed, by cell, and in which order a reader expects it. */
import { LEADING } from '../reports/leading.ts';
import { numberText } from './number-text.ts';
import type { Live, LiveState, Pipeline } from '../stages/dag/index.ts';

/** A figure of a finished cell, as it is shown. */
export interface Figure {
  readonly quantity: string; readonly model: string; readonly format: string; readonly text: string | null; readonly temperature: number | null; readonly topK: number | null;
  readonly maxNewTokens: number | null; readonly engine: string | null; readonly value: string;
}

/** The order of what is shown: models and formats in the study's own, quantities first those that its report leads with. */
export interface FigureOrder { readonly quantities: readonly string[]; readonly models: readonly string[]; readonly formats: readonly string[] }

/** The study's order is that in which its cells are declared. */
export function figureOrder({ cells }: Pipeline): FigureOrder {
  const named = (param: string): readonly string[] => [...new Set(cells.map(({ params }) => params[param]).filter((name) => typeof name === 'string'))];
  return { quantities: LEADING, models: named('model'), formats: named('format') };
}

/** The rows of finished cells with an output `metrics`; each is read once. */
export class Figures {
  readonly #live: Live;
  readonly #known = new Map<string, { readonly sha256: string; readonly rows: readonly Figure[] }>();

  constructor(live: Live) {
    this.#live = live;
  }

  /** What is new, or another now, by cell; null: it does not count any more. */
  async take(records: LiveState['records']): Promise<{ readonly [cell: string]: readonly Figure[] | null }> {
    const changed: { [cell: string]: readonly Figure[] | null } = {};
    for (const [cell, record] of records) {
      const output = record.outputs['metrics'];
      if (output === undefined || output.tree === true || this.#known.get(cell)?.sha256 === output.sha256) continue;
      const rows = changed[cell] = figuresOf(await this.#live.read(record, 'metrics'));
      this.#known.set(cell, { sha256: output.sha256, rows });
    }
    for (const cell of this.#known.keys()) {
      if (records.has(cell)) continue;
      this.#known.delete(cell);
      changed[cell] = null;
    }
    return changed;
  }

  all(): { readonly [cell: string]: readonly Figure[] } {
    return Object.fromEntries(Array.from(this.#known, ([cell, { rows }]) => [cell, rows]));
  }
}

interface Metric {
  readonly quantity: string; readonly model: string; readonly format: string; readonly text: string | null; readonly temperature?: number | null; readonly top_k?: number | null;
  readonly max_new_tokens?: number | null; readonly engine?: string | null; readonly value: number; readonly low: number | null; readonly high: number | null; readonly unit: string;
}

function figuresOf(bytes: Uint8Array): readonly Figure[] {
  const rows = JSON.parse(Buffer.from(bytes).toString('utf8')) as readonly Metric[];
  return rows.map(({ quantity, model, format, text, temperature = null, top_k: topK = null, max_new_tokens: maxNewTokens = null, engine = null, value, low, high, unit }) => ({
    quantity, model, format, text, temperature, topK, maxNewTokens, engine,
    value: numberText({ value, unit, ...(low === null ? {} : { low }), ...(high === null ? {} : { high }) }),
  }));
}
