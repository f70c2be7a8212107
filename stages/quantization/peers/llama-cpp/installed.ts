/**
 * Where node-llama-cpp is, which the user installs: with its binaries it has some 40 MB for a processor and hundreds for graphics cards. Nothing of it is
 * loaded here.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PACKAGE = 'node-llama-cpp';
/** What program.mjs was written for; older ones have another inside, and a new major version may have. */
const LEAST = [3, 21, 0] as const;
const TRIED = '3.21.1';

/** Its install script would download or compile; the binaries come as packages of their own and need none. */
export const INSTALL = `npm install --no-save --ignore-scripts ${PACKAGE}@${TRIED}`;

export interface InstalledPackage {
  readonly folder: string;
  readonly version: string;
  /** The release of llama.cpp that its prebuilt binaries are of; undefined where it does not say. */
  readonly release: string | undefined;
}

/** The package's folder in the nearest node_modules, from the working directory upward and then from this file. */
export function packageFolder(starts: readonly string[] = [process.cwd(), dirname(fileURLToPath(import.meta.url))]): string | undefined {
  for (const start of starts) {
    for (let folder = start; ; folder = dirname(folder)) {
      const found = join(folder, 'node_modules', PACKAGE);
      if (existsSync(join(found, 'package.json'))) return found;
      if (dirname(folder) === folder) break;
    }
  }
  return undefined;
}

/** As text: a sentence that says why it cannot be used. */
export function installedPackage(folder: string | undefined): InstalledPackage | string {
  if (folder === undefined) return `the package ${PACKAGE} is not installed`;
  const version = field(join(folder, 'package.json'), 'version');
  if (version === undefined) return `the package ${PACKAGE} is damaged: its package.json names no version`;
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  const [leastMajor, leastMinor, leastPatch] = LEAST;
  if (major > leastMajor) return `${PACKAGE} is of version ${version}; known are those of ${leastMajor}.x from ${LEAST.join('.')} on`;
  if (major < leastMajor || minor < leastMinor || (minor === leastMinor && patch < leastPatch)) return `${PACKAGE} ${version} is too old; at least ${LEAST.join('.')} is needed`;
  return { folder, version, release: field(join(folder, 'llama', 'binariesGithubRelease.json'), 'release') };
}

function field(path: string, name: string): string | undefined {
  try {
    const value = (JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>)[name];
    return typeof value === 'string' && /^[\w.+-]{1,64}$/.test(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
