/**
 * What lies in the store for jobs: `cluster/`. Whatever is there is about work that is underway; when that is over nothing is left.
 *
 *   job.sh                       the text of every job
 *   arrays/<name>                the tasks of one submission (array-file.ts)
 *   claims/<name>-<index>        which job works at an element, and how far it is (claim-file.ts)
 *   results/<task>.<n>-<random>  what came of a task, or of its first cells (result-file.ts)
 *   output/<name>-<index>        what the job's program wrote outside of its tasks
 *   scratch/                     working folders, where nodes have no disk of their own
 */
import { readdir } from 'node:fs/promises';
import { saltOf } from '../machine.ts';
import { taggedSha256 } from '../sha256.ts';
import type { Sha256 } from '../types.ts';

export interface ClusterPlaces { readonly folder: string; readonly script: string; readonly arrays: string; readonly claims: string; readonly results: string; readonly output: string; readonly scratch: string }

/** `store`: the store's folder. */
export function clusterPlaces(store: string): ClusterPlaces {
  const folder = `${store}/cluster`;
  return { folder, script: `${folder}/job.sh`, arrays: `${folder}/arrays`, claims: `${folder}/claims`, results: `${folder}/results`, output: `${folder}/output`, scratch: `${folder}/scratch` };
}

/** What the names of all jobs of a store begin with: the same for every run that works in it, and no other store's. */
export function namePrefix(store: string): string {
  return `bw-${taggedSha256('cluster store 1', saltOf(store)).slice(0, 10)}-`;
}

/** The name of one try at computing these. No two are alike: what an earlier one left is found by what it computed, not by its name. */
export function taskDigest(keys: readonly Sha256[], attempt: string): string {
  return taggedSha256('cluster task 1', [attempt, ...keys].join('\n')).slice(0, 40);
}

export interface ResultName { readonly file: string; readonly task: string; readonly part: number }

const RESULT = /^([0-9a-f]{40})\.(\d+)-[0-9a-f]{12}$/;

/** The results that lie there, of each task in the order in which they were written. */
export async function resultNames(places: ClusterPlaces): Promise<readonly ResultName[]> {
  const names = (await readdir(places.results).catch(() => [])).flatMap((file) => {
    const found = RESULT.exec(file);
    return found === null ? [] : [{ file, task: found[1]!, part: Number(found[2]) }];
  });
  return names.sort((a, b) => (a.task < b.task ? -1 : a.task > b.task ? 1 : a.part - b.part));
}

/** Whether jobs may still come to this store with results, for whoever would remove something from it. */
export async function clusterAtWork(store: string): Promise<boolean> {
  const places = clusterPlaces(store);
  return (await readdir(places.arrays).catch(() => [])).length > 0 || (await resultNames(places)).length > 0;
}
