/**
 * Scores one text under one model in many formats (docs/claims.md says what is measured). The formats go through the text in lock step
 * with the base, a chunk of positions at a time, and each position is reduced to its statistics at once: full logits are never kept.
 */
import { openSession } from '../../kernels/session.ts';
import type { Session } from '../../kernels/index.ts';
import type { Run, TaskCell, TaskIo } from '../dag/index.ts';
import { studyEngine } from './engine.ts';
import { taskCheckpoint, taskSession } from './loaded-model.ts';
import { FidelityComparer } from './score-fidelity.ts';
import { byFormat, demandCandidates, judgeSession, pointsOf, rowsOf, windowedText } from './score-inputs.ts';
import { Lane } from './score-lane.ts';
import type { WindowedText } from './score-lane.ts';
import { NullSampler } from './score-null-sample.ts';
import { OpenCells } from './score-open.ts';
import { CONTEXT_TOKENS } from './score-output.ts';
import { scoresOf } from './score-result.ts';
import { SamplingComparer, judgeNllRow } from './score-sampling.ts';
import { BadInput, numberParam, textParam } from './task-values.ts';

/** Logits of a chunk stay below this per format, unless LEAST_CHUNK_ROWS of a large vocabulary need more. */
const CHUNK_BYTES = 1 << 20;
const LEAST_CHUNK_ROWS = 16;

export const run: Run = async (cells, io) => {
  const open = new OpenCells(cells, io);
  const sessions: Session[] = [];
  const opened = (session: Session): Session => {
    sessions.push(session);
    return session;
  };
  try {
    await open.attempt(cells, async () => scoreText(await openTask(cells, open, io, opened), open, io));
  } finally {
    for (const session of sessions) session.dispose();
  }
};

/** Everything that a task computes with. */
interface ScoreTask {
  readonly text: WindowedText;
  readonly base: Session;
  readonly judge: Session | undefined;
  /** The cells that need the judge. */
  readonly judged: readonly TaskCell[];
  readonly lanes: readonly Lane[];
  readonly fidelity: FidelityComparer;
  readonly sampling: SamplingComparer;
  readonly nulls: NullSampler | undefined;
}

/** A format that cannot be opened fails its own cells, a judge that cannot be used those that need it; without the base all fail. */
async function openTask(cells: readonly TaskCell[], open: OpenCells, io: TaskIo, opened: (session: Session) => Session): Promise<ScoreTask> {
  const first = cells[0]!;
  const text = await windowedText(io, first);
  const checkpoint = await taskCheckpoint(io, first);
  const base = opened(openSession({ checkpoint, format: checkpoint.baseFormat, engine: await studyEngine(io, first, { exact: true }) }));
  const { vocabulary, contextTokens } = base.shape;
  if (text.windowTokens > contextTokens) throw new BadInput(`windows of ${text.windowTokens} tokens do not fit the model's context of ${contextTokens}`, 'Lower window_tokens in data/study.yaml.');
  const judged = cells.filter((cell) => cell.inputs['judgeWeights'] !== undefined);
  const judge = judged.length === 0 ? undefined : await open.attempt(judged, () => judgeSession(io, judged[0]!, base, opened));

  for (const cell of open.of(cells)) await open.attempt([cell], async () => demandCandidates(cell, vocabulary));

  const points = pointsOf(open.of(cells));
  const nullCell = open.of(cells).find((cell) => textParam(cell, 'quantity') === 'null');
  const nulls = nullCell && new NullSampler(vocabulary, text, numberParam(nullCell, 'stride'));
  const lanes: Lane[] = [];
  for (const [format, own] of byFormat(open.of(cells))) {
    const lane = await open.attempt(own, async () => {
      const session = format === checkpoint.baseFormat ? base : opened(await taskSession(io, own[0]!, checkpoint, format, await studyEngine(io, own[0]!, { exact: true })));
      return new Lane(session, own, points, text, nulls?.sample.count ?? 0);
    });
    if (lane) lanes.push(lane);
  }
  return { text, base, judge, judged, lanes, fidelity: new FidelityComparer(vocabulary), sampling: new SamplingComparer(vocabulary, points), nulls };
}

async function scoreText(task: ScoreTask, open: OpenCells, io: TaskIo): Promise<void> {
  const { text, base, judge, lanes, nulls } = task;
  const chunkRows = Math.max(LEAST_CHUNK_ROWS, Math.floor(CHUNK_BYTES / (4 * base.shape.vocabulary)));
  for (let window = 0; window < text.windows; window++) {
    io.signal.throwIfAborted();
    for (const session of new Set([base, ...(judge ? [judge] : []), ...lanes.map((lane) => lane.session)])) session.reset(1, text.windowTokens);
    for (let from = 0; from < text.positions; from += chunkRows) {
      await scoreChunk(task, open, window, from, Math.min(from + chunkRows, text.positions));
    }
    io.progress(window + 1, text.windows, 'windows');
  }
  const finished = lanes.filter((lane) => open.any(lane.cells));
  for (const { cell, scores } of scoresOf(finished, (lane) => open.of(lane.cells), text, nulls)) {
    await io.commit(cell.id, { scores }, { engine: base.engine.name, build: base.engine.build });
  }
}

/** Positions from .. to of a window: one step of every session, then every position's statistics. */
async function scoreChunk({ text, base, judge, judged, lanes, fidelity, sampling, nulls }: ScoreTask, open: OpenCells, window: number, from: number, to: number): Promise<void> {
  const step = (session: Session): Promise<Float32Array<ArrayBuffer>> => session.step(rowsOf(text, window, from, to));
  const { vocabulary } = base.shape;
  const baseLogits = await step(base);
  const judgeLogits = judge === base ? baseLogits : judge && open.any(judged) ? await open.attempt(judged, () => step(judge)) : undefined;
  const live: { readonly lane: Lane; readonly logits: Float32Array }[] = [];
  for (const lane of lanes) {
    if (!open.any(lane.cells)) continue;
    const logits = lane.session === base ? baseLogits : await open.attempt(lane.cells, () => step(lane.session));
    if (logits) live.push({ lane, logits });
  }

  const wantsFidelity = live.some(({ lane }) => lane.columns !== undefined);
  const judgeNll = new Float64Array(vocabulary);
  for (let index = from; index < to; index++) {
    const place = { window, index, at: (index - from) * vocabulary };
    if (wantsFidelity) fidelity.setBase(baseLogits, place.at, text.ids[window * text.windowTokens + index + 1]!);
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
