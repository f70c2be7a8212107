/** What one format computes in a task: its session, the cells that want something of it, and their sums so far. */
import type { BaseSums, FormatSums, SamplingPoint } from '../../kernels/statistics.ts';
import type { Session } from '../../kernels/index.ts';
import type { TaskCell } from '../dag/index.ts';
import { formatColumns } from './score-fidelity.ts';
import type { FormatColumns } from './score-fidelity.ts';
import { numberParam, textParam } from './task-values.ts';

/** The text of a task, cut into windows. */
export interface WindowedText {
  readonly windows: number;
  readonly windowTokens: number;
  /** Scored positions of a window: all but the first token's. */
  readonly positions: number;
  readonly ids: Int32Array;
  /** UTF-8 bytes of each token. */
  readonly bytes: Int32Array;
}

/**
 * A position being scored. `index` is its place among the window's scored positions: it predicts the window's token index + 1
 * from the index + 1 tokens before it. `at`: where its logits begin in the chunk at hand.
 */
export interface Place { readonly window: number; readonly index: number; readonly at: number }

/** What is summed over the positions of a window: by window, then by point of the task's grid. */
export class GridSums<Sums extends { readonly [name in keyof Sums]: Float64Array }> {
  readonly #points: readonly SamplingPoint[];
  readonly #windows: readonly Sums[];

  /** `none`: sums of so many points, all 0. */
  constructor(points: readonly SamplingPoint[], windows: number, none: (points: number) => Sums) {
    this.#points = points;
    this.#windows = Array.from({ length: windows }, () => none(points.length));
  }

  of(window: number): Sums {
    return this.#windows[window]!;
  }

  /** The sums of that name at a point, one per window. */
  at(point: SamplingPoint, name: keyof Sums): number[] {
    const i = this.#points.findIndex((other) => samePoint(point, other));
    return this.#windows.map((sums) => sums[name][i]!);
  }
}

export const noBaseSums = (points: number): BaseSums => ({ entropy: new Float64Array(points), quality: new Float64Array(points) });

const noFormatSums = (points: number): FormatSums => ({ totalVariation: new Float64Array(points), outsideMass: new Float64Array(points), qualityShift: new Float64Array(points) });

export class Lane {
  readonly format: string;
  readonly session: Session;
  readonly cells: readonly TaskCell[];
  readonly columns: FormatColumns | undefined;
  readonly sums: GridSums<FormatSums> | undefined;
  readonly wantsNull: boolean;
  /** Logits at the null's sampled positions, row after row. */
  readonly nullLogits: Float32Array;

  constructor(session: Session, cells: readonly TaskCell[], points: readonly SamplingPoint[], text: WindowedText, nullPositions: number) {
    const wants = (quantity: string): boolean => cells.some((cell) => textParam(cell, 'quantity') === quantity);
    this.format = session.format;
    this.session = session;
    this.cells = cells;
    this.columns = wants('fidelity') ? formatColumns(text.windows * text.positions) : undefined;
    this.sums = wants('sampling') ? new GridSums(points, text.windows, noFormatSums) : undefined;
    this.wantsNull = wants('null');
    this.nullLogits = new Float32Array(this.wantsNull ? nullPositions * session.shape.vocabulary : 0);
  }
}

export function pointOf(cell: TaskCell): SamplingPoint {
  return { temperature: numberParam(cell, 'temperature'), topK: numberParam(cell, 'topK') };
}

function samePoint(a: SamplingPoint, b: SamplingPoint): boolean {
  return a.temperature === b.temperature && a.topK === b.topK;
}
