/**
 * Answers multiple-choice items by log-likelihood: an option's score is the log-probability of its tokens after the context, in nats. What is
 * chosen follows from the scores (statistics/chosen.ts).
 */
import { cell, file, output, stage } from '../dag/index.ts';
import type { Cell, Run, TaskCell, TaskIo } from '../dag/index.ts';
import type { Session, Tokenizer } from '../../kernels/index.ts';
import { continued, readChoices } from './choices-file.ts';
import type { ChoiceItem } from './choices-file.ts';
import type { ChoiceSet } from './config-sources.ts';
import type { StudyModel } from './config.ts';
import { computedBy, studyEngine } from './engine.ts';
import { judgeTexts } from './judge-texts.ts';
import type { PromptedText } from './judge-texts.ts';
import { taskCheckpoint, taskSession } from './loaded-model.ts';
import { checkpointInputs, registerEntries } from './model-cells.ts';
import { commonLength } from './statistics/first-difference.ts';
import { encoded, taskTokenizer } from './task-tokenizer.ts';
import { BadInput, guarded, openedForAll, textParam } from './task-values.ts';

export const chooseStage = stage({
  name: 'choose',
  title: 'Answer multiple-choice items',
  determinism: 'exact',
  module: 'stages/quantization/choose.ts',
  outputs: ['answers'],
});

/** Output `answers`: one for each item of the file, in its order. */
export interface AnsweredItem {
  readonly id: string;
  readonly answer: number;
  readonly options: readonly {
    /** -log p of the option's tokens, nats, summed. */
    readonly nll: number;
    readonly tokens: number;
    /** UTF-8 bytes of the option as the file has it. */
    readonly bytes: number;
  }[];
}

/** choose:<model>/<format>/<set>. `artifact` is the quantize cell, absent for the base. */
export function chooseCell(model: StudyModel, format: string, set: ChoiceSet, fetched: Cell, artifact: Cell | undefined): Cell {
  return cell(chooseStage, `${model.name}/${format}/${set.name}`, {
    params: { format, set: set.name, path: set.file.path, sha256: set.file.sha256 },
    inputs: {
      ...checkpointInputs(fetched),
      tokenizer: output(fetched, 'tokenizer'), tokenizerConfig: output(fetched, 'tokenizerConfig'), items: file(set.file.path),
      ...(artifact === undefined ? {} : { artifact: output(artifact, 'artifact') }),
    },
    batch: `${model.name}/${format}`,
    uses: registerEntries(model, [format]),
    // Some four bytes are a token.
    work: (set.file.bytes / 4) * model.parametersEstimate / 1e9,
  });
}

export const run: Run = async (cells, io) => {
  const [first] = cells;
  if (first === undefined) return;
  const engine = await studyEngine(io, first, { exact: true });
  const { session, tokenizer } = await openedForAll(async () => ({
    session: await taskSession(io, first, await taskCheckpoint(io, first), textParam(first, 'format'), engine),
    tokenizer: await taskTokenizer(io, first),
  }));
  try {
    for (const task of cells) {
      await guarded(io, task, async () => {
        const items = await itemsOf(io, task);
        const answers = await answered(session, tokenizer, items, (done, of) => {
          io.signal.throwIfAborted();
          io.progress(done, of, 'options');
        });
        await io.commit(task.id, { answers: JSON.stringify(answers) }, computedBy(engine));
      });
    }
  } finally {
    session.dispose();
  }
};

async function itemsOf(io: TaskIo, task: TaskCell): Promise<ChoiceItem[]> {
  const [input, wanted, path] = [task.inputs['items'], textParam(task, 'sha256'), textParam(task, 'path')];
  if (input?.kind !== 'object') throw new Error(`${task.id}: input items is missing`);
  if (input.handle.sha256 !== wanted) {
    throw new BadInput(`${path} has the sha256 ${input.handle.sha256}; data/sources.yaml says ${wanted}`, 'Restore the file, or, if the new one is meant, change its entry in data/sources.yaml.');
  }
  try {
    return readChoices(await io.input(task, 'items'), path);
  } catch (error) {
    throw new BadInput((error as Error).message);
  }
}

async function answered(session: Session, tokenizer: Tokenizer, items: readonly ChoiceItem[], done: (done: number, of: number) => void): Promise<AnsweredItem[]> {
  const read: { readonly item: ChoiceItem; readonly options: readonly PromptedText[] }[] = [];
  for (const item of items) read.push({ item, options: await optionsOf(tokenizer, item, session.shape.contextTokens) });
  const all = read.flatMap(({ options }) => options);
  const nll = await judgeTexts(session, all, (rated) => done(rated, all.length));
  const utf8 = new TextEncoder();
  return read.map(({ item, options }) => ({
    id: item.id, answer: item.answer,
    options: options.map((option, place) => ({
      nll: nll.get(option)!.reduce((sum, each) => sum + each, 0), tokens: option.ids.length, bytes: utf8.encode(item.options[place]!).length,
    })),
  }));
}

/** Context and option are cut as one text; options are rated from the first token in which they differ from the context alone or may differ from each other. */
async function optionsOf(tokenizer: Tokenizer, item: ChoiceItem, contextTokens: number): Promise<PromptedText[]> {
  const ids = async (text: string): Promise<number[]> => [...tokenizer.start, ...await encoded(tokenizer, text, `item ${item.id}`)];
  const context = await ids(item.context);
  const whole = await Promise.all(continued(item).map((option) => ids(item.context + option)));
  const shared = Math.min(...whole.map((all) => commonLength(context, all)));
  if (shared === 0) throw new BadInput(`item ${item.id} has an empty context, and this model has no token that begins a text`, 'Give the item a context.');
  const longest = Math.max(...whole.map((all) => all.length));
  if (longest > contextTokens) throw new BadInput(`item ${item.id} has ${longest} tokens; the model's context has ${contextTokens}`, 'Shorten its context, or take it out.');
  if (whole.some((all) => all.length === shared)) throw new BadInput(`item ${item.id} has an option without a token of its own`);
  return whole.map((all) => ({ promptIds: all.slice(0, shared), ids: all.slice(shared) }));
}
