/**
 * Scores one text under one model in many formats (docs/claims.md says what and why). The formats go through the text in lock step
 * with the base, a chunk of positions at a time, and each position is reduced to its statistics at once: full logits are never kept.
 */
import { openSession } from '../../kernels/session.ts';
import type { EngineInstance, Rows, Session } from '../../kernels/index.ts';
import type { Failure, Run, TaskCell, TaskIo } from '../dag/index.ts';
import { settingPath } from './cell-ids.ts';
import { studyEngine } from './engine.ts';
import { taskCheckpoint, taskSession } from './loaded-model.ts';
import { FidelityComparer } from './score-fidelity.ts';
import { Lane, pointOf } from './score-lane.ts';
import type { WindowedText } from './score-lane.ts';
import { NullSampler } from './score-null-sample.ts';
import { CONTEXT_TOKENS } from './score-output.ts';
import { scoresOf } from './score-result.ts';
import { SamplingComparer, judgeNllRow } from './score-sampling.ts';
import type { SamplingPoint } from './score-sampling.ts';
import { BadInput, expectedFailure, jsonInput, numberParam, textParam } from './task-values.ts';
import type { TokenizedText } from './task-values.ts';

/** Logits of a chunk stay below this per format, whatever the vocabulary. */
const CHUNK_BYTES = 1 << 20;
const LEAST_CHUNK_ROWS = 16;

/** The cells of a task that are neither committed nor failed. */
class OpenCells {
  readonly #open: Map<string, TaskCell>;
  readonly #io: TaskIo;

  constructor(cells: readonly TaskCell[], io: TaskIo) {
    this.#open = new Map(cells.map((cell) => [cell.id, cell]));
    this.#io = io;
  }

  any(cells: readonly TaskCell[]): boolean {
    return cells.some(({ id }) => this.#open.has(id));
  }

  of(cells: readonly TaskCell[]): TaskCell[] {
    return cells.filter(({ id }) => this.#open.has(id));
  }

  /** What `work` gives, or undefined where it fails in a way that a stage expects: then these cells have failed. */
  async attempt<T>(cells: readonly TaskCell[], work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      const failure = expectedFailure(error);
      if (failure === undefined) throw error;
      await this.#fail(cells, failure);
      return undefined;
    }
  }

  async #fail(cells: readonly TaskCell[], failure: Failure): Promise<void> {
    for (const { id } of this.of(cells)) {
      this.#open.delete(id);
      await this.#io.fail(id, failure);
    }
  }
}

export const run: Run = async (cells, io) => {
  const open = new OpenCells(cells, io);
  const sessions = new Set<Session>();
  const opened = (session: Session): Session => {
    sessions.add(session);
    return session;
  };
  try {
    await open.attempt(cells, () => scoreText(cells, open, io, opened));
  } finally {
    for (const session of sessions) session.dispose();
  }
};

async function scoreText(cells: readonly TaskCell[], open: OpenCells, io: TaskIo, opened: (session: Session) => Session): Promise<void> {
  const first = cells[0]!;
  const text = await windowedText(io, first);
  const judged = cells.filter((cell) => cell.inputs['judgeWeights'] !== undefined);
  const checkpoint = await taskCheckpoint(io, first);
  const engine = (): ReturnType<typeof studyEngine> => studyEngine({ exact: true });
  const base = opened(openSession({ checkpoint, format: checkpoint.baseFormat, engine: await engine() }));
  const { vocabulary } = base.shape;
  if (text.windowTokens > base.shape.contextTokens) throw new BadInput(`windows of ${text.windowTokens} tokens do not fit the model's context of ${base.shape.contextTokens}`, 'Lower window_tokens in data/study.yaml.');
  const judge = judged.length === 0 ? undefined : await open.attempt(judged, async () => {
    const session = sameObject(judged[0]!, 'weights', 'judgeWeights') && sameObject(judged[0]!, 'config', 'judgeConfig') ? base : opened(await judgeSession(io, judged[0]!, await engine()));
    if (session.shape.vocabulary !== vocabulary) throw new BadInput(`the judge's vocabulary has ${session.shape.vocabulary} tokens, this model's ${vocabulary}`, 'Choose a judge with the same tokenizer.');
    demandSameTokens(judged[0]!);
    return session;
  });

  const points = uniquePoints(open.of(cells));
  for (const { topK } of points) if (topK > vocabulary) throw new BadInput(`top_k ${topK} is more than the vocabulary's ${vocabulary} tokens`, 'Lower top_k in data/study.yaml.');
  const nullCell = open.of(cells).find((cell) => textParam(cell, 'quantity') === 'null');
  const nulls = nullCell && new NullSampler(vocabulary, text, numberParam(nullCell, 'stride'));
  const lanes: Lane[] = [];
  for (const [format, own] of byFormat(open.of(cells))) {
    const lane = await open.attempt(own, async () => {
      const session = format === checkpoint.baseFormat ? base : opened(await taskSession(io, own[0]!, checkpoint, format, await engine()));
      return new Lane(session, own, points, text, nulls?.sample.count ?? 0);
    });
    if (lane) lanes.push(lane);
  }

  const fidelity = new FidelityComparer(vocabulary);
  const sampling = new SamplingComparer(vocabulary, judge ? points : []);
  const judgeNll = new Float64Array(vocabulary);
  const chunkRows = Math.max(LEAST_CHUNK_ROWS, Math.floor(CHUNK_BYTES / (4 * vocabulary)));
  for (let window = 0; window < text.windows; window++) {
    io.signal.throwIfAborted();
    for (const session of new Set([base, ...(judge ? [judge] : []), ...lanes.map(({ session }) => session)])) session.reset(1, text.windowTokens);
    for (let from = 0; from < text.positions; from += chunkRows) {
      const to = Math.min(from + chunkRows, text.positions);
      const step = (session: Session): Promise<Float32Array<ArrayBuffer>> => session.step(rowsOf(text, window, from, to));
      const baseLogits = await step(base);
      const judgeLogits = judge && open.any(judged) ? judge === base ? baseLogits : await open.attempt(judged, () => step(judge)) : undefined;
      const live: { readonly lane: Lane; readonly logits: Float32Array }[] = [];
      for (const lane of lanes) {
        if (!open.any(lane.cells)) continue;
        const logits = lane.session === base ? baseLogits : await open.attempt(lane.cells, () => step(lane.session));
        if (logits) live.push({ lane, logits });
      }
      for (let index = from; index < to; index++) {
        const place = { window, index, at: (index - from) * vocabulary };
        fidelity.setBase(baseLogits, place.at, text.ids[window * text.windowTokens + index + 1]!);
        for (const { lane, logits } of live) lane.addFidelity(fidelity, logits, place);
        if (judgeLogits === undefined || index + 1 < CONTEXT_TOKENS) continue;
        judgeNllRow(judgeLogits, place.at, vocabulary, judgeNll);
        sampling.setBase(baseLogits, place.at, judgeNll);
        for (const { lane, logits } of live) lane.addSampling(sampling, logits, place);
        if (!nulls?.has(index)) continue;
        nulls.take(place, baseLogits, judgeNll);
        for (const { lane, logits } of live) if (lane.wantsNull) nulls.takeFormat(place, logits, lane.nullLogits);
      }
    }
    io.progress(window + 1, text.windows, 'windows');
  }
  const live = lanes.filter((lane) => open.any(lane.cells));
  for (const { cell, scores } of scoresOf(live, (lane) => open.of(lane.cells), text, nulls)) {
    await io.commit(cell.id, { scores }, { engine: base.engine.name, build: base.engine.build });
  }
}

/** The text as the tokenizer cut it; BadInput when it is too short for the windows asked for. */
async function windowedText(io: TaskIo, cell: TaskCell): Promise<WindowedText> {
  const { ids, bytes } = await jsonInput<TokenizedText>(io, cell, 'tokens');
  const windows = numberParam(cell, 'windows');
  const windowTokens = numberParam(cell, 'windowTokens');
  if (windowTokens <= CONTEXT_TOKENS) throw new BadInput(`windows of ${windowTokens} tokens are too short: positions with ${CONTEXT_TOKENS} tokens of context are compared`, 'Raise window_tokens in data/study.yaml.');
  const needed = windows * windowTokens;
  if (ids.length < needed) throw new BadInput(`the text has ${ids.length} tokens; ${windows} windows of ${windowTokens} need ${needed}`, 'Lower windows_per_text in data/study.yaml, or add a longer text.');
  return { windows, windowTokens, positions: windowTokens - 1, ids: Int32Array.from(ids.slice(0, needed)), bytes: Int32Array.from(bytes.slice(0, needed)) };
}

/** The tokens at positions from .. to of a window, in the only slot. */
function rowsOf({ ids, windowTokens }: WindowedText, window: number, from: number, to: number): Rows {
  const position = Int32Array.from({ length: to - from }, (_, i) => from + i);
  return { slot: new Int32Array(to - from), position, token: ids.slice(window * windowTokens + from, window * windowTokens + to) };
}

async function judgeSession(io: TaskIo, cell: TaskCell, engine: EngineInstance): Promise<Session> {
  const checkpoint = await taskCheckpoint(io, cell, { config: 'judgeConfig', weights: 'judgeWeights' });
  return openSession({ checkpoint, format: checkpoint.baseFormat, engine });
}

function sameObject(cell: TaskCell, a: string, b: string): boolean {
  const [left, right] = [cell.inputs[a], cell.inputs[b]];
  return left?.kind === 'object' && right?.kind === 'object' && left.handle.sha256 === right.handle.sha256;
}

/** The judge weighs this model's distribution token by token: both must cut the text alike. */
function demandSameTokens(cell: TaskCell): void {
  if (sameObject(cell, 'tokens', 'judgeTokens')) return;
  throw new BadInput('the judge cuts this text into other tokens than the model it judges', 'Choose a judge with the same tokenizer.');
}

function uniquePoints(cells: readonly TaskCell[]): SamplingPoint[] {
  const points = new Map(cells.filter((cell) => textParam(cell, 'quantity') === 'sampling').map((cell) => [settingPath(numberParam(cell, 'temperature'), numberParam(cell, 'topK')), pointOf(cell)]));
  return [...points.values()];
}

function byFormat(cells: readonly TaskCell[]): Map<string, TaskCell[]> {
  const groups = new Map<string, TaskCell[]>();
  for (const cell of cells) {
    const format = textParam(cell, 'format');
    groups.set(format, [...groups.get(format) ?? [], cell]);
  }
  return groups;
}
