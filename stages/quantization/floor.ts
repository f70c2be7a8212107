/**
 * The floor of the measurement: the unquantized model scored by an engine that adds in another order, against what the study computed. Distances
 * below it would be an engine's rounding in any other program. A fact of a machine and a build, so it is measured; where the engine cannot run, it
 * is told as not measured, and the study is none the worse.
 */
import { cell, output, stage, StageFailure } from '../dag/index.ts';
import type { Cell, Run, TaskCell, TaskIo } from '../dag/index.ts';
import type { Session } from '../../kernels/index.ts';
import type { StudyModel } from './config.ts';
import { studyEngine } from './engine.ts';
import { summarizeFloor } from './floor-windows.ts';
import type { FloorWindow } from './floor-windows.ts';
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
  outputs: ['metrics', 'windows'],
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
    const other = await taskSession(io, task, checkpoint, base, await studyEngine(io, task, { exact: false, name: textParam(task, 'engine') }).catch(missed));
    try {
      const windows = await distances(text, exact, other);
      const { name, build } = other.engine;
      const list = new MetricList();
      summarizeFloor(list, { model, format: base, cell: task.id, engine: name, exact: false }, windows);
      await io.commit(task.id, { metrics: JSON.stringify(list.rows), windows: JSON.stringify({ model, format: base, engine: name, windows }) }, { engine: name, build });
    } finally {
      other.dispose();
    }
  } finally {
    exact.dispose();
  }
}

/** What is missed where the other engine does not compute here, and what is not. */
function missed(error: unknown): never {
  if (!(error instanceof StageFailure)) throw error;
  throw new StageFailure({ ...error.failure, hint: 'the report is without the floor, which says how much of a distance another order of sums makes; all other results are as they would be with it' });
}

/** KL(exact || other) and the difference of -log p of the text's token, over the scored positions of each window. */
async function distances(text: WindowedText, exact: Session, other: Session): Promise<readonly FloorWindow[]> {
  const { vocabulary } = exact.shape;
  const { windowTokens, positions } = text;
  const rowsAtOnce = Math.max(1, Math.floor(LOGITS_BYTES / (4 * vocabulary)));
  const windows: FloorWindow[] = [];
  for (let window = 0; window < text.windows; window++) {
    for (const session of [exact, other]) session.reset(1, windowTokens);
    let kl = 0, klMax = 0, deltaNll = 0, sameTop1 = 0;
    for (let from = 0; from < positions; from += rowsAtOnce) {
      const to = Math.min(positions, from + rowsAtOnce);
      const rows = rowsOf(text, window, from, to);
      const scores = async (session: Session) => ({ logits: await session.step(rows), nll: new Float64Array(to - from), entropy: new Float64Array(to - from), top1: new Int32Array(to - from) });
      const [before, after] = [await scores(exact), { ...await scores(other), kl: new Float64Array(to - from) }];
      exact.engine.statistics.fidelity(vocabulary, text.ids.slice(window * windowTokens + from + 1, window * windowTokens + to + 1), before, [after]);
      for (let row = 0; row < to - from; row++) {
        kl += after.kl[row]!;
        klMax = Math.max(klMax, after.kl[row]!);
        deltaNll += after.nll[row]! - before.nll[row]!;
        sameTop1 += Number(after.top1[row] === before.top1[row]);
      }
    }
    windows.push({ window, scoredTokens: positions, kl, klMax, deltaNll, sameTop1 });
  }
  return windows;
}
