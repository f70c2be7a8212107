/**
 * A folder on a file system that several machines share. A file is written under a name of its own, synced, and linked to the name that it is to
 * have: link(2) fails where there is one already, on one host and across hosts. Nothing else is asked of the file system.
 */
import { constants, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { sweepLeftovers, temporaryName, writeAll } from '../disk.ts';
import { RemoteError } from './remote.ts';
import type { Put, Remote, RemoteFile, RemoteSource } from './remote.ts';

/** A file is copied by pieces of so much. */
const PIECE_BYTES = 8 << 20;
const LISTED_AT_ONCE = 1000;

/** `path`: absolute. The folder itself must be there: one that is not is a disk that is not mounted. */
export function folderRemote({ path: folder }: { readonly path: string }): Remote {
  const there = async (): Promise<void> => {
    const found = await stat(folder).catch((error: unknown) => { throw troubleOf(error); });
    if (!found.isDirectory()) throw new RemoteError('wrong', 'it is no folder; name one that is there');
  };
  return {
    label: folder,
    hangs: true,
    async get(name, range, signal) {
      const file = await openFile(`${folder}/${name}`);
      if (file === undefined) {
        await there();
        return undefined;
      }
      try {
        const { size } = await file.stat();
        const { offset, length } = range ?? { offset: 0, length: size };
        // Before allocating: what is wanted comes from a list, which may be of another file.
        const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
        for (let done = 0; done < bytes.length;) {
          signal.throwIfAborted();
          const { bytesRead } = await file.read(bytes, done, Math.min(PIECE_BYTES, bytes.length - done), offset + done);
          if (bytesRead === 0) return bytes.subarray(0, done);
          done += bytesRead;
        }
        return bytes;
      } catch (error) {
        throw troubleOf(error);
      } finally {
        await file.close();
      }
    },
    async size(name) {
      const found = await stat(`${folder}/${name}`).catch((error: unknown) => {
        if (isAbsent(error)) return undefined;
        throw troubleOf(error);
      });
      if (found === undefined) await there();
      return found?.isFile() === true ? found.size : undefined;
    },
    async put(name, source, how, signal) {
      await there();
      try {
        return await putFile(`${folder}/${name}`, source, how, signal);
      } catch (error) {
        throw troubleOf(error);
      }
    },
    async list(prefix, after) {
      await there();
      const names = await readdir(`${folder}/${prefix}`).catch((error: unknown) => {
        if (isAbsent(error)) return [];
        throw troubleOf(error);
      });
      const found: RemoteFile[] = [];
      for (const name of names.map((one) => prefix + one).filter((one) => one > after && !one.includes('/.')).sort()) {
        if (found.length === LISTED_AT_ONCE) return { files: found, more: true };
        const { size } = await stat(`${folder}/${name}`).catch(() => ({ size: -1 }));
        if (size >= 0) found.push({ name, bytes: size });
      }
      return { files: found, more: false };
    },
  };
}

async function putFile(path: string, source: RemoteSource, how: Put, signal: AbortSignal): Promise<'put' | 'present'> {
  // A group shares it: what others may do is the umask's and the folder's to say.
  await mkdir(dirname(path), { recursive: true });
  // What writers that were killed have left here.
  await sweepLeftovers(dirname(path));
  const temporary = `${dirname(path)}/${temporaryName()}`;
  try {
    const file = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o444);
    try {
      for (let done = 0; done < source.bytes;) {
        signal.throwIfAborted();
        const piece = await source.read(done, Math.min(PIECE_BYTES, source.bytes - done));
        await writeAll(file, [piece]);
        done += piece.length;
      }
      await file.sync();
    } finally {
      await file.close();
    }
    if (how === 'replace') {
      await rename(temporary, path);
      return 'put';
    }
    try {
      await link(temporary, path);
      return 'put';
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return 'present';
      throw error;
    }
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

async function openFile(path: string) {
  try {
    return await open(path, constants.O_RDONLY);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw troubleOf(error);
  }
}

function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}

const TROUBLES: { readonly [code: string]: readonly ['passing' | 'refused' | 'wrong', string] } = {
  ENOENT: ['wrong', 'there is no such folder; make it, or mount its disk'],
  ENOTDIR: ['wrong', 'there is no such folder; make it, or mount its disk'],
  EACCES: ['refused', 'permission was refused; ask whoever owns the folder'],
  EPERM: ['refused', 'permission was refused; ask whoever owns the folder'],
  EROFS: ['refused', 'its file system is read-only; say read_only: yes, or --cache-read-only'],
  ENOSPC: ['wrong', 'its disk is full; free some space'],
  EDQUOT: ['wrong', 'its disk quota is used up; free some space'],
  // The server of a network file system is away or has lost track of the file.
  EIO: ['passing', 'its disk reported an error (EIO)'],
  ESTALE: ['passing', 'its server has forgotten a file that was open (ESTALE)'],
  ETIMEDOUT: ['passing', 'its server does not answer (ETIMEDOUT)'],
};

function troubleOf(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (error instanceof RemoteError || typeof code !== 'string') return error;
  const [trouble, sentence] = TROUBLES[code] ?? ['passing', `its file system refused (${code})`];
  return new RemoteError(trouble, sentence);
}
