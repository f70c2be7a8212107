/** What another engine makes of the base, window by window, and the figures that follow: the stage `floor` measures the windows, a page makes the figures of published ones again. */
import type { MetricList, RowPlace } from './summarize-rows.ts';

/** Sums over the scored positions of a window, exact engine against the other; distances in nats. */
export interface FloorWindow {
  readonly window: number;
  readonly scoredTokens: number;
  readonly kl: number;
  /** The largest of a position. */
  readonly klMax: number;
  readonly deltaNll: number;
  readonly sameTop1: number;
}

/** Without intervals: it is a size, of few windows. */
export function summarizeFloor(list: MetricList, place: RowPlace, windows: readonly FloorWindow[]): void {
  const total = (of: (window: FloorWindow) => number): number => windows.reduce((sum, window) => sum + of(window), 0);
  const n = total(({ scoredTokens }) => scoredTokens);
  const add = (quantity: string, unit: string, value: number): void => list.add(place, quantity, unit, value, { n, clusters: windows.length });
  add('floor_kl_mean', 'nats', total(({ kl }) => kl) / n);
  add('floor_kl_max', 'nats', windows.reduce((most, { klMax }) => Math.max(most, klMax), 0));
  add('floor_delta_nll', 'nats', total(({ deltaNll }) => deltaNll) / n);
  add('floor_top1_agreement', 'share', total(({ sameTop1 }) => sameTop1) / n);
}
