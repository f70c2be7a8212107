/**
 * Takes a model's files into the store, held to the sha256 that data/sources.yaml gives. A local folder's files have no
 * promised hash: their own bytes identify them, as for every file of the project.
 */
import { cell, file, stage } from '../dag/index.ts';
import type { Cell, Run } from '../dag/index.ts';
import type { StudyModel } from './config.ts';
import { BadInput, guarded } from './task-values.ts';

export const fetchStage = stage({
  name: 'fetch',
  title: 'Take in the models',
  determinism: 'fetched',
  module: 'stages/quantization/fetch.ts',
  outputs: ['config', 'weights', 'tokenizer', 'tokenizerConfig'],
  where: 'in-process',
});

/** fetch:<model> */
export function fetchCell(model: StudyModel): Cell {
  const files = Object.entries(model.files);
  return cell(fetchStage, model.name, {
    params: { sha256: Object.fromEntries(files.flatMap(([name, { sha256 }]) => sha256 === undefined ? [] : [[name, sha256]])) },
    inputs: Object.fromEntries(files.map(([name, { path }]) => [name, file(path)])),
  });
}

export const run: Run = async (cells, io) => {
  for (const task of cells) {
    await guarded(io, task, async () => {
      const expected = task.params['sha256'] as { readonly [name: string]: string };
      const outputs: { [name: string]: Uint8Array | string } = { tokenizerConfig: '{}' };
      for (const [name, input] of Object.entries(task.inputs)) {
        if (input.kind !== 'object') throw new Error(`${task.id}: input ${name} must be a file`);
        const wanted = expected[name];
        if (wanted !== undefined && input.handle.sha256 !== wanted) {
          throw new BadInput(
            `the file for ${name} has the sha256 ${input.handle.sha256}; data/sources.yaml says ${wanted}`,
            'Restore the file, or, if the new one is meant, change its entry in data/sources.yaml.',
          );
        }
        outputs[name] = await io.read(input.handle);
      }
      await io.commit(task.id, outputs);
    });
  }
};
