/** What is done about damaged objects: looked at, and set aside. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { ensureFolder, wrapErrors } from './disk.ts';
import { DamagedObject, StoreUnwritable } from './errors.ts';
import { hashFile } from './facts.ts';
import type { GroupCommit } from './group-commit.ts';
import { readObject } from './objects.ts';
import type { ObjectPlaces } from './objects.ts';
import type { OutputReader } from './output-reader.ts';
import type { LogIndex } from './records.ts';
import { timestamp } from './timestamp.ts';
import type { InputHandle } from './task-types.ts';
import type { Sha256 } from './types.ts';

export interface DamageOptions {
  /** The store's folder. */
  readonly folder: string;
  readonly prepare: () => Promise<void>;
  readonly places: ObjectPlaces;
  readonly outputs: OutputReader;
  readonly index: LogIndex;
  readonly commits: GroupCommit;
}

/** Store.setAside. */
export async function setAside(options: DamageOptions, sha: Sha256, why: string): Promise<readonly string[]> {
  const { places, outputs } = options;
  const { cells, bytes } = citationsOf(options, sha);
  if (bytes === undefined) return [];
  places.forgetStats();
  outputs.forget(sha);
  const handle = places.find(sha, bytes);
  if (handle !== undefined && (await faultOf(handle)) === undefined) return [];
  const pack = handle === undefined ? undefined : places.packOf(handle);
  // First in memory: a store that cannot be written must not hand these bytes out again either.
  if (handle !== undefined && pack !== undefined) places.condemn(sha, pack, handle.offset);
  else places.markUnusable(places.loosePath(sha));
  try {
    await options.prepare();
    await wrapErrors(() => (handle !== undefined && pack !== undefined ? asideFromPack(options, handle, pack, why) : asideLoose(options, sha, why)));
  } catch (error) {
    if (!(error instanceof StoreUnwritable)) throw error;
  }
  return cells;
}

/** Copies the bytes at one place of a pack and condemns the place. */
export async function asideFromPack(options: DamageOptions, handle: InputHandle, pack: Sha256, why: string): Promise<void> {
  const copy = await asidePath(options, handle.sha256);
  const bytes = (await readFile(handle.path)).subarray(handle.offset, handle.offset + handle.bytes);
  await writeFile(copy, bytes, { mode: 0o400 });
  await writeFile(`${copy}.reason`, `${why}\n`, { mode: 0o400 });
  await options.commits.add(new Map(), [{ kind: 'aside', body: { sha256: handle.sha256, pack, offset: handle.offset, what: why, at: timestamp() } }]);
}

/** Moves the file of an object. */
export async function asideLoose(options: DamageOptions, sha: Sha256, why: string): Promise<void> {
  const copy = await asidePath(options, sha);
  const loose = options.places.loosePath(sha);
  try {
    await rename(loose, copy);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    options.places.forgetStat(loose);
    return; // nothing is there to keep, and nothing to be mistaken for the object
  }
  options.places.forgetStat(loose);
  // Another run may have made it anew between our look and our move.
  // What cannot be read (a link to nothing, or to a folder) is no object.
  if ((await hashFile(copy).catch(() => undefined))?.sha256 === sha) return rename(copy, loose);
  await writeFile(`${copy}.reason`, `${why}\n`, { mode: 0o400 });
  await options.commits.add(new Map(), [{ kind: 'aside', body: { sha256: sha, what: why, at: timestamp() } }]);
}

export async function asidePath({ folder }: DamageOptions, sha: Sha256): Promise<string> {
  await ensureFolder(`${folder}/aside`);
  return `${folder}/aside/${sha}.${timestamp().replace(/\D/g, '').slice(0, 17)}`;
}

/** Cells with a record that cites the object, itself or in a tree, and its size as they say. */
function citationsOf({ index, outputs }: DamageOptions, sha: Sha256): { readonly cells: readonly string[]; readonly bytes: number | undefined } {
  const cells = new Set<string>();
  let bytes: number | undefined;
  for (const record of index.records()) {
    for (const output of outputs.citedBy(record)) {
      if (output.sha256 !== sha) continue;
      cells.add(record.cell);
      bytes = output.bytes;
    }
  }
  return { cells: [...cells], bytes };
}

/** What is wrong with an object's bytes; undefined when nothing is. */
async function faultOf(handle: InputHandle): Promise<string | undefined> {
  try {
    await readObject(handle);
    return undefined;
  } catch (error) {
    if (error instanceof DamagedObject) return error.what;
    throw error;
  }
}
