/**
 * Rates what was written: the negative log-probability of every new token under the judge, given the prompt and what came
 * before, in nats. The judge is the study's largest model, unquantized.
 */
import type { Session } from '../../kernels/index.ts';
import { cell, output, stage } from '../dag/index.ts';
import type { Cell, Run, TaskCell } from '../dag/index.ts';
import { idPath } from './cell-ids.ts';
import type { StudyModel } from './config.ts';
import { computedBy, studyEngine } from './engine.ts';
import { taskCheckpoint, taskSession } from './loaded-model.ts';
import { checkpointInputs, registerEntries } from './model-cells.ts';
import { argmax, expRow, logSumExp } from './score-softmax.ts';
import { BadInput, guarded, jsonInput, openedForAll, textParam } from './task-values.ts';
import type { JudgedText, WrittenText } from './task-values.ts';

export const judgeStage = stage({
  name: 'judge',
  title: 'Rate the texts',
  determinism: 'exact',
  module: 'stages/quantization/judge.ts',
  outputs: ['nll'],
});

/** judge:<as the generate cell>. `writer` and `judge` are the fetch cells of the two models. */
export function judgeCell(written: Cell, judge: StudyModel, fetched: { readonly writer: Cell; readonly judge: Cell }): Cell {
  const path = idPath(written.id);
  return cell(judgeStage, path.join('/'), {
    params: { base: judge.baseFormat },
    inputs: {
      ...checkpointInputs(fetched.judge),
      texts: output(written, 'texts'),
      writerTokenizer: output(fetched.writer, 'tokenizer'), judgeTokenizer: output(fetched.judge, 'tokenizer'),
    },
    batch: path.slice(0, 2).join('/'),
    uses: registerEntries(judge, []),
    work: (written.work ?? 1) / 2,
  });
}

export const run: Run = async (cells, io) => {
  const [first] = cells;
  if (first === undefined) return;
  const engine = await studyEngine({ exact: true });
  const session = await openedForAll(async () => taskSession(io, first, await taskCheckpoint(io, first), textParam(first, 'base'), engine));
  try {
    for (const [index, task] of cells.entries()) {
      if (io.signal.aborted) return;
      await guarded(io, task, async () => {
        if (sha256Of(task, 'writerTokenizer') !== sha256Of(task, 'judgeTokenizer')) {
          throw new BadInput('the judge has another tokenizer than the model that wrote', 'Choose a judge with the same tokenizer.');
        }
        const texts = await jsonInput<readonly WrittenText[]>(io, task, 'texts');
        await io.commit(task.id, { nll: JSON.stringify(await judged(session, texts)) }, computedBy(engine));
      });
      io.progress(index + 1, cells.length, 'settings');
    }
  } finally {
    session.dispose();
  }
};

/** All texts in one step: each is a slot, fed whole but for its last token. */
async function judged(session: Session, texts: readonly WrittenText[]): Promise<JudgedText[]> {
  const { contextTokens, vocabulary } = session.shape;
  const slot: number[] = [];
  const position: number[] = [];
  const token: number[] = [];
  const wanted: number[] = [];
  let longest = 1;
  for (const [index, { prompt, promptIds, ids }] of texts.entries()) {
    const all = [...promptIds, ...ids];
    if (all.length > contextTokens) throw new BadInput(`the text after the prompt ${prompt} has ${all.length} tokens; the judge's context has ${contextTokens}`);
    longest = Math.max(longest, all.length);
    for (let at = 0; at + 1 < all.length; at += 1) {
      if (at + 1 >= promptIds.length) wanted.push(token.length);
      slot.push(index);
      position.push(at);
      token.push(all[at] as number);
    }
  }
  session.reset(Math.max(1, texts.length), longest);
  const logits = wanted.length === 0 ? new Float32Array(0)
    : await session.step({ slot: Int32Array.from(slot), position: Int32Array.from(position), token: Int32Array.from(token) }, Int32Array.from(wanted));
  const exps = new Float64Array(vocabulary);
  let row = 0;
  return texts.map(({ prompt, ids }) => ({
    prompt,
    nll: ids.map((id) => {
      const at = vocabulary * row++;
      const max = logits[at + argmax(logits, at, vocabulary)] as number;
      return logSumExp(max, expRow(logits, at, vocabulary, max, 1, exps)) - (logits[at + id] as number);
    }),
  }));
}

function sha256Of(task: TaskCell, name: string): string {
  const input = task.inputs[name];
  if (input?.kind !== 'object') throw new Error(`${task.id}: input ${name} is missing`);
  return input.handle.sha256;
}
