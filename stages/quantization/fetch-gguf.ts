/**
 * Takes a model in one GGUF file into the store: the file is its weights, and what its header says of network and tokenizer becomes the
 * files that other models come with. A stage of its own, so that reading GGUF is no part of what other models' cells depend on.
 */
import { fileSource, sourceOf } from '../../kernels/byte-source.ts';
import type { ByteSource } from '../../kernels/byte-source.ts';
import { openGgufModel } from '../../kernels/gguf-model.ts';
import { cell, file, stage } from '../dag/index.ts';
import type { Cell, OutputPart, Run, TaskIo } from '../dag/index.ts';
import type { GgufFiles } from './config-model.ts';
import type { StudyModel } from './config.ts';
import { hubDeclaration } from './hub-cells.ts';
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
export function fetchGgufCell({ name, hub }: Pick<StudyModel, 'name' | 'hub'>, { weights: [source] }: GgufFiles): Cell {
  if (hub !== undefined) return cell(fetchGgufStage, name, hubDeclaration(hub, [source]));
  return cell(fetchGgufStage, name, { inputs: { weights: file(source.path, source.at) } });
}

export const run: Run = async (cells, io) => {
  const ofHubs = cells.filter(({ params }) => 'repository' in params);
  if (ofHubs.length > 0) await (await import('./hub/take-in.ts')).takeIn(ofHubs, io, async (parts) => {
    const [weights] = parts.values();
    if (weights === undefined || typeof weights === 'string') throw new Error('a GGUF file is one file');
    return { ...filesOf(await headerOf(weights, io)), weights };
  });
  for (const task of cells) {
    if (ofHubs.includes(task)) continue;
    await guarded(io, task, async () => {
      const input = task.inputs['weights'];
      if (input?.kind !== 'object') throw new Error(`${task.id}: input weights must be a file`);
      const header = await io.open(input.handle);
      await io.commit(task.id, { ...filesOf(header), weights: await io.copy(input.handle) });
    });
  }
};

/** A file that was downloaded just now, or is in the store. */
async function headerOf(part: Exclude<OutputPart, string>, io: TaskIo): Promise<ByteSource & { close(): void }> {
  if (part instanceof Uint8Array) return { ...sourceOf(part), close: () => undefined };
  return 'stored' in part ? io.open(part.stored) : fileSource(part.file);
}

/** The files that other models come with, from what the header says. */
function filesOf(object: ByteSource & { close(): void }): { readonly config: string; readonly tokenizer: Uint8Array; readonly tokenizerConfig: Uint8Array } {
  try {
    const model = openGgufModel(object);
    return { config: JSON.stringify(model.config), ...model.tokenizerFiles() };
  } catch (error) {
    if (error instanceof Error && error.name === 'DamagedObject') throw error;
    throw new BadInput(`the model cannot be read: ${(error as Error).message.replace(/^model\.gguf: /, '')}`);
  } finally {
    object.close();
  }
}
