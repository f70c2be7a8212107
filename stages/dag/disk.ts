/**
 * How the store writes: a temporary file in the same folder, synced, renamed, and the folder synced. A name therefore stands
 * either for all of the bytes or for nothing, also after a power cut.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants, copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StoreUnwritable } from './errors.ts';
import { ownProcessId, processState } from './process-id.ts';

const TEMPORARY = /^\.tmp-(.+)$/;
/** Left-overs of processes of other machines go after a day. */
const FOREIGN_LEFTOVER_MS = 24 * 60 * 60 * 1000;

let temporaries = 0;

/** A file name that nobody else uses, and that shows whose it is. */
export function temporaryName(): string {
  return `.tmp-${ownProcessId()}.${temporaries++}`;
}

/** Writes `folder/name` from pieces, read-only, durably. An existing file of that name is replaced. Throws StoreUnwritable. */
export async function writeDurably(folder: string, name: string, pieces: readonly Uint8Array[]): Promise<void> {
  await place(folder, name, (temporary) => open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o444), (file) => writeAll(file, pieces));
}

/** Moves a finished file to `folder/name`, read-only, durably; copies where it lies on another disk. Throws StoreUnwritable. */
export async function adoptDurably(path: string, folder: string, name: string): Promise<void> {
  const adopt = async (temporary: string): Promise<FileHandle> => {
    await rename(path, temporary).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EXDEV') throw error;
      await copyFile(path, temporary, constants.COPYFILE_EXCL);
      await rm(path);
    });
    return open(temporary, 'r');
  };
  await place(folder, name, adopt, (file) => file.chmod(0o444));
}

/** The discipline of every write: a temporary name, fill, sync, rename, sync of the folder. What fails leaves nothing behind. */
async function place(folder: string, name: string, openAt: (temporary: string) => Promise<FileHandle>, fill: (file: FileHandle) => Promise<void>): Promise<void> {
  await wrapErrors(async () => {
    const temporary = `${folder}/${temporaryName()}`;
    try {
      const file = await openAt(temporary);
      try {
        await fill(file);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, `${folder}/${name}`);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    await syncFolder(folder);
  });
}

/** Writes every byte of every piece at the file's position. */
export async function writeAll(file: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  for (const piece of pieces) {
    let done = 0;
    while (done < piece.length) done += (await file.write(piece, done, piece.length - done)).bytesWritten;
  }
}

/** Makes a folder and those above it that are missing (mode 0700), durably. */
export async function ensureFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST') return;
    // On a disk that is read-only or full a recursive mkdir answers ENOENT, which names the wrong culprit; so one level at a time.
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await ensureFolder(dirname(path));
    await mkdir(path, { mode: 0o700 }).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== 'EEXIST') throw again;
    });
  }
  await syncFolder(dirname(path));
}

/** ensureFolder for what needs not survive a power cut. Throws the file system's error, which names the culprit. */
export function ensureFolderSync(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    ensureFolderSync(dirname(path));
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (again) {
      if ((again as NodeJS.ErrnoException).code !== 'EEXIST') throw again;
    }
  }
}

/** Makes a file's bytes durable. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a folder's entries durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    // Some network file systems refuse to sync a folder; they have no weaker or stronger promise to offer instead.
    if (!['EINVAL', 'ENOTSUP', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await folder.close();
  }
}

/** Removes what dead processes left in a folder: temporary files, and entries named by their process (scratch folders, what runs tell of their tasks). */
export async function sweepLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const owner = TEMPORARY.exec(name)?.[1] ?? (/\/(?:scratch|tasks)$/.test(folder) ? name : undefined);
    if (owner === undefined) continue;
    const state = processState(owner);
    const path = `${folder}/${name}`;
    if (state === 'alive' || (state === 'elsewhere' && !(await isOlderThan(path, FOREIGN_LEFTOVER_MS)))) continue;
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function isOlderThan(path: string, ms: number): Promise<boolean> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
  return Date.now() - mtimeMs > ms;
}

/**
 * Replaces a file whose loss costs time only; whether it could. Not synced, and of two processes at once one is remembered: who reads it must see what is
 * whole in it.
 */
export function replaceQuietly(path: string, pieces: () => readonly Uint8Array[]): boolean {
  const temporary = `${dirname(path)}/${temporaryName()}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(temporary, Buffer.concat(pieces()), { flag: 'wx', mode: 0o600 });
    renameSync(temporary, path);
    return true;
  } catch {
    removeQuietly(temporary);
    return false;
  }
}

/** Removes a file if there is one and it can be. (rmSync's `force` still throws for ENOTDIR.) */
export function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // It is in nobody's way, and is swept later.
  }
}

/** A file's text; empty where it cannot be read. */
export function textOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** A file's size in bytes; -1 where there is no file, or none that can be seen. */
export function fileSize(path: string): number {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found?.isFile() === true ? found.size : -1;
  } catch {
    return -1;
  }
}

/** Runs a piece of writing; what the disk refuses becomes StoreUnwritable. */
export async function wrapErrors<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw asUnwritable(error);
  }
}

const REFUSALS: { readonly [code: string]: readonly [reason: string, hint: string] } = {
  ENOSPC: ['the disk is full', 'free some space and run again: what was committed is kept'],
  EDQUOT: ['the disk quota is used up', 'free some space and run again: what was committed is kept'],
  EROFS: ['the file system is read-only', 'choose a store folder that can be written, or mount it for writing'],
  EACCES: ['permission was refused', 'give yourself write access to the store folder, or choose another'],
  EPERM: ['permission was refused', 'give yourself write access to the store folder, or choose another'],
  EMFILE: ['too many files are open', 'raise the limit on open files (ulimit -n), or use fewer jobs'],
  EIO: ['the disk reported an error', 'check the disk; what was committed before is verified when it is read'],
};

function asUnwritable(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (error instanceof StoreUnwritable || typeof code !== 'string' || (error as NodeJS.ErrnoException).syscall === undefined) return error;
  const [reason, hint] = REFUSALS[code] ?? [`the disk refused to write (${code})`, 'look at what is in the way in the store folder, or choose another'];
  return new StoreUnwritable(code, reason, hint, error);
}
