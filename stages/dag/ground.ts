/** What decisions stand on: the store, the project's files as they are now, and the identity of the code. Read once for each pass. */
import { join, resolve } from 'node:path';
import { catalogueOf } from './cache/catalogue-of.ts';
import { CodeIdentities } from './code-identity.ts';
import { ConfigurationError } from './declare.ts';
import { CodeIdentityError, StoreTooNew, StoreUnwritable } from './errors.ts';
import { locatedNow } from './located.ts';
import { openStore } from './open-store.ts';
import { cellsById, DEFAULT_STORE } from './pipeline.ts';
import type { CodeIdentity } from './code-identity.ts';
import type { Store } from './store.ts';
import type { Waived } from './waivers.ts';
import type { InputHandle } from './task-types.ts';
import type { Cell, Pipeline, Sha256 } from './types.ts';

export interface Ground {
  readonly pipeline: Pipeline;
  readonly store: Store;
  /** A cell of the pipeline. */
  cell(id: string): Cell;
  /** A file of the project, with its hash; undefined when it is missing or cannot be read. */
  fileOf(path: string): InputHandle | undefined;
  codeOf(cell: Cell): CodeIdentity;
  /** A waiver that covers work of this key. */
  waived(key: Sha256): Waived | undefined;
}

/** Absolute path of the pipeline's store. */
export function storeFolder({ root, store = DEFAULT_STORE }: Pipeline): string {
  return resolve(root, store);
}

/** Opens the pipeline's store; what it revoked does not count there. Throws ConfigurationError when it was written by a newer version. */
export function openStoreOf(pipeline: Pipeline): Store {
  return openStoreIn(storeFolder(pipeline), pipeline);
}

/** Opens the store in this folder as the pipeline's. Throws ConfigurationError. */
export function openStoreIn(folder: string, { store = DEFAULT_STORE, revoked, cache }: Pipeline): Store {
  try {
    return openStore({ folder, ...(revoked === undefined ? {} : { revoked }), ...(cache === undefined ? {} : { catalogue: catalogueOf(cache, folder, revoked) }) });
  } catch (error) {
    if (error instanceof StoreTooNew) throw new ConfigurationError(error.message);
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall !== undefined) throw new ConfigurationError(`the store ${store} cannot be read (${code}); give yourself access to it, or choose another store folder`);
    throw error;
  }
}

/**
 * Keeps `gc` from removing what this process is about to use. From a store that cannot be written nothing is removed either: then it
 * answers why it cannot.
 */
export async function announceUse(store: Store): Promise<StoreUnwritable | undefined> {
  try {
    await store.leases.announce();
    // What was moved or removed since the store was opened.
    store.refresh();
    return undefined;
  } catch (error) {
    if (error instanceof StoreUnwritable) return error;
    throw error;
  }
}

/**
 * Reads files and code for these cells. Throws ConfigurationError, naming file and line, where code has no identity (a syntax
 * error, an import that leads nowhere).
 */
export async function readGround(pipeline: Pipeline, store: Store, cells: readonly Cell[]): Promise<Ground> {
  const files = new Map<string, InputHandle | undefined>();
  const code = new Map<string, CodeIdentity>();
  const identities = new CodeIdentities({ root: pipeline.root, ...(pipeline.base === undefined ? {} : { base: pipeline.base }), boundaries: pipeline.boundaries, facts: store.facts, cacheFolder: join(store.folder, 'cache') });
  try {
    for (const cell of cells) {
      const name = codeName(cell);
      if (!code.has(name)) code.set(name, await identities.of(cell.stage.module, cell.uses ?? []));
      for (const input of Object.values(cell.inputs)) {
        if (input.kind !== 'file' || files.has(input.path)) continue;
        files.set(input.path, await readFile(input.at ?? locatedNow(pipeline, input.path, store.facts), store));
      }
    }
  } catch (error) {
    if (error instanceof CodeIdentityError) throw new ConfigurationError(error.message);
    throw error;
  }
  identities.save();
  const byId = cellsById(pipeline.cells);
  return {
    pipeline, store,
    cell: (id) => byId.get(id)!,
    fileOf: (path) => files.get(path),
    codeOf: (cell) => code.get(codeName(cell))!,
    waived: (key) => store.waived(key),
  };
}

function codeName({ stage, uses }: Cell): string {
  return uses === undefined ? stage.module : [stage.module, ...uses].join('\n');
}

async function readFile(path: string, store: Store): Promise<InputHandle | undefined> {
  try {
    const { sha256, bytes } = await store.facts.of(path);
    return { sha256, bytes, path, offset: 0 };
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code === 'string') return undefined;
    throw error;
  }
}
