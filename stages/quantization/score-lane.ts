/** What one format computes in a task: its session, the cells that want something of it, and their sums so far. */
import type { Session } from '../../kernels/index.ts';
import type { TaskCell } from '../dag/index.ts';
import { fidelityColumns } from './score-fidelity.ts';
import type { FidelityColumns, FidelityComparer } from './score-fidelity.ts';
import { noSums } from './score-sampling.ts';
import type { SamplingComparer, SamplingPoint, SamplingSums } from './score-sampling.ts';
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

export class Lane {
  readonly format: string;
  readonly session: Session;
  readonly cells: readonly TaskCell[];
  readonly columns: FidelityColumns | undefined;
  readonly wantsSampling: boolean;
  readonly wantsNull: boolean;
  /** Logits at the null's sampled positions, row after row. */
  readonly nullLogits: Float32Array;
  /** By window, then by point of the task's grid; undefined where no cell of this format wants the point. */
  readonly #sums: readonly (readonly (SamplingSums | undefined)[])[];
  readonly #points: readonly SamplingPoint[];
  readonly #positions: number;

  constructor(session: Session, cells: readonly TaskCell[], points: readonly SamplingPoint[], text: WindowedText, nullPositions: number) {
    const wanted = (quantity: string): TaskCell[] => cells.filter((cell) => textParam(cell, 'quantity') === quantity);
    const own = wanted('sampling').map(pointOf);
    this.format = session.format;
    this.session = session;
    this.cells = cells;
    this.columns = wanted('fidelity').length > 0 ? fidelityColumns(text.windows * text.positions) : undefined;
    this.wantsSampling = own.length > 0;
    this.wantsNull = wanted('null').length > 0;
    this.nullLogits = new Float32Array(this.wantsNull ? nullPositions * session.shape.vocabulary : 0);
    this.#points = points;
    this.#positions = text.positions;
    this.#sums = Array.from({ length: text.windows }, () => points.map((point) => own.some((other) => samePoint(point, other)) ? noSums() : undefined));
  }

  addFidelity(comparer: FidelityComparer, logits: Float32Array, { window, index, at }: Place): void {
    if (this.columns) comparer.write(logits, at, this.columns, window * this.#positions + index);
  }

  addSampling(comparer: SamplingComparer, logits: Float32Array, { window, at }: Place): void {
    if (this.wantsSampling) comparer.add(logits, at, this.#sums[window]!);
  }

  /** The sums at a point, one per window. */
  sumsAt(point: SamplingPoint): SamplingSums[] {
    const i = this.#points.findIndex((other) => samePoint(point, other));
    return this.#sums.map((ofWindow) => ofWindow[i]!);
  }
}

export function pointOf(cell: TaskCell): SamplingPoint {
  return { temperature: numberParam(cell, 'temperature'), topK: numberParam(cell, 'topK') };
}

function samePoint(a: SamplingPoint, b: SamplingPoint): boolean {
  return a.temperature === b.temperature && a.topK === b.topK;
}
