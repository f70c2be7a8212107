/**
 * Which job works at an element of an array, and which of its tasks it is at. A scheduler that lost its memory may start twice what was
 * submitted once; whoever comes second finds the claim and ends. A job that was put back into the queue finds its own.
 */
import { linkSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { removeQuietly, temporaryName } from '../disk.ts';

export interface Claim {
  readonly job: string;
  /** Place among the element's tasks. */
  readonly task: number;
}

/** Takes the element for this job; false: it is another job's. */
export function takeClaim(folder: string, name: string, job: string): boolean {
  const path = `${folder}/${name}`;
  const temporary = `${folder}/${temporaryName()}`;
  writeFileSync(temporary, JSON.stringify({ job, task: -1 } satisfies Claim), { flag: 'wx', mode: 0o600 });
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return readClaim(folder, name)?.job === job;
    // A file system without hard links. Two jobs that are both here at this moment compute the same twice, which harms nothing.
    renameSync(temporary, path);
    return true;
  } finally {
    removeQuietly(temporary);
  }
}

/** Notes which task is begun. */
export function noteTask(folder: string, name: string, claim: Claim): void {
  const temporary = `${folder}/${temporaryName()}`;
  writeFileSync(temporary, JSON.stringify(claim), { flag: 'wx', mode: 0o600 });
  renameSync(temporary, `${folder}/${name}`);
}

/** Undefined where nobody has begun. */
export function readClaim(folder: string, name: string): Claim | undefined {
  try {
    const { job, task } = JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')) as Claim;
    return typeof job === 'string' && Number.isSafeInteger(task) ? { job, task } : undefined;
  } catch {
    return undefined;
  }
}
