/**
 * Files beside the objects: what tasks wrote (logs/), what was set aside as damaged (aside/), and what was left half done (unfinished/). They go once
 * nothing cites them: a run's logs when no result that is needed, and no failure that stands, is that run's; damaged bytes when
 * all that is needed is there again; what is half done after a month in which nobody went on with it.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { wrapErrors } from './disk.ts';

export interface Leftovers {
  /** Runs, by their id. */
  readonly logs: readonly Leftover[];
  /** Names in aside/. */
  readonly aside: readonly Leftover[];
  /** Paths in unfinished/. */
  readonly unfinished: readonly Leftover[];
}

export interface Leftover { readonly name: string; readonly bytes: number }

/** `whole`: everything that is to be kept is there. While something is not, nobody knows which of the damaged bytes were its. */
export function findLeftovers(folder: string, keepLogsOf: (run: string) => boolean, whole: boolean): Leftovers {
  const logs = namesIn(`${folder}/logs`).filter((run) => !keepLogsOf(run)).map((name) => ({ name, bytes: bytesUnder(`${folder}/logs/${name}`) }));
  const aside = (whole ? namesIn(`${folder}/aside`) : []).map((name) => ({ name, bytes: bytesUnder(`${folder}/aside/${name}`) }));
  const unfinished = namesIn(`${folder}/unfinished`).flatMap((stage) => namesIn(`${folder}/unfinished/${stage}`).map((name) => `${stage}/${name}`))
    .filter((name) => isOld(`${folder}/unfinished/${name}`)).map((name) => ({ name, bytes: bytesUnder(`${folder}/unfinished/${name}`) }));
  return { logs, aside, unfinished };
}

/** Throws StoreUnwritable. */
export async function removeLeftovers(folder: string, { logs, aside, unfinished }: Leftovers): Promise<void> {
  await wrapErrors(async () => {
    for (const { name } of logs) await rm(`${folder}/logs/${name}`, { recursive: true, force: true });
    for (const { name } of aside) await rm(`${folder}/aside/${name}`, { recursive: true, force: true });
    for (const { name } of unfinished) await rm(`${folder}/unfinished/${name}`, { recursive: true, force: true });
  });
}

const MONTH_MS = 30 * 24 * 60 * 60 * 1000;

function isOld(path: string): boolean {
  const { mtimeMs = Infinity } = lstatSync(path, { throwIfNoEntry: false }) ?? {};
  return Date.now() - mtimeMs > MONTH_MS;
}

export function bytesOf(leftovers: readonly Leftover[]): number {
  return leftovers.reduce((sum, { bytes }) => sum + bytes, 0);
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** Of a link, the link's own. */
function bytesUnder(path: string): number {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory() !== true) return found?.size ?? 0;
  return namesIn(path).reduce((sum, name) => sum + bytesUnder(`${path}/${name}`), 0);
}
