/**
 * Where a module is imported from. In a bundle (bin/build.mjs) that is the build's folder, whose layout mirrors the project's;
 * otherwise the source itself, for a loader that reads TypeScript.
 */
import { existsSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The bundle's own URL. Not spelled import.meta.url: the bundler makes that the source's. */
const OWN_URL = (({ url }: ImportMeta) => url)(import.meta);
const BUILD = /^(.*\/\.bitwidth\/build\/[^/]+)\//.exec(OWN_URL)?.[1];

const urls = new Map<string, string>();

/** URL to import for a module of the project, given by its path from the root. */
export function moduleUrl(root: string, path: string): string {
  const name = join(root, path);
  let url = urls.get(name);
  if (url === undefined) urls.set(name, url = findUrl(root, path));
  return url;
}

function findUrl(root: string, path: string): string {
  if (BUILD !== undefined) {
    const built = `${BUILD}/${encodeURI(path.replace(/\.ts$/, '.js'))}`;
    if (existsSync(fileURLToPath(built))) return built;
  }
  return pathToFileURL(join(root, path)).href;
}

/** Path of the program that worker processes run. */
export const workerProgram = (): string => programAt('executors/worker-main');

/** Path of the program that jobs of a cluster run. */
export const jobProgram = (): string => programAt('slurm/job-main');

/** Path of the program of a process for one function. */
export const ownProcessProgram = (): string => programAt('executors/own-process-main');

/** `path`: from this folder, without its ending. */
function programAt(path: string): string {
  if (BUILD === undefined) return fileURLToPath(new URL(`./${path}.ts`, import.meta.url));
  const folder = fileURLToPath(BUILD);
  // What is in use is touched, so that a run of many days keeps its build.
  try { utimesSync(folder, new Date(), new Date()); } catch { /* a read-only disk: nothing is pruned there either */ }
  return join(folder, `stages/dag/${path}.js`);
}
