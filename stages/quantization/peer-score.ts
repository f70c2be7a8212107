/**
 * Scores the texts on a peer: its logits at every position against those of our base, as score.ts holds a format against the base, and, where we have
 * the same format, against ours in it. So every figure of a peer has the same reference as ours, and what parts the two programs shows in fp32.
 */
import { createHash } from 'node:crypto';
import { openArtifact } from '../../kernels/artifact.ts';
import type { Session } from '../../kernels/index.ts';
import type { Run, TaskCell, TaskIo } from '../dag/index.ts';
import { studyEngine } from './engine.ts';
import { taskCheckpoint, taskSession } from './loaded-model.ts';
import { eachFormatOnPeer } from './peer-formats.ts';
import type { PeerComputes, PeerIdentity, PeerModel, PeerWeights } from './peers.ts';
import { baseColumns, formatColumns } from './score-fidelity.ts';
import type { BaseColumns, FidelityColumns } from './score-fidelity.ts';
import { rowsOf, windowedText } from './score-inputs.ts';
import type { WindowedText } from './score-lane.ts';
import { writeFidelity } from './score-output.ts';
import { BadInput, textParam } from './task-values.ts';

/** Output `about`. */
export interface PeerAbout {
  readonly model: string;
  readonly peer: string;
  readonly format: string;
  readonly identity: PeerIdentity;
  readonly threads: number;
  readonly computes: PeerComputes;
  readonly weights: PeerWeights;
  /** Of the linear layers that both keep packed: how many have the same codes, bit for bit. */
  readonly codes: { readonly compared: number; readonly equal: number };
}

export const run: Run = (cells, io) => eachFormatOnPeer(cells, io, 'texts', async (own, host, commit) => {
  // Our base anew for each format: an engine's instance belongs to one session.
  const lanes = await lanesOf(own[0]!, io);
  try {
    const model = await host.load(textParam(own[0]!, 'format'), own[0]!);
    const { identity } = await host.run();
    const codes = await codesCompared(own[0]!, io, model);
    for (const cell of own) {
      io.signal.throwIfAborted();
      const { scores, ours } = await score(cell, io, model, lanes);
      const { computes, weights } = model;
      const about: PeerAbout = { model: textParam(cell, 'model'), peer: textParam(cell, 'peer'), format: textParam(cell, 'format'), identity, threads: io.cpus, computes, weights, codes };
      await commit(cell, { scores, own: ours, about: JSON.stringify(about) });
    }
    await model.close();
  } finally {
    for (const session of new Set(Object.values(lanes))) session?.dispose();
  }
});

/** Our sessions: of the base, and of the same format where that is another one. */
interface Lanes { readonly base: Session; readonly ours: Session | undefined }

async function lanesOf(task: TaskCell, io: TaskIo): Promise<Lanes> {
  const checkpoint = await taskCheckpoint(io, task);
  const base = await taskSession(io, task, checkpoint, textParam(task, 'base'), await studyEngine(io, task, { exact: true }), 'none');
  const ours = textParam(task, 'ours');
  if (ours === '') return { base, ours: undefined };
  if (ours === textParam(task, 'base')) return { base, ours: base };
  try {
    return { base, ours: await taskSession(io, task, checkpoint, ours, await studyEngine(io, task, { exact: true })) };
  } catch (error) {
    base.dispose();
    throw error;
  }
}

async function score(task: TaskCell, io: TaskIo, model: PeerModel, lanes: Lanes): Promise<{ readonly scores: Uint8Array; readonly ours: Uint8Array }> {
  const text = await windowedText(io, task);
  const { vocabulary } = lanes.base.shape;
  if (model.vocabulary < vocabulary) throw new BadInput(`the peer gives logits of ${model.vocabulary} tokens; the vocabulary has ${vocabulary}`);
  if (model.logits === undefined) throw new BadInput('the peer gives no logits');
  const against = { base: new Columns(text), ours: lanes.ours === undefined || lanes.ours === lanes.base ? undefined : new Columns(text) };
  for (let window = 0; window < text.windows; window++) {
    io.signal.throwIfAborted();
    for (const session of new Set(Object.values(lanes))) session?.reset(1, text.windowTokens);
    const begin = window * text.windowTokens;
    for await (const { first, count, logits } of model.logits(text.ids.slice(begin, begin + text.positions))) {
      const rows = rowsOf(text, window, first, first + count);
      const theirs = narrowed(logits, count, model.vocabulary, vocabulary);
      await against.base.take(lanes.base, rows, text, window, first, theirs);
      if (lanes.ours !== undefined) await against.ours?.take(lanes.ours, rows, text, window, first, theirs);
    }
  }
  const said = { model: textParam(task, 'model'), format: textParam(task, 'format'), text: textParam(task, 'text') };
  const scores = written(said, text, against.base.columns);
  return { scores, ours: against.ours !== undefined ? written(said, text, against.ours.columns) : lanes.ours === undefined ? new Uint8Array() : scores };
}

/** Columns of one comparison, position after position. */
class Columns {
  readonly columns: FidelityColumns;
  constructor({ windows, positions }: WindowedText) {
    this.columns = { ...baseColumns(windows * positions), ...formatColumns(windows * positions) } satisfies BaseColumns;
  }

  async take(session: Session, rows: Parameters<Session['step']>[0], text: WindowedText, window: number, first: number, logits: Float32Array): Promise<void> {
    const { vocabulary } = session.shape;
    const count = rows.token.length;
    const [place, next] = [window * text.positions + first, window * text.windowTokens + first + 1];
    const part = <T extends Float64Array | Int32Array>(column: T): T => column.subarray(place, place + count) as T;
    const c = this.columns;
    const tokens = text.ids.slice(next, next + count);
    c.token.set(tokens, place);
    session.engine.statistics.fidelity(vocabulary, tokens, { logits: await session.step(rows), nll: part(c.nllBase), entropy: part(c.entropyBase), top1: part(c.top1Base) },
      [{ logits, nll: part(c.nll), kl: part(c.kl), entropy: part(c.entropy), top1: part(c.top1) }]);
  }
}

/** Without the logits of what a vocabulary was padded with: no token of it is one of the tokenizer's. */
function narrowed(logits: Float32Array, rows: number, from: number, to: number): Float32Array {
  if (from === to) return logits;
  const out = new Float32Array(rows * to);
  for (let row = 0; row < rows; row++) out.set(logits.subarray(row * from, row * from + to), row * to);
  return out;
}

function written(said: { readonly model: string; readonly format: string; readonly text: string }, text: WindowedText, columns: FidelityColumns): Uint8Array {
  const { windows, positions, windowTokens, bytes } = text;
  const scored = new Int32Array(windows * positions);
  for (let window = 0; window < windows; window++) scored.set(bytes.subarray(window * windowTokens + 1, (window + 1) * windowTokens), window * positions);
  return writeFidelity({ ...said, windows, positions, bytes: scored, ...columns });
}

/** Our artifact's codes against what the peer stored. */
async function codesCompared(task: TaskCell, io: TaskIo, { storedSha256 }: PeerModel): Promise<PeerAbout['codes']> {
  if (task.inputs['artifact'] === undefined) return { compared: 0, equal: 0 };
  const artifact = openArtifact(await io.input(task, 'artifact'));
  let [compared, equal] = [0, 0];
  for (const name of artifact.keys()) {
    const codes = artifact.get(name)?.parts['codes'];
    const theirs = Object.hasOwn(storedSha256, name) ? storedSha256[name] : undefined;
    if (codes === undefined || theirs === undefined) continue;
    compared++;
    if (createHash('sha256').update(codes).digest('hex') === theirs) equal++;
  }
  return { compared, equal };
}
