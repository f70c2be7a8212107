/** The store's folder itself: made, marked with its format, swept of what dead processes left. */
import { readFileSync } from 'node:fs';
import { chmod, readdir } from 'node:fs/promises';
import { ensureFolder, fileSize, sweepLeftovers, wrapErrors, writeDurably } from './disk.ts';
import { StoreTooNew } from './errors.ts';
import { STORE_FORMAT } from './store.ts';

/** Throws StoreTooNew for the folder of a newer version. (Every segment of the log names its format as well.) */
export function refuseNewerFormat(folder: string): void {
  const format = readFormat(folder);
  if (format !== undefined && format > STORE_FORMAT) throw new StoreTooNew(format, STORE_FORMAT);
}

/** Makes the folder what it must be before anything is written. Throws StoreUnwritable. */
export function prepareFolder(folder: string): Promise<void> {
  return wrapErrors(async () => {
    await ensureFolder(folder);
    await chmod(folder, 0o700);
    if (readFormat(folder) === undefined) await writeDurably(folder, 'format', [Buffer.from(`${STORE_FORMAT}\n`)]);
    // The repository of a study need not know that this folder is none of its business.
    if (fileSize(`${folder}/.gitignore`) < 0) await writeDurably(folder, '.gitignore', [Buffer.from('*\n')]);
    const loose = (await readdir(`${folder}/objects`).catch(() => [])).map(name => `/objects/${name}`);
    for (const sub of ['', '/packs', '/cache', '/cited', '/kept', '/scratch', '/tasks', ...loose]) await sweepLeftovers(folder + sub);
  });
}

/** The folder's format number; undefined where there is none, or half of one. */
function readFormat(folder: string): number | undefined {
  try {
    const text = readFileSync(`${folder}/format`, 'utf8');
    return /^[1-9]\d{0,5}\n$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}
