/** Versions of packages as locked, without loading them. */
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';

interface LockEntry { readonly version?: string; readonly link?: boolean; readonly resolved?: string }

const locks = new Map<string, { readonly text: string; readonly packages: { readonly [path: string]: LockEntry } }>();

/**
 * Version of a package as a module in `folder` gets it: from the nearest package-lock.json at or above it, up to `root`; where
 * that says nothing, from what is installed (a study that is itself installed has no lock of its own). Absolute paths.
 */
export function lockedVersion(name: string, folder: string, root: string): string | undefined {
  for (let at = folder; ; at = posix.dirname(at)) {
    const packages = packagesOf(`${at}/package-lock.json`);
    const entry = packages?.[`node_modules/${name}`];
    const version = entry?.link === true && entry.resolved !== undefined ? packages?.[entry.resolved]?.version : entry?.version;
    if (version !== undefined) return version;
    if (packages !== undefined || at === root || at === posix.dirname(at)) break;
  }
  for (let at = folder; ; at = posix.dirname(at)) {
    const { version } = (parse(read(`${at}/node_modules/${name}/package.json`)) ?? {}) as LockEntry;
    if (typeof version === 'string') return version;
    if (at === posix.dirname(at)) return undefined;
  }
}

function packagesOf(path: string): { readonly [path: string]: LockEntry } | undefined {
  const text = read(path);
  if (text === undefined) return undefined;
  // The text decides, not a time stamp: a lock is read again in each place, parsed once.
  const known = locks.get(path);
  if (known?.text === text) return known.packages;
  const packages = (parse(text) as { readonly packages?: { readonly [path: string]: LockEntry } } | undefined)?.packages ?? {};
  locks.set(path, { text, packages });
  return packages;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
