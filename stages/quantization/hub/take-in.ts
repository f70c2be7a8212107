/** The stage `fetch` for models of a hub: what the store has is used, the rest is brought here, and each model is committed when its last file is there. */
import { constants, copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { OutputPart, OutputValue, TaskCell, TaskIo } from '../../dag/index.ts';
import { expectedFailure } from '../task-values.ts';
import type { PinnedFile } from './download.ts';
import { HubError } from './errors.ts';
import { roleOf } from './files.ts';
import { Obtainer } from './obtain.ts';
import { hubSettings } from './settings.ts';

/** Of a cell whose model is a hub's: what its parameters say. */
export interface HubParams {
  readonly repository: string;
  readonly commit: string;
  /** By name. */
  readonly files: { readonly [name: string]: { readonly bytes: number; readonly sha256: string } };
}

/** Smaller files are handed over in memory. */
const MOVED_BYTES = 1 << 20;
let copies = 0;

/** What a cell commits of its files, by their names in the repository. Throws BadInput where they are not what they should be. */
export type OutputsOf = (parts: ReadonlyMap<string, OutputPart>) => Promise<{ readonly [name: string]: OutputValue }>;

/** Never fails a cell for another's sake. */
export async function takeIn(cells: readonly TaskCell[], io: TaskIo, outputsOf: OutputsOf = usual): Promise<void> {
  let obtainer: Obtainer;
  const missing = cells.flatMap((cell) => filesOf(cell).filter(({ sha256 }) => cell.present?.[sha256] === undefined));
  try {
    obtainer = new Obtainer(hubSettings(), { folder: io.unfinished, signal: io.signal, onProgress: (done, total) => io.progress(done, total, 'bytes') });
    await obtainer.expect(missing);
  } catch (error) {
    for (const { id } of cells) await fail(io, id, error);
    return;
  }
  const uses = new Map<string, number>();
  for (const { sha256 } of missing) uses.set(sha256, (uses.get(sha256) ?? 0) + 1);
  const left = new Set<string>();
  await Promise.all(cells.map(async (cell) => {
    try {
      await takeOne(cell, io, outputsOf, async (file) => {
        const path = await obtainer.get(paramsOf(cell).repository, paramsOf(cell).commit, file);
        if (file.bytes >= MOVED_BYTES && uses.get(file.sha256) === 1) return { file: path };
        // It stays where it is; the store would move it away from the other models that need it.
        left.add(path);
        if (file.bytes < MOVED_BYTES) return await readFile(path);
        const copy = join(io.scratch, `${file.sha256}-${copies++}`);
        await copyFile(path, copy, constants.COPYFILE_FICLONE);
        return { file: copy };
      });
    } catch (error) {
      await fail(io, cell.id, error);
    }
  }));
  for (const path of left) await rm(path, { force: true });
}

async function takeOne(cell: TaskCell, io: TaskIo, outputsOf: OutputsOf, get: (file: PinnedFile) => Promise<OutputPart>): Promise<void> {
  const parts = new Map(await Promise.all(filesOf(cell).map(async (file): Promise<[string, OutputPart]> => {
    const stored = cell.present?.[file.sha256];
    return [file.name, stored === undefined ? await get(file) : { stored }];
  })));
  await io.commit(cell.id, await outputsOf(parts));
}

/** Of a model in the usual files: each is an output; several of weights are a folder. */
async function usual(parts: ReadonlyMap<string, OutputPart>): Promise<{ readonly [name: string]: OutputValue }> {
  const outputs: { [name: string]: OutputValue } = { tokenizerConfig: '{}' };
  const weights = new Map<string, OutputPart>();
  for (const [name, part] of parts) {
    const role = roleOf(name);
    if (role === 'weights') weights.set(name, part);
    else outputs[role] = part;
  }
  const [only] = weights.values();
  outputs['weights'] = weights.size === 1 && only !== undefined ? only : { tree: weights };
  return outputs;
}

/** All of them may be better another time: none is remembered as the model's fault. */
async function fail(io: TaskIo, cell: string, error: unknown): Promise<void> {
  const expected = expectedFailure(error);
  if (expected !== undefined) return await io.fail(cell, expected);
  if (!(error instanceof HubError)) throw error;
  await io.fail(cell, { code: 'not-available', sentence: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) });
}

function paramsOf({ params }: TaskCell): HubParams {
  return params as unknown as HubParams;
}

function filesOf(cell: TaskCell): readonly PinnedFile[] {
  return Object.entries(paramsOf(cell).files).map(([name, { bytes, sha256 }]) => ({ name, bytes, sha256 }));
}
