/**
 * Writes texts: each prompt continued at one temperature, top_k and seed, under one format. Noise is common to all formats
 * (docs/arithmetic.md, Sampling), so texts part only where the formats' distributions make them. All prompts of a cell
 * decode as one batch; a shorter max_new_tokens is a beginning of the longest, which alone is written.
 */
import { generate } from '../../kernels/generate.ts';
import { promptKeyOf } from '../../kernels/sampler.ts';
import { openTokenizer } from '../../kernels/tokenizer.ts';
import { cell, output, stage } from '../dag/index.ts';
import type { Cell, Run, TaskCell } from '../dag/index.ts';
import { isGreedy, samplingPath } from './cell-ids.ts';
import type { Sampling } from './cell-ids.ts';
import type { Prompt } from './config-sources.ts';
import type { StudyModel } from './config.ts';
import { computedBy, studyEngine } from './engine.ts';
import { taskCheckpoint, taskSession } from './loaded-model.ts';
import { checkpointInputs, registerEntries } from './model-cells.ts';
import { BadInput, guarded, listParam, numberParam, openedForAll, textParam } from './task-values.ts';
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
      prompts: settings.prompts.map(({ name, text }) => ({ name, text })),
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
  const engine = await studyEngine({ exact: true });
  const { checkpoint, session, tokenizer } = await openedForAll(async () => {
    const opened = await taskCheckpoint(io, first);
    return {
      checkpoint: opened,
      session: await taskSession(io, first, opened, format, engine),
      tokenizer: await openTokenizer(await io.input(first, 'tokenizer'), await io.input(first, 'tokenizerConfig')),
    };
  });
  const endToken = checkpoint.config['eos_token_id'];
  try {
    for (const [index, task] of cells.entries()) {
      if (io.signal.aborted) return;
      await guarded(io, task, async () => {
        const prompts = promptsOf(task).map(({ name, text }) => ({ name, ids: tokenizer.encode(text) }));
        const newTokens = numberParam(task, 'newTokens');
        for (const { name, ids } of prompts) {
          if (ids.length === 0) throw new BadInput(`the prompt ${name} has no tokens`);
          if (ids.length + newTokens > session.shape.contextTokens) {
            throw new BadInput(`the prompt ${name} has ${ids.length} tokens; with ${newTokens} new ones it leaves the model's context of ${session.shape.contextTokens}`, 'Lower max_new_tokens or shorten the prompt.');
          }
        }
        const written = await generate(session, {
          prompts: prompts.map(({ ids }) => ({ ids, key: promptKeyOf(ids) })),
          temperature: numberParam(task, 'temperature'), topK: numberParam(task, 'topK'), seed: numberParam(task, 'seed'),
          maxNewTokens: newTokens,
          ...(typeof endToken === 'number' ? { endToken } : {}),
        });
        const texts = prompts.map(({ name, ids: promptIds }, place): WrittenText => {
          const ids = written[place] as Int32Array;
          return { prompt: name, promptIds: [...promptIds], ids: [...ids], text: tokenizer.decode(ids), pieces: tokenizer.pieces(ids) };
        });
        await io.commit(task.id, { texts: JSON.stringify(texts) }, computedBy(engine));
      });
      io.progress(index + 1, cells.length, 'settings');
    }
  } finally {
    session.dispose();
  }
};

function promptsOf(task: TaskCell): readonly { readonly name: string; readonly text: string }[] {
  return listParam(task, 'prompts') as readonly { readonly name: string; readonly text: string }[];
}
