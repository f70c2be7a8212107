/**
 * Takes a model's files into the store, held to the sha256 that data/sources.yaml gives, or data/models.lock.yaml of those that are downloaded. A local
 * folder's files have no promised hash: their own bytes identify them, as for every file of the project.
 */
import { cell, file, stage } from '../dag/index.ts';
import type { Cell, FileRef, OutputPart, OutputValue, Run, TaskCell, TaskIo } from '../dag/index.ts';
import type { SourceFile } from './config-sources.ts';
import type { StudyModel } from './config.ts';
import { hubDeclaration } from './hub-cells.ts';
import { BadInput, guarded } from './task-values.ts';

export const fetchStage = stage({
  name: 'fetch',
  title: 'Take in the models',
  determinism: 'fetched',
  module: 'stages/quantization/fetch.ts',
  outputs: ['config', 'weights', 'tokenizer', 'tokenizerConfig'],
  where: 'in-process',
});

/** Of several files of weights each is an input: `weights.` and its file's name. */
const SHARD = 'weights.';

/** fetch:<model>. Output `weights` is a file, or, of a checkpoint in several, a folder. */
export function fetchCell({ files: given, ...model }: StudyModel): Cell {
  if (given.config === undefined) throw new Error(`${model.name} is a GGUF file, which fetch-gguf takes in`);
  const { config, tokenizer, tokenizerConfig, weights } = given;
  const files = new Map<string, SourceFile>([
    ['config', config], ['tokenizer', tokenizer], ...(tokenizerConfig === undefined ? [] : [['tokenizerConfig', tokenizerConfig] as const]),
    ...weights.map((one) => [weights.length === 1 ? 'weights' : `${SHARD}${nameOf(one)}`, one] as const),
  ]);
  if (model.hub !== undefined) return cell(fetchStage, model.name, hubDeclaration(model.hub, [...files.values()]));
  return cell(fetchStage, model.name, {
    params: { sha256: Object.fromEntries([...files].flatMap(([name, { sha256 }]) => sha256 === undefined ? [] : [[name, sha256]])) },
    inputs: Object.fromEntries([...files].map(([name, { path, at }]): [string, FileRef] => [name, file(path, at)])),
  });
}

/** A file's name in its folder. */
const nameOf = ({ path }: SourceFile): string => path.slice(path.lastIndexOf('/') + 1);

export const run: Run = async (cells, io) => {
  const ofHubs = cells.filter(({ params }) => 'repository' in params);
  if (ofHubs.length > 0) await (await import('./hub/take-in.ts')).takeIn(ofHubs, io);
  for (const task of cells) if (!ofHubs.includes(task)) await guarded(io, task, async () => io.commit(task.id, await takenIn(task, io)));
};

/** Larger files are copied a piece at a time. */
const HELD_BYTES = 1 << 23;

async function takenIn(task: TaskCell, io: TaskIo): Promise<{ readonly [name: string]: OutputValue }> {
  const expected = task.params['sha256'] as { readonly [name: string]: string };
  const outputs: { [name: string]: OutputValue } = { tokenizerConfig: '{}' };
  const shards = new Map<string, OutputPart>();
  for (const [name, input] of Object.entries(task.inputs)) {
    if (input.kind !== 'object') throw new Error(`${task.id}: input ${name} must be a file`);
    const wanted = expected[name];
    if (wanted !== undefined && input.handle.sha256 !== wanted) {
      throw new BadInput(
        `the file for ${name} has the sha256 ${input.handle.sha256}; data/sources.yaml says ${wanted}`,
        'Restore the file, or, if the new one is meant, change its entry in data/sources.yaml.',
      );
    }
    const content = input.handle.bytes > HELD_BYTES ? await io.copy(input.handle) : await io.read(input.handle);
    if (name.startsWith(SHARD)) shards.set(name.slice(SHARD.length), content);
    else outputs[name] = content;
  }
  return shards.size === 0 ? outputs : { ...outputs, weights: { tree: shards } };
}
