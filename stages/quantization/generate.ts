/**
 * Writes texts: each prompt continued at one temperature, top_k and seed, under one format. Noise is common to all formats
 * (docs/arithmetic.md, Sampling), so texts part only where the formats' distributions make them. Prompts and settings
 * decode as one batch; a shorter max_new_tokens is a beginning of the longest, which alone is written.
 */
import { generateAll } from '../../kernels/generate.ts';
import { promptKeyOf } from '../../kernels/sampler.ts';
import type { GenerateOptions, Tokenizer } from '../../kernels/index.ts';
import { cell, output, stage } from '../dag/index.ts';
import type { Cell, Run, TaskCell, TaskIo } from '../dag/index.ts';
import { isGreedy, samplingPath } from './cell-ids.ts';
import type { Sampling } from './cell-ids.ts';
import type { Prompt } from './config-sources.ts';
import type { StudyModel } from './config.ts';
import { endTokensOf } from './end-tokens.ts';
import { computedBy, studyEngine } from './engine.ts';
import { taskCheckpoint, taskSession } from './loaded-model.ts';
import { checkpointInputs, registerEntries } from './model-cells.ts';
import { groupsOf } from './sequences.ts';
import { encoded, taskChatText, taskTokenizer } from './task-tokenizer.ts';
import { BadInput, guarded, guardedTogether, listParam, numberParam, openedForAll, textParam } from './task-values.ts';
import type { WrittenText } from './task-values.ts';

export const generateStage = stage({
  name: 'generate',
  title: 'Write texts',
  determinism: 'exact',
  module: 'stages/quantization/generate.ts',
  outputs: ['texts'],
});

export interface GenerateSettings { readonly prompts: readonly Prompt[]; readonly newTokens: number; readonly sampling: Sampling }

/** generate:<model>/<format>/T0.7/k40/s1, or .../greedy. `artifact` is the quantize cell, absent for the base. */
export function generateCell(model: StudyModel, format: string, settings: GenerateSettings, fetched: Cell, artifact: Cell | undefined): Cell {
  const { sampling: { temperature, topK, seed }, newTokens } = settings;
  const greedy = isGreedy(temperature, topK);
  return cell(generateStage, `${model.name}/${format}/${samplingPath(settings.sampling)}`, {
    params: {
      format, newTokens,
      prompts: settings.prompts.map(({ name, text, ask }) => ({ name, text, ...(ask === undefined ? {} : { ask }) })),
      ...(greedy ? { temperature: 0, topK: 0, seed: 0 } : { temperature, topK, seed }),
    },
    inputs: {
      ...checkpointInputs(fetched),
      tokenizer: output(fetched, 'tokenizer'), tokenizerConfig: output(fetched, 'tokenizerConfig'),
      ...(artifact === undefined ? {} : { artifact: output(artifact, 'artifact') }),
    },
    batch: `${model.name}/${format}`,
    uses: registerEntries(model, [format]),
    work: settings.prompts.length * newTokens * model.parametersEstimate / 1e9,
  });
}

export const run: Run = async (cells, io) => {
  const [first] = cells;
  if (first === undefined) return;
  // The cells of a task differ in their settings only: model and format are opened once.
  const format = textParam(first, 'format');
  const engine = await studyEngine(io, first, { exact: true });
  const { checkpoint, session, tokenizer } = await openedForAll(async () => {
    const opened = await taskCheckpoint(io, first);
    return {
      checkpoint: opened,
      session: await taskSession(io, first, opened, format, engine),
      tokenizer: await taskTokenizer(io, first),
    };
  });
  const endTokens = endTokensOf(checkpoint.config);
  try {
    const requests = new Map<TaskCell, GenerateOptions>();
    for (const task of cells) await guarded(io, task, async () => { requests.set(task, requestOf(task, await promptIds(io, task, tokenizer), session.shape.contextTokens, endTokens)); });
    let done = 0;
    for (const group of groupsOf([...requests.keys()], (task) => promptsOf(task).length)) {
      if (io.signal.aborted) return;
      await guardedTogether(io, group, async (tasks) => {
        const written = await generateAll(session, tasks.map((task) => requests.get(task)!));
        for (const [index, task] of tasks.entries()) {
          await io.commit(task.id, { texts: JSON.stringify(textsOf(task, requests.get(task)!, written[index]!, tokenizer)) }, computedBy(engine));
        }
      });
      io.progress(done += group.length, requests.size, 'settings');
    }
  } finally {
    session.dispose();
  }
};

/** The ids of each prompt: an opening as a text begins, a question as the model's chat template puts it. */
async function promptIds(io: TaskIo, task: TaskCell, tokenizer: Tokenizer): Promise<Int32Array[]> {
  return Promise.all(promptsOf(task).map(async ({ name, text, ask }) => {
    const asked = ask === true ? await taskChatText(io, task, text) : undefined;
    const ids = await encoded(tokenizer, asked ?? text, `the prompt ${name}`);
    if (ids.length === 0) throw new BadInput(`the prompt ${name} has no tokens`);
    return asked === undefined ? Int32Array.of(...tokenizer.start, ...ids) : ids;
  }));
}

/** Throws BadInput where a prompt cannot be continued. */
function requestOf(task: TaskCell, prompts: readonly Int32Array[], contextTokens: number, endTokens: readonly number[]): GenerateOptions {
  const maxNewTokens = numberParam(task, 'newTokens');
  for (const [place, ids] of prompts.entries()) {
    const { name } = promptsOf(task)[place]!;
    if (ids.length + maxNewTokens > contextTokens) {
      throw new BadInput(`the prompt ${name} has ${ids.length} tokens; with ${maxNewTokens} new ones it leaves the model's context of ${contextTokens}`, 'Lower max_new_tokens or shorten the prompt.');
    }
  }
  return {
    prompts: prompts.map((ids) => ({ ids, key: promptKeyOf(ids) })), maxNewTokens, temperature: numberParam(task, 'temperature'), topK: numberParam(task, 'topK'), seed: numberParam(task, 'seed'),
    endTokens,
  };
}

function textsOf(task: TaskCell, { prompts }: GenerateOptions, written: readonly Int32Array[], tokenizer: Tokenizer): WrittenText[] {
  return promptsOf(task).map(({ name }, place) => {
    const ids = written[place]!;
    return { prompt: name, promptIds: [...prompts[place]!.ids], ids: [...ids], text: tokenizer.decode(ids), pieces: tokenizer.pieces(ids) };
  });
}

/** An item of params.prompts. */
interface TaskPrompt { readonly name: string; readonly text: string; readonly ask?: boolean }

function promptsOf(task: TaskCell): readonly TaskPrompt[] {
  return listParam(task, 'prompts') as unknown as readonly TaskPrompt[];
}
