/**
 * Scores one text under models in many formats (docs/claims.md says what is measured). The formats of a model go through the text in lock
 * step with its base, a chunk of positions at a time, and each position is reduced to its statistics at once: full logits are never
 * kept. Small models go together, so that the judge, which is one of them, reads the text once for all.
 */
import type { Session } from '../../kernels/index.ts';
import type { BaseSums, SamplingPoint } from '../../kernels/statistics.ts';
import type { Run, TaskCell, TaskIo } from '../dag/index.ts';
import { studyEngine } from './engine.ts';
import { taskCheckpoint, taskSession } from './loaded-model.ts';
import { baseColumns } from './score-fidelity.ts';
import type { BaseColumns } from './score-fidelity.ts';
import { byFormat, byModel, demandCandidates, judgeSession, pointsOf, rowsOf, windowedText } from './score-inputs.ts';
import { GridSums, Lane, noBaseSums } from './score-lane.ts';
import type { Place, WindowedText } from './score-lane.ts';
import { NullSampler } from './score-null-sample.ts';
import { OpenCells } from './score-open.ts';
import { CONTEXT_TOKENS } from './score-output.ts';
import { scoresOf } from './score-result.ts';
import { Sessions } from './score-sessions.ts';
import { BadInput, numberParam, textParam } from './task-values.ts';

/**
 * Rows that a chunk should have: with fewer the unpacking of 4-bit weights, once a chunk, takes as long as the products (a quarter of the time of
 * a model with 135 M parameters, with 16 rows). More of a small vocabulary, as long as their logits stay in a cache; fewer of one so large that
 * the logits of a dozen formats would fill memory, but never so few that the products wait for the weights.
 */
const CHUNK_ROWS = 64;
const CACHED_BYTES = 1 << 20;
const MOST_BYTES = 1 << 24;
const LEAST_CHUNK_ROWS = 16;

function chunkRowsOf(vocabulary: number): number {
  const rowBytes = 4 * vocabulary;
  return Math.max(LEAST_CHUNK_ROWS, Math.floor(CACHED_BYTES / rowBytes), Math.min(CHUNK_ROWS, Math.floor(MOST_BYTES / rowBytes)));
}

export const run: Run = async (cells, io) => {
  const open = new OpenCells(cells, io);
  const sessions = new Sessions(io);
  try {
    const tasks: ScoreTask[] = [];
    for (const own of byModel(cells)) {
      open.workOn(own);
      const task = await open.attempt(own, () => openTask(own, open, io, sessions));
      if (task) tasks.push(task);
    }
    await scoreText(tasks, open, io);
  } finally {
    sessions.dispose();
  }
};

/** Everything that a task computes with. */
interface ScoreTask {
  /** All of one model. */
  readonly cells: readonly TaskCell[];
  readonly text: WindowedText;
  readonly base: Session;
  readonly judge: Session | undefined;
  /** The cells that need the judge. */
  readonly judged: readonly TaskCell[];
  readonly lanes: readonly Lane[];
  readonly points: readonly SamplingPoint[];
  /** Of the base. */
  readonly columns: BaseColumns;
  readonly sums: GridSums<BaseSums>;
  readonly nulls: NullSampler | undefined;
}

/** A format that cannot be opened fails its own cells, a judge that cannot be used those that need it; without the base all fail. */
async function openTask(cells: readonly TaskCell[], open: OpenCells, io: TaskIo, sessions: Sessions): Promise<ScoreTask> {
  const first = cells[0]!;
  const text = await windowedText(io, first);
  const checkpoint = await taskCheckpoint(io, first);
  const base = await sessions.base(first, 'config', 'weights');
  const { vocabulary, contextTokens } = base.shape;
  if (text.windowTokens > contextTokens) throw new BadInput(`windows of ${text.windowTokens} tokens do not fit the model's context of ${contextTokens}`, 'Lower window_tokens in data/study.yaml.');
  const judged = cells.filter((cell) => cell.inputs['judgeWeights'] !== undefined);
  const judge = judged.length === 0 ? undefined : await open.attempt(judged, () => judgeSession(judged[0]!, base, sessions));

  for (const cell of open.of(cells)) await open.attempt([cell], async () => demandCandidates(cell, vocabulary));

  const points = pointsOf(open.of(cells));
  const nullCell = open.of(cells).find((cell) => textParam(cell, 'quantity') === 'null');
  const nulls = nullCell && new NullSampler(vocabulary, text, numberParam(nullCell, 'stride'));
  const lanes: Lane[] = [];
  for (const [format, own] of byFormat(open.of(cells))) {
    const lane = await open.attempt(own, async () => {
      const session = format === checkpoint.baseFormat ? base : sessions.add(await taskSession(io, own[0]!, checkpoint, format, await studyEngine(io, own[0]!, { exact: true })));
      return new Lane(session, own, points, text, nulls?.sample.count ?? 0);
    });
    if (lane) lanes.push(lane);
  }
  return { cells, text, base, judge, judged, lanes, points, columns: baseColumns(text.windows * text.positions), sums: new GridSums(points, text.windows, noBaseSums), nulls };
}

/** All models go through a chunk before the next. They share the text, and so its windows. */
async function scoreText(tasks: readonly ScoreTask[], open: OpenCells, io: TaskIo): Promise<void> {
  const first = tasks[0];
  if (first === undefined) return;
  const { windows, windowTokens, positions } = first.text;
  const places: LogitPlaces = new Map();
  const chunkRows = chunkRowsOf(first.base.shape.vocabulary);
  for (let window = 0; window < windows; window++) {
    io.signal.throwIfAborted();
    for (const session of new Set(tasks.flatMap(({ base, judge, lanes }) => [base, ...(judge ? [judge] : []), ...lanes.map((lane) => lane.session)]))) session.reset(1, windowTokens);
    for (let from = 0; from < positions; from += chunkRows) {
      const chunk = new Chunk(window, from, Math.min(from + chunkRows, positions), places);
      await readJudges(tasks, open, chunk);
      for (const task of tasks) {
        if (!open.any(task.cells)) continue;
        open.workOn(task.cells);
        await open.attempt(task.cells, () => scoreChunk(task, open, chunk));
      }
    }
    io.progress(window + 1, windows, 'windows');
  }
  for (const task of tasks) {
    const { base, lanes } = task;
    open.workOn(task.cells);
    const finished = lanes.filter((lane) => open.any(lane.cells));
    for (const { cell, scores } of scoresOf(finished, (lane) => open.of(lane.cells), { ...task, statistics: base.engine.statistics })) {
      await io.commit(cell.id, { scores }, { engine: base.engine.name, build: base.engine.build });
    }
  }
}

/** First, since a judge reads a chunk once for all models. What goes wrong is told when its logits are asked for. */
async function readJudges(tasks: readonly ScoreTask[], open: OpenCells, chunk: Chunk): Promise<void> {
  open.workOn(tasks.flatMap(({ judged }) => judged));
  for (const { judge, judged, text } of tasks) if (judge && open.any(judged)) await chunk.logits(judge, text).catch(() => undefined);
}

/** Where the logits of a session's chunks go: a chunk's are spent before the next is read. */
type LogitPlaces = Map<Session, Float32Array<ArrayBuffer>>;

/** Positions from .. to of a window, and the logits of every session that has read them. */
class Chunk {
  readonly window: number;
  readonly from: number;
  readonly to: number;
  readonly #places: LogitPlaces;
  readonly #logits = new Map<Session, Promise<Float32Array<ArrayBuffer>>>();

  /** `places`: those of the chunks before. */
  constructor(window: number, from: number, to: number, places: LogitPlaces) {
    this.#places = places;
    this.window = window;
    this.from = from;
    this.to = to;
  }

  /** A session reads the chunk once, whoever asks. */
  logits(session: Session, text: WindowedText): Promise<Float32Array<ArrayBuffer>> {
    let logits = this.#logits.get(session);
    if (logits === undefined) this.#logits.set(session, (logits = session.step(rowsOf(text, this.window, this.from, this.to), undefined, this.#placeFor(session))));
    return logits;
  }

  #placeFor(session: Session): Float32Array<ArrayBuffer> {
    const length = (this.to - this.from) * session.shape.vocabulary;
    let place = this.#places.get(session);
    if (place === undefined || place.length < length) this.#places.set(session, (place = new Float32Array(length)));
    return place.subarray(0, length);
  }
}

/** One lane's logits of the chunk at hand. */
interface LiveLane { readonly lane: Lane; readonly logits: Float32Array }

/** One step of every session of a model, then the statistics of every position. */
async function scoreChunk(task: ScoreTask, open: OpenCells, chunk: Chunk): Promise<void> {
  const { text, base, judge, judged, lanes } = task;
  const { window, from, to } = chunk;
  const baseLogits = await chunk.logits(base, text);
  const judgeLogits = judge === base ? baseLogits : judge && open.any(judged) ? await open.attempt(judged, () => chunk.logits(judge, text)) : undefined;
  const live: LiveLane[] = [];
  for (const lane of lanes) {
    if (!open.any(lane.cells)) continue;
    const logits = lane.session === base ? baseLogits : await open.attempt(lane.cells, () => chunk.logits(lane.session, text));
    if (logits) live.push({ lane, logits });
  }
  scoreFidelity(task, window * text.positions + from, window * text.windowTokens + from + 1, baseLogits, live);
  if (judgeLogits === undefined) return;
  // Of a chunk that begins with too little context, the positions after those.
  const first = Math.max(from, CONTEXT_TOKENS - 1);
  if (first < to) scoreSampling(task, window, (first - from) * base.shape.vocabulary, baseLogits, judgeLogits, live);
  for (let index = first; index < to; index++) takeNull(task, { window, index, at: (index - from) * base.shape.vocabulary }, baseLogits, judgeLogits, live);
}

/** `place`: of the chunk's first row among all scored positions; `next`: of the token that it predicts, in the text. */
function scoreFidelity({ text, base, columns }: ScoreTask, place: number, next: number, logits: Float32Array, live: readonly LiveLane[]): void {
  const { vocabulary } = base.shape;
  const end = place + logits.length / vocabulary;
  const tokens = text.ids.subarray(next, next + end - place);
  const formats = live.flatMap(({ lane, logits }) => lane.columns === undefined ? [] : [{
    logits, nll: lane.columns.nll.subarray(place, end), kl: lane.columns.kl.subarray(place, end),
    entropy: lane.columns.entropy.subarray(place, end), top1: lane.columns.top1.subarray(place, end),
  }]);
  if (formats.length === 0) return;
  columns.token.set(tokens, place);
  base.engine.statistics.fidelity(vocabulary, tokens, {
    logits, nll: columns.nllBase.subarray(place, end), entropy: columns.entropyBase.subarray(place, end), top1: columns.top1Base.subarray(place, end),
  }, formats);
}

/** The chunk's rows from element `at` on. */
function scoreSampling({ base, points, sums }: ScoreTask, window: number, at: number, baseLogits: Float32Array, judgeLogits: Float32Array, live: readonly LiveLane[]): void {
  const own = baseLogits.subarray(at);
  const formats = live.flatMap(({ lane, logits }) => lane.sums === undefined ? [] : [{ logits: logits === baseLogits ? own : logits.subarray(at), sums: lane.sums.of(window) }]);
  if (formats.length > 0) base.engine.statistics.sampling(base.shape.vocabulary, points, { logits: own, sums: sums.of(window) }, judgeLogits.subarray(at), formats);
}

function takeNull({ nulls }: ScoreTask, place: Place, baseLogits: Float32Array, judgeLogits: Float32Array, live: readonly LiveLane[]): void {
  if (!nulls?.has(place.index)) return;
  nulls.take(place, baseLogits, judgeLogits);
  for (const { lane, logits } of live) if (lane.wantsNull) nulls.takeRow(place, logits, lane.nullLogits);
}
