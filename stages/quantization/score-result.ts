/** Output `scores` of each cell, from what the lanes have summed. */
import type { BaseSums, Statistics } from '../../kernels/statistics.ts';
import type { TaskCell } from '../dag/index.ts';
import type { BaseColumns } from './score-fidelity.ts';
import { pointOf } from './score-lane.ts';
import type { GridSums, Lane, WindowedText } from './score-lane.ts';
import { nullShifts } from './score-null.ts';
import type { NullSampler } from './score-null-sample.ts';
import { CONTEXT_TOKENS, writeFidelity } from './score-output.ts';
import type { NullScores, SamplingScores, ScoredCell } from './score-output.ts';
import { numberParam, textParam } from './task-values.ts';

export interface CellScores { readonly cell: TaskCell; readonly scores: Uint8Array | string }

/** What a task has computed once for all its formats. */
export interface Shared {
  readonly text: WindowedText;
  readonly statistics: Statistics;
  readonly columns: BaseColumns;
  readonly sums: GridSums<BaseSums>;
  readonly nulls: NullSampler | undefined;
}

/** The outputs of the lanes' cells that are still open. */
export function* scoresOf(lanes: readonly Lane[], openCells: (lane: Lane) => readonly TaskCell[], shared: Shared): Generator<CellScores> {
  for (const lane of lanes) {
    for (const cell of openCells(lane)) {
      const quantity = textParam(cell, 'quantity');
      if (quantity === 'fidelity') yield { cell, scores: fidelity(cell, lane, shared) };
      else if (quantity === 'sampling') yield { cell, scores: JSON.stringify(sampling(cell, lane, shared)) };
      else if (quantity !== 'null') throw new Error(`${cell.id}: unknown quantity "${quantity}"`);
    }
  }
  if (shared.nulls) yield* nullScores(lanes.filter(({ wantsNull }) => wantsNull), openCells, shared, shared.nulls);
}

function scored(cell: TaskCell): ScoredCell {
  return { model: textParam(cell, 'model'), format: textParam(cell, 'format'), text: textParam(cell, 'text') };
}

function fidelity(cell: TaskCell, lane: Lane, { text, columns }: Shared): Uint8Array {
  if (lane.columns === undefined) throw new Error(`${cell.id}: its columns were not computed`);
  const bytes = new Int32Array(text.windows * text.positions);
  for (let window = 0, i = 0; window < text.windows; window++) {
    for (let index = 0; index < text.positions; index++) bytes[i++] = text.bytes[window * text.windowTokens + index + 1]!;
  }
  return writeFidelity({ ...scored(cell), windows: text.windows, positions: text.positions, bytes, ...columns, ...lane.columns });
}

function sampling(cell: TaskCell, lane: Lane, { text, sums: base }: Shared): SamplingScores {
  if (lane.sums === undefined) throw new Error(`${cell.id}: its sums were not computed`);
  const point = pointOf(cell);
  return {
    ...scored(cell), ...point,
    scoredTokens: new Array<number>(text.windows).fill(text.positions - CONTEXT_TOKENS + 1),
    totalVariation: lane.sums.at(point, 'totalVariation'),
    outsideMass: lane.sums.at(point, 'outsideMass'),
    ...(point.topK > 0 ? {} : {
      qualityShift: lane.sums.at(point, 'qualityShift'),
      baseEntropy: base.at(point, 'entropy'),
      baseQuality: base.at(point, 'quality'),
    }),
  };
}

/** All formats together, because they share the noise. */
function* nullScores(lanes: readonly Lane[], openCells: (lane: Lane) => readonly TaskCell[], { text, statistics }: Shared, nulls: NullSampler): Generator<CellScores> {
  const wanted = lanes.map((lane) => ({ lane, cells: openCells(lane).filter((cell) => textParam(cell, 'quantity') === 'null') })).filter(({ cells }) => cells.length > 0);
  const first = wanted[0]?.cells[0];
  if (first === undefined) return;
  const requests = wanted.map(({ lane, cells }) => ({ logits: lane.nullLogits, temperatures: cells.map((cell) => numberParam(cell, 'temperature')) }));
  const keys = { seed: numberParam(first, 'seed'), text: fnv1a(textParam(first, 'text')) };
  const results = nullShifts(statistics, nulls.sample, requests, text.windows, numberParam(first, 'draws'), keys);
  for (const [r, { cells }] of wanted.entries()) {
    const { sigma, formatKl, noiseKl, draws } = results[r]!;
    for (const [t, cell] of cells.entries()) {
      const scores: NullScores = {
        ...scored(cell), temperature: numberParam(cell, 'temperature'), sigma, formatKl, noiseKl,
        scoredTokens: new Array<number>(text.windows).fill(nulls.perWindow), draws: draws[t]!,
      };
      yield { cell, scores: JSON.stringify(scores) };
    }
  }
}

/** FNV-1a, 32 bits, of the name's UTF-8 bytes: a number of a text's own. */
function fnv1a(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
