/**
 * Rates what was written: the negative log-probability of every new token under the judge, given the prompt and what came
 * before, in nats. The judge is the study's largest model, unquantized.
 */
import { cell, output, stage } from '../dag/index.ts';
import type { Cell, Run, TaskCell, TaskIo } from '../dag/index.ts';
import { idPath } from './cell-ids.ts';
import type { StudyModel } from './config.ts';
import { computedBy, studyEngine } from './engine.ts';
import { judgeTexts } from './judge-texts.ts';
import { taskCheckpoint, taskSession } from './loaded-model.ts';
import { checkpointInputs, registerEntries } from './model-cells.ts';
import { BadInput, guarded, guardedTogether, jsonInput, openedForAll, textParam } from './task-values.ts';
import type { JudgedText, WrittenText } from './task-values.ts';

export const judgeStage = stage({
  name: 'judge',
  title: 'Rate the texts',
  determinism: 'exact',
  module: 'stages/quantization/judge.ts',
  outputs: ['nll'],
});

/** judge:<as the generate cell>, of a text of `writer`. `fetched`: the fetch cells of the two models. */
export function judgeCell(written: Cell, writer: StudyModel, judge: StudyModel, fetched: { readonly writer: Cell; readonly judge: Cell }): Cell {
  const path = idPath(written.id);
  return cell(judgeStage, path.join('/'), {
    params: { base: judge.baseFormat },
    inputs: {
      ...checkpointInputs(fetched.judge),
      texts: output(written, 'texts'),
      writerTokenizer: output(fetched.writer, 'tokenizer'), judgeTokenizer: output(fetched.judge, 'tokenizer'),
    },
    // All that a model wrote: its formats share most of their texts' beginnings.
    batch: path[0]!,
    uses: registerEntries(judge, []),
    work: (written.work ?? 1) * judge.parametersEstimate / (3 * writer.parametersEstimate),
  });
}

export const run: Run = async (cells, io) => {
  const [first] = cells;
  if (first === undefined) return;
  const engine = await studyEngine(io, first, { exact: true });
  const session = await openedForAll(async () => taskSession(io, first, await taskCheckpoint(io, first), textParam(first, 'base'), engine));
  try {
    const textsOf = new Map<TaskCell, readonly WrittenText[]>();
    for (const task of cells) await guarded(io, task, async () => { textsOf.set(task, await textsToJudge(io, task, session.shape.contextTokens)); });
    await guardedTogether(io, [...textsOf.keys()], async (tasks) => {
      const texts = tasks.flatMap((task) => textsOf.get(task)!);
      const nll = await judgeTexts(session, texts, (done) => {
        io.signal.throwIfAborted();
        io.progress(done, texts.length, 'texts');
      });
      for (const task of tasks) {
        const judged = textsOf.get(task)!.map((text): JudgedText => ({ prompt: text.prompt, nll: nll.get(text)! }));
        await io.commit(task.id, { nll: JSON.stringify(judged) }, computedBy(engine));
      }
    });
  } finally {
    session.dispose();
  }
};

/** Throws BadInput where the judge cannot rate them. */
async function textsToJudge(io: TaskIo, task: TaskCell, contextTokens: number): Promise<readonly WrittenText[]> {
  if (sha256Of(task, 'writerTokenizer') !== sha256Of(task, 'judgeTokenizer')) {
    throw new BadInput('the judge has another tokenizer than the model that wrote', 'Choose a judge with the same tokenizer.');
  }
  const texts = await jsonInput<readonly WrittenText[]>(io, task, 'texts');
  for (const { prompt, promptIds, ids } of texts) {
    const tokens = promptIds.length + ids.length;
    if (tokens > contextTokens) throw new BadInput(`the text after the prompt ${prompt} has ${tokens} tokens; the judge's context has ${contextTokens}`);
  }
  return texts;
}

function sha256Of(task: TaskCell, name: string): string {
  const input = task.inputs[name];
  if (input?.kind !== 'object') throw new Error(`${task.id}: input ${name} is missing`);
  return input.handle.sha256;
}
