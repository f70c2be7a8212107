/** What a task of the score stage takes in: the text, the judge, the points of the grid, the cells of each format. */
import type { Rows, Session } from '../../kernels/index.ts';
import type { SamplingPoint } from '../../kernels/statistics.ts';
import type { TaskCell, TaskIo } from '../dag/index.ts';
import { settingPath } from './cell-ids.ts';
import { pointOf } from './score-lane.ts';
import type { WindowedText } from './score-lane.ts';
import { CONTEXT_TOKENS } from './score-output.ts';
import type { Sessions } from './score-sessions.ts';
import { BadInput, jsonInput, numberParam, textParam } from './task-values.ts';
import type { TokenizedText } from './task-values.ts';

/**
 * The text as the tokenizer cut it, each window begun as the model was trained to see a text begin. BadInput when it is too short for the
 * windows asked for.
 */
export async function windowedText(io: TaskIo, cell: TaskCell): Promise<WindowedText> {
  const { ids, bytes, start = [] } = await jsonInput<TokenizedText>(io, cell, 'tokens');
  const windows = numberParam(cell, 'windows');
  const windowTokens = numberParam(cell, 'windowTokens');
  if (windowTokens <= CONTEXT_TOKENS) throw new BadInput(`windows of ${windowTokens} tokens are too short: positions with ${CONTEXT_TOKENS} tokens of context are compared`, 'Raise window_tokens in data/study.yaml.');
  const ownTokens = windowTokens - start.length;
  const needed = windows * ownTokens;
  if (ids.length < needed) throw new BadInput(`the text has ${ids.length} tokens; ${windows} windows of ${ownTokens} need ${needed}`, 'Lower windows_per_text in data/study.yaml, or add a longer text.');
  const begun = (values: readonly number[], before: readonly number[]): Int32Array => {
    const all = new Int32Array(windows * windowTokens);
    for (let window = 0; window < windows; window++) {
      all.set(before, window * windowTokens);
      all.set(values.slice(window * ownTokens, (window + 1) * ownTokens), window * windowTokens + before.length);
    }
    return all;
  };
  return { windows, windowTokens, positions: windowTokens - 1, ids: begun(ids, start), bytes: begun(bytes, start.map(() => 0)) };
}

/** The tokens at positions from .. to of a window, in the only slot. */
export function rowsOf({ ids, windowTokens }: WindowedText, window: number, from: number, to: number): Rows {
  const position = Int32Array.from({ length: to - from }, (_, i) => from + i);
  return { slot: new Int32Array(to - from), position, token: ids.slice(window * windowTokens + from, window * windowTokens + to) };
}

/**
 * The judge's session; the base's own where they are the same model. BadInput unless both have one vocabulary and cut the text alike:
 * the judge weighs the model's distribution token by token.
 */
export async function judgeSession(cell: TaskCell, base: Session, sessions: Sessions): Promise<Session> {
  if (!sameObject(cell, 'tokens', 'judgeTokens')) throw new BadInput('the judge cuts this text into other tokens than the model it judges', 'Choose a judge with the same tokenizer.');
  const session = await sessions.base(cell, 'judgeConfig', 'judgeWeights');
  if (session.shape.vocabulary !== base.shape.vocabulary) throw new BadInput(`the judge's vocabulary has ${session.shape.vocabulary} tokens, this model's ${base.shape.vocabulary}`, 'Choose a judge with the same tokenizer.');
  return session;
}

function sameObject(cell: TaskCell, a: string, b: string): boolean {
  const [left, right] = [cell.inputs[a], cell.inputs[b]];
  return left?.kind === 'object' && right?.kind === 'object' && left.handle.sha256 === right.handle.sha256;
}

/** Throws BadInput where a cell asks for more candidates than there are tokens. */
export function demandCandidates(cell: TaskCell, vocabulary: number): void {
  const topK = cell.params['topK'];
  if (typeof topK === 'number' && topK > vocabulary) throw new BadInput(`top_k ${topK} is more than the vocabulary's ${vocabulary} tokens`, 'Lower top_k in data/study.yaml.');
}

/** The points of the sampler's grid that some cell asks for. */
export function pointsOf(cells: readonly TaskCell[]): SamplingPoint[] {
  const sampling = cells.filter((cell) => textParam(cell, 'quantity') === 'sampling').map(pointOf);
  return [...new Map(sampling.map((point) => [settingPath(point.temperature, point.topK), point])).values()];
}

export const byFormat = (cells: readonly TaskCell[]): Map<string, TaskCell[]> => groupedBy(cells, 'format');

/** The cells of each model. */
export const byModel = (cells: readonly TaskCell[]): Iterable<TaskCell[]> => groupedBy(cells, 'model').values();

function groupedBy(cells: readonly TaskCell[], param: string): Map<string, TaskCell[]> {
  const groups = new Map<string, TaskCell[]>();
  for (const cell of cells) {
    const value = textParam(cell, param);
    groups.set(value, [...groups.get(value) ?? [], cell]);
  }
  return groups;
}
