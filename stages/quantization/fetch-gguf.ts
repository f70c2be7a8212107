/**
 * Takes a model in one GGUF file into the store: the file is its weights, and what its header says of network and tokenizer becomes the
 * files that other models come with. A stage of its own, so that reading GGUF is no part of what other models' cells depend on.
 */
import { openGgufModel } from '../../kernels/gguf-model.ts';
import { cell, file, stage } from '../dag/index.ts';
import type { Cell, OpenObject, Run } from '../dag/index.ts';
import type { GgufFiles } from './config-model.ts';
import { BadInput, guarded } from './task-values.ts';

export const fetchGgufStage = stage({
  name: 'fetch-gguf',
  title: 'Take in the models of GGUF files',
  determinism: 'fetched',
  module: 'stages/quantization/fetch-gguf.ts',
  outputs: ['config', 'weights', 'tokenizer', 'tokenizerConfig'],
  where: 'in-process',
});

/** fetch-gguf:<model> */
export function fetchGgufCell(model: string, { weights: [{ path, at }] }: GgufFiles): Cell {
  return cell(fetchGgufStage, model, { inputs: { weights: file(path, at) } });
}

export const run: Run = async (cells, io) => {
  for (const task of cells) {
    await guarded(io, task, async () => {
      const input = task.inputs['weights'];
      if (input?.kind !== 'object') throw new Error(`${task.id}: input weights must be a file`);
      const { config, tokenizer, tokenizerConfig } = readHeader(await io.open(input.handle));
      await io.commit(task.id, { config: JSON.stringify(config), weights: await io.copy(input.handle), tokenizer, tokenizerConfig });
    });
  }
};

function readHeader(object: OpenObject) {
  try {
    const model = openGgufModel(object);
    return { config: model.config, ...model.tokenizerFiles() };
  } catch (error) {
    if (error instanceof Error && error.name === 'DamagedObject') throw error;
    throw new BadInput(`the model cannot be read: ${(error as Error).message.replace(/^model\.gguf: /, '')}`);
  } finally {
    object.close();
  }
}
