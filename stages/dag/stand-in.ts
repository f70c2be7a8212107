/**
 * A store in the system's temporary folder that stands in for one that cannot be written (a read-only disk, somebody else's folder):
 * what is missing is computed in it and read from it as ever, and it is removed at the end. What the other holds is linked, file by
 * file: a store replaces files and never writes into one. Rejected: one store of two folders. Every path in it would have two places.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoreUnwritable } from './errors.ts';
import { announceUse, openStoreIn, openStoreOf, storeFolder } from './ground.ts';
import { DEFAULT_STORE } from './pipeline.ts';
import { ownProcessId, processState } from './process-id.ts';
import type { Store } from './store.ts';
import type { Pipeline } from './types.ts';

/** What a store that computes is opened for. */
export interface OpenedToCompute {
  readonly store: Store;
  /** Where it stands in for the pipeline's own: which that is, and why it cannot be written. */
  readonly notStored?: NotStored;
  /** After `store.close()`: removes what stands in for another. */
  remove(): void;
}

export interface NotStored { readonly store: string; readonly reason: string }

/** A disk that is full takes what fits, and all of it once something has gone; these refuse everything. */
const LASTING: ReadonlySet<string> = new Set(['EROFS', 'EACCES', 'EPERM']);
const PREFIX = 'bitwidth-not-stored-';
/** Folders of files. Leases, holders, scratch and logs are its own; nobody looks for what was set aside here. */
const LINKED = ['records', 'packs', 'cited', 'kept', 'cache'] as const;

/** The pipeline's store, announced as in use; where it cannot be written, one that stands in for it. Throws ConfigurationError. */
export async function openToCompute(pipeline: Pipeline): Promise<OpenedToCompute> {
  const own = openStoreOf(pipeline);
  const asItIs: OpenedToCompute = { store: own, remove: () => undefined };
  let refused: StoreUnwritable | undefined;
  try {
    refused = await announceUse(own);
  } catch (error) {
    await own.close();
    throw error;
  }
  if (refused === undefined || !LASTING.has(refused.code)) return asItIs;
  const folder = makeFolder(storeFolder(pipeline));
  // Without any folder to write to each cell says so.
  if (folder === undefined) return asItIs;
  await own.close();
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const store = openStoreIn(folder, pipeline);
    await announceUse(store);
    return { store, notStored: { store: pipeline.store ?? DEFAULT_STORE, reason: refused.reason }, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** A folder of links to what the store holds; undefined where the temporary folder cannot be written either. */
function makeFolder(of: string): string | undefined {
  sweep();
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), `${PREFIX}${ownProcessId()}-`));
    for (const name of ['format', 'salt']) link(of, folder, name);
    for (const name of LINKED) linkAll(of, folder, name);
    mkdirSync(`${folder}/objects`, { mode: 0o700 });
    for (const name of namesIn(`${of}/objects`)) linkAll(of, folder, `objects/${name}`);
    return folder;
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code !== 'string') throw error;
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    return undefined;
  }
}

function linkAll(of: string, folder: string, name: string): void {
  mkdirSync(`${folder}/${name}`, { mode: 0o700 });
  // What begins with a dot is somebody's unfinished file.
  for (const file of namesIn(`${of}/${name}`)) if (!file.startsWith('.')) link(of, folder, `${name}/${file}`);
}

function link(of: string, folder: string, name: string): void {
  symlinkSync(`${of}/${name}`, `${folder}/${name}`);
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // as an empty one: what cannot be read counts as not there
  }
}

/** Removes what runs that were killed left. */
function sweep(): void {
  for (const name of namesIn(tmpdir())) {
    const id = name.startsWith(PREFIX) ? name.slice(PREFIX.length, name.lastIndexOf('-')) : undefined;
    if (id === undefined || processState(id) !== 'dead') continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // Somebody else's.
    }
  }
}
