/**
 * The floor of the measurement: the unquantized model scored by an engine that adds in another order, against what the study computed. Distances
 * below it would be an engine's rounding in any other program. A fact of a machine and a build, so it is measured; where the engine cannot run, it
 * is told as not measured, and the study is none the worse.
 */
import { cell, output, stage } from '../dag/index.ts';
import type { Cell, Run, TaskCell, TaskIo } from '../dag/index.ts';
import type { Session } from '../../kernels/index.ts';
import type { StudyModel } from './config.ts';
import { studyEngine } from './engine.ts';
import { taskCheckpoint, taskSession } from './loaded-model.ts';
import { checkpointInputs, registerEntries } from './model-cells.ts';
import { rowsOf, windowedText } from './score-inputs.ts';
import type { WindowedText } from './score-lane.ts';
import { MetricList } from './summarize-rows.ts';
import { guarded, textParam } from './task-values.ts';

export const floorStage = stage({
  name: 'floor',
  title: 'Score the base on another engine',
  determinism: 'measured',
  module: 'stages/quantization/floor.ts',
  outputs: ['metrics'],
  optional: true,
});

/** The engine that rounds otherwise (fused multiply-add, sums in another order). */
export const FLOOR_ENGINE = 'fast';
/** Enough for a size; it has no interval. */
const WINDOWS = 2;
/** Logits of one step stay below this. */
const LOGITS_BYTES = 16 << 20;

/** floor:<model>. `tokens`: a tokenize cell. */
export function floorCell(model: StudyModel, fetched: Cell, tokens: Cell, settings: { readonly windows: number; readonly windowTokens: number }): Cell {
  return cell(floorStage, model.name, {
    params: { model: model.name, base: model.baseFormat, engine: FLOOR_ENGINE, windows: Math.min(WINDOWS, settings.windows), windowTokens: settings.windowTokens },
    inputs: { ...checkpointInputs(fetched), tokens: output(tokens) },
    uses: [...registerEntries(model, []), `kernels/engines/${FLOOR_ENGINE}.ts`],
    batch: 'floor',
    work: WINDOWS * settings.windowTokens * model.parametersEstimate / 1e10,
  });
}

export const run: Run = async (cells, io) => {
  for (const [index, task] of cells.entries()) {
    io.signal.throwIfAborted();
    await guarded(io, task, async () => measure(task, io));
    io.progress(index + 1, cells.length, 'models');
  }
};

async function measure(task: TaskCell, io: TaskIo): Promise<void> {
  const [base, model] = [textParam(task, 'base'), textParam(task, 'model')];
  const text = await windowedText(io, task);
  const checkpoint = await taskCheckpoint(io, task);
  const exact = await taskSession(io, task, checkpoint, base, await studyEngine(io, task, { exact: true }));
  try {
    const other = await taskSession(io, task, checkpoint, base, await studyEngine(io, task, { exact: false, name: textParam(task, 'engine') }));
    try {
      const { kl, deltaNll, sameTop1 } = await distances(text, exact, other);
      const { name, build } = other.engine;
      const list = new MetricList();
      const place = { model, format: base, cell: task.id, engine: name, exact: false };
      const of = { n: kl.length, clusters: text.windows };
      const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
      list.add(place, 'floor_kl_mean', 'nats', sum(kl) / kl.length, of);
      list.add(place, 'floor_kl_max', 'nats', kl.reduce((most, value) => Math.max(most, value), 0), of);
      list.add(place, 'floor_delta_nll', 'nats', sum(deltaNll) / kl.length, of);
      list.add(place, 'floor_top1_agreement', 'share', sameTop1 / kl.length, of);
      await io.commit(task.id, { metrics: JSON.stringify(list.rows) }, { engine: name, build });
    } finally {
      other.dispose();
    }
  } finally {
    exact.dispose();
  }
}

/** KL(exact || other) and the difference of -log p of the text's token at every scored position. */
async function distances(text: WindowedText, exact: Session, other: Session): Promise<{ readonly kl: Float64Array; readonly deltaNll: Float64Array; readonly sameTop1: number }> {
  const { vocabulary } = exact.shape;
  const { windows, windowTokens, positions } = text;
  const kl = new Float64Array(windows * positions);
  const deltaNll = new Float64Array(windows * positions);
  let sameTop1 = 0;
  const rowsAtOnce = Math.max(1, Math.floor(LOGITS_BYTES / (4 * vocabulary)));
  for (let window = 0; window < windows; window++) {
    for (const session of [exact, other]) session.reset(1, windowTokens);
    for (let from = 0; from < positions; from += rowsAtOnce) {
      const to = Math.min(positions, from + rowsAtOnce);
      const rows = rowsOf(text, window, from, to);
      const scores = async (session: Session) => ({ logits: await session.step(rows), nll: new Float64Array(to - from), entropy: new Float64Array(to - from), top1: new Int32Array(to - from) });
      const [before, after] = [await scores(exact), { ...await scores(other), kl: new Float64Array(to - from) }];
      exact.engine.statistics.fidelity(vocabulary, text.ids.slice(window * windowTokens + from + 1, window * windowTokens + to + 1), before, [after]);
      kl.set(after.kl, window * positions + from);
      for (let row = 0; row < to - from; row++) {
        deltaNll[window * positions + from + row] = after.nll[row]! - before.nll[row]!;
        sameTop1 += Number(after.top1[row] === before.top1[row]);
      }
    }
  }
  return { kl, deltaNll, sameTop1 };
}
