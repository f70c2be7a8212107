/**
 * Mirrors tree outputs into a folder outside the store. Only files that differ are written, each in one step. What was written is
 * remembered with its stat: a run with nothing to do costs one stat a file, an edited or deleted file is restored, and a file of
 * ours that does not belong there any more is removed. What somebody else put there stays.
 */
import { lstatSync, mkdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadCache, saveCache } from './cache-file.ts';
import { representative } from './decide.ts';
import { hashFile } from './facts.ts';
import { taggedSha256 } from './sha256.ts';
import type { Outcome } from './decide.ts';
import type { Store } from './store.ts';
import type { InputHandle } from './task-types.ts';
import type { FolderExport, OutputRecord } from './types.ts';

/** As many as Node's threads for the file system. */
const FILES_AT_ONCE = 4;
/** Written last: who finds this page finds all that it shows and leads to. */
const FRONT = 'index.html';

export interface ExportResult { readonly to: string; readonly files: number; readonly written: number; readonly removed: number }

/**
 * Brings the folder to the state of these outputs; those of failed cells are left out. Throws DamagedObject when the store
 * cannot give a file, and the file system's error when the folder cannot be written. `bring` has outputs that are needed come into the store.
 */
export async function exportFolder(root: string, { to, from }: FolderExport, store: Store, outcomeOf: (cell: string) => Outcome, bring: (outputs: readonly OutputRecord[]) => Promise<unknown> = async () => undefined): Promise<ExportResult> {
  const folder = join(root, to);
  const memoPath = memoOf(store, to);
  const { state: lastState, files: lastFiles } = readMemo(memoPath);
  const outputs = outputsOf(from, store, outcomeOf);
  const state = taggedSha256('export state 1', outputs.map(({ name, record }) => `${name} ${record.sha256}`).join('\n'));
  if (lastState === `${state} ${lastFiles.size}` && [...lastFiles].every(([path, identity]) => identityOf(join(folder, path), identity.slice(0, 64)) === identity)) {
    return { to, files: lastFiles.size, written: 0, removed: 0 };
  }

  await bring(outputs.map(({ record }) => record));
  const wanted = filesOf(to, outputs, store);
  let removed = 0;
  for (const path of lastFiles.keys()) {
    if (wanted.has(path)) continue;
    if (lstatSync(join(folder, path), { throwIfNoEntry: false }) !== undefined) removed++;
    removeWithEmptyFolders(folder, path);
  }
  const written = await writeAll(folder, wanted, store, (path, target, handle) => {
    const known = lastFiles.get(path);
    return known === undefined || known !== identityOf(target, handle.sha256);
  });
  // With their number: of a memory that lost lines nothing is believed.
  const memo = new Map([['state', `${state} ${wanted.size}`]]);
  for (const [path, handle] of wanted) memo.set(`file ${path}`, identityOf(join(folder, path), handle.sha256) ?? '');
  saveCache(memoPath, memo);
  return { to, files: wanted.size, written, removed };
}

/** Is another once a run has written something into the folder, and all of it: what is remembered is written after the last file. */
export function exportStamp(store: Store, to: string): string {
  const stat = statSync(memoOf(store, to), { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.ino}:${stat.mtimeNs}`;
}

function memoOf({ folder }: Store, to: string): string {
  return join(folder, 'cache', `export-${taggedSha256('export 1', to).slice(0, 16)}.ndjson`);
}

/** Writes a folder's files once, and remembers nothing. Throws DamagedObject, and the file system's error. */
export async function copyFolder(folder: string, { to, from }: FolderExport, store: Store, outcomeOf: (cell: string) => Outcome): Promise<{ readonly files: number; readonly written: number }> {
  const files = filesOf(to, outputsOf(from, store, outcomeOf), store);
  return { files: files.size, written: await writeAll(folder, files, store, () => true) };
}

type Due = (path: string, target: string, handle: InputHandle) => boolean;

/** Writes the files that are `due` and do not have their bytes already, the front page last; how many those were. */
async function writeAll(folder: string, files: ReadonlyMap<string, InputHandle>, store: Store, due: Due): Promise<number> {
  const front = files.get(FRONT);
  const others = await writeEach(folder, [...files].filter(([path]) => path !== FRONT), store, due);
  return others + (front === undefined ? 0 : await writeEach(folder, [[FRONT, front]], store, due));
}

/**
 * Several at once: of thousands of small files nearly all the time is the file system's. When one fails, those begun are finished and its error is
 * thrown.
 */
async function writeEach(folder: string, files: readonly (readonly [string, InputHandle])[], store: Store, due: Due): Promise<number> {
  const left = files.values();
  let written = 0;
  let failed = false;
  const writers = Array.from({ length: FILES_AT_ONCE }, async (_, writer) => {
    for (const [path, handle] of left) {
      const target = join(folder, path);
      if (failed) return;
      if (!due(path, target, handle) || await holds(target, handle)) continue;
      await writeWhole(target, await store.read(handle), writer);
      written++;
    }
  }).map((writer) => writer.catch((error: unknown) => { failed = true; throw error; }));
  for (const end of await Promise.allSettled(writers)) if (end.status === 'rejected') throw end.reason;
  return written;
}

interface NamedOutput { readonly name: string; readonly record: OutputRecord }

function outputsOf(from: FolderExport['from'], store: Store, outcomeOf: (cell: string) => Outcome): readonly NamedOutput[] {
  return from.flatMap(({ cell, output }) => {
    const outcome = outcomeOf(cell);
    return outcome.kind === 'failed' ? [] : [{ name: output, record: representative(outcome.records, store).outputs[output]! }];
  });
}

/** All files by their path in the folder; an output that is no tree is a file of its name. */
function filesOf(to: string, outputs: readonly NamedOutput[], store: Store): ReadonlyMap<string, InputHandle> {
  const files = new Map<string, InputHandle>();
  for (const { name, record } of outputs) {
    const entries = record.tree === true ? Object.entries(store.treeHandle(record).tree) : [[name, store.handle(record)] as const];
    for (const [path, handle] of entries) {
      const other = files.get(path);
      if (other !== undefined && other.sha256 !== handle.sha256) throw new Error(`export to ${to}: two outputs hold different files named ${path}`);
      files.set(path, handle);
    }
  }
  return files;
}

function readMemo(path: string): { readonly state: string | undefined; readonly files: ReadonlyMap<string, string> } {
  const memo = loadCache(path);
  return { state: memo.get('state'), files: new Map([...memo].filter(([name]) => name.startsWith('file ')).map(([name, value]) => [name.slice(5), value])) };
}

/** '<sha256> <stat>' of an untouched file; undefined when there is no file. */
function identityOf(path: string, sha256: string): string | undefined {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat?.isFile() === true ? `${sha256} ${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}` : undefined;
}

/** True when the file already has these bytes: a folder that was copied here, or whose memory is lost. */
async function holds(path: string, { sha256, bytes }: InputHandle): Promise<boolean> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && stat.size === bytes && (await hashFile(path)).sha256 === sha256;
}

async function writeWhole(target: string, bytes: Uint8Array, writer: number): Promise<void> {
  const temporary = join(dirname(target), `.new-${process.pid}-${writer}`);
  mkdirSync(dirname(target), { recursive: true });
  try {
    await writeFile(temporary, bytes, { mode: 0o644 });
    await rename(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function removeWithEmptyFolders(folder: string, path: string): void {
  rmSync(join(folder, path), { force: true });
  for (let above = dirname(path); above !== '.'; above = dirname(above)) {
    try { rmdirSync(join(folder, above)); } catch { return; }
  }
}
