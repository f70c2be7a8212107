/**
 * Files beside the objects that only people look at: what tasks wrote (logs/), and what was set aside as damaged (aside/). They go once
 * nothing cites them: a run's logs when no result that is needed, and no failure that stands, is that run's; damaged bytes when
 * all that is needed is there again.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { wrapErrors } from './disk.ts';

export interface Leftovers {
  /** Runs, by their id. */
  readonly logs: readonly Leftover[];
  /** Names in aside/. */
  readonly aside: readonly Leftover[];
}

export interface Leftover { readonly name: string; readonly bytes: number }

/** `whole`: everything that is to be kept is there. While something is not, nobody knows which of the damaged bytes were its. */
export function findLeftovers(folder: string, keepLogsOf: (run: string) => boolean, whole: boolean): Leftovers {
  const logs = namesIn(`${folder}/logs`).filter((run) => !keepLogsOf(run)).map((name) => ({ name, bytes: bytesUnder(`${folder}/logs/${name}`) }));
  const aside = (whole ? namesIn(`${folder}/aside`) : []).map((name) => ({ name, bytes: bytesUnder(`${folder}/aside/${name}`) }));
  return { logs, aside };
}

/** Throws StoreUnwritable. */
export async function removeLeftovers(folder: string, { logs, aside }: Leftovers): Promise<void> {
  await wrapErrors(async () => {
    for (const { name } of logs) await rm(`${folder}/logs/${name}`, { recursive: true, force: true });
    for (const { name } of aside) await rm(`${folder}/aside/${name}`, { recursive: true, force: true });
  });
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
