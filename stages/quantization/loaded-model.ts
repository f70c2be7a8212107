/** From a cell's inputs to a session: the checkpoint, and the artifact of a format where it is not the base. */
import { openArtifact } from '../../kernels/artifact.ts';
import { openCheckpoint } from '../../kernels/checkpoint.ts';
import { openSession } from '../../kernels/session.ts';
import type { Artifact, Checkpoint, EngineInstance, Session } from '../../kernels/index.ts';
import type { OpenObject, TaskCell, TaskIo } from '../dag/index.ts';
import { BadInput } from './task-values.ts';

/** Opens the checkpoint in inputs `config` and `weights`, or in the inputs so `names`d. Throws BadInput, or NotFinite naming the tensor. */
export async function taskCheckpoint(io: TaskIo, cell: TaskCell, names = { config: 'config', weights: 'weights' }): Promise<Checkpoint> {
  return opened(await io.input(cell, names.config), await weightFiles(io, cell, names.weights, io.open));
}

/** The same for who goes through it once, in the order of its tensors; `meanwhile` is done while its files are begun with. */
export async function taskCheckpointInOrder<T>(io: TaskIo, cell: TaskCell, meanwhile: () => Promise<T>): Promise<readonly [Checkpoint, T]> {
  const [config, weights, made] = await Promise.all([io.input(cell, 'config'), weightFiles(io, cell, 'weights', io.openInOrder), meanwhile()]);
  return [opened(config, weights), made];
}

function opened(config: Uint8Array, weights: readonly OpenObject[]): Checkpoint {
  try {
    return openCheckpoint({ config, weights });
  } catch (error) {
    if (error instanceof Error && error.name === 'NotFinite') throw error;
    throw new BadInput(`the checkpoint cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A session in `format`: of the artifact in the input of that name, or of the checkpoint itself where there is none. */
export async function taskSession(io: TaskIo, cell: TaskCell, checkpoint: Checkpoint, format: string, engine: EngineInstance, artifactInput = 'artifact'): Promise<Session> {
  if (cell.inputs[artifactInput] === undefined) return openSession({ checkpoint, format, engine });
  return withArtifact(io, cell, artifactInput, (artifact) => openSession({ checkpoint, format, engine, artifact }));
}

/** What `use` makes of the artifact in the input of that name: its file is open as long. */
export async function withArtifact<T>(io: TaskIo, cell: TaskCell, name: string, use: (artifact: Artifact) => T): Promise<T> {
  const file = await openedInput(io, cell, name);
  try {
    return use(openArtifact(file));
  } finally {
    file.close();
  }
}

/** The file of weights in an input, or, where it is a folder, its files. They are hashed now, and read when tensors are asked for. */
async function weightFiles(io: TaskIo, cell: TaskCell, name: string, open: TaskIo['open']): Promise<readonly OpenObject[]> {
  const input = cell.inputs[name];
  if (input?.kind !== 'tree') return [await openedInput(io, cell, name, open)];
  return Promise.all(Object.values(input.handle.tree).map(open));
}

async function openedInput(io: TaskIo, cell: TaskCell, name: string, open = io.open): Promise<OpenObject> {
  const input = cell.inputs[name];
  if (input?.kind !== 'object') throw new Error(`${cell.id} has no single file as input ${name}`);
  return open(input.handle);
}
