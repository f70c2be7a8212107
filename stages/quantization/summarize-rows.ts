/** Rows of table metrics (data/schema.sql): output `metrics` of the summarize stage; and what could not be stated: output `omitted`. */
import { bootstrap, interval } from './statistics/bootstrap.ts';
import type { Interval } from './statistics/bootstrap.ts';
import { once } from './statistics/estimate.ts';
import type { Estimator } from './statistics/estimate.ts';

export interface MetricRow {
  readonly quantity: string;
  readonly model: string;
  readonly format: string;
  readonly text: string | null;
  readonly temperature: number | null;
  readonly top_k: number | null;
  readonly max_new_tokens: number | null;
  /** Which engine was timed, or holds so many bytes; null for what every exact engine gives alike. */
  readonly engine: string | null;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly unit: string;
  readonly n: number;
  readonly clusters: number | null;
  readonly exact: boolean;
  readonly cell: string;
}

export interface Omitted { readonly quantity: string; readonly reason: string }

/** What the rows of a cell have in common; the rest is null, or given row by row. */
export type RowPlace = Pick<MetricRow, 'model' | 'format' | 'cell'> & Partial<Pick<MetricRow, 'text' | 'temperature' | 'top_k' | 'max_new_tokens' | 'engine' | 'exact'>>;

export const INTERVAL_LEVEL = 0.95;
/** A bootstrap over fewer clusters says nothing that can be relied on: no interval. */
export const LEAST_CLUSTERS_FOR_INTERVAL = 8;

export class MetricList {
  readonly rows: MetricRow[] = [];
  readonly omitted: Omitted[] = [];

  /** Adds a row; a value that is not finite becomes an omission, with its reason. */
  add(place: RowPlace, quantity: string, unit: string, value: number, of: { readonly n: number; readonly clusters?: number }, bounds?: Interval): void {
    if (!Number.isFinite(value)) {
      this.omitted.push({ quantity, reason: of.n === 0 ? 'there is nothing to average over' : 'the value is not finite' });
      return;
    }
    this.rows.push({
      quantity, model: place.model, format: place.format, text: place.text ?? null, temperature: place.temperature ?? null, top_k: place.top_k ?? null,
      max_new_tokens: place.max_new_tokens ?? null, engine: place.engine ?? null, value, low: bounds?.low ?? null, high: bounds?.high ?? null, unit, n: of.n, clusters: of.clusters ?? null,
      exact: place.exact ?? true, cell: place.cell,
    });
  }

  /** Adds an estimate with its bootstrap-t interval; `as` maps both onto the scale shown (increasing). */
  estimate(place: RowPlace, quantity: string, unit: string, n: number, estimator: Estimator, as: (x: number) => number = (x) => x): void {
    const { clusters } = estimator;
    if (n === 0) return this.omit(quantity, 'there is nothing to average over');
    const bounds = clusters >= LEAST_CLUSTERS_FOR_INTERVAL ? interval(bootstrap(estimator), INTERVAL_LEVEL) : undefined;
    this.add(place, quantity, unit, as(estimator.estimate(once(clusters)).value), { n, clusters }, bounds && { low: as(bounds.low), high: as(bounds.high) });
  }

  omit(quantity: string, reason: string): void {
    this.omitted.push({ quantity, reason });
  }
}
