/** What package.json and package-lock.json say of packages, without loading them. */
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
    for (const place of placesOf(name, posix.relative(at, folder))) {
      const entry = packages?.[place];
      const version = entry?.link === true && entry.resolved !== undefined ? packages?.[entry.resolved]?.version : entry?.version;
      if (version !== undefined) return version;
    }
    if (packages !== undefined || at === root || at === posix.dirname(at)) break;
  }
  for (let at = folder; ; at = posix.dirname(at)) {
    const { version } = (parse(read(`${at}/node_modules/${name}/package.json`)) ?? {}) as LockEntry;
    if (typeof version === 'string') return version;
    if (at === posix.dirname(at)) return undefined;
  }
}

/** Where a module in a folder, given from the lock, finds a package: in the nearest node_modules above it. */
function placesOf(name: string, folder: string): string[] {
  const places: string[] = [];
  for (let at = folder; at !== '' && at !== '.'; at = posix.dirname(at)) if (posix.basename(at) !== 'node_modules') places.push(`${at}/node_modules/${name}`);
  return [...places, `node_modules/${name}`];
}

/** Name by which others import a module of a package -> the module's path from the package's folder (`exports`, one file a name). */
export function exportsOf(folder: string): ReadonlyMap<string, string> {
  const { name, exports } = (parse(read(`${folder}/package.json`)) ?? {}) as { readonly name?: string; readonly exports?: { readonly [path: string]: unknown } };
  return new Map(Object.entries(exports ?? {}).flatMap(([path, file]) => typeof file === 'string' && name !== undefined ? [[posix.join(name, path), posix.normalize(file)] as const] : []));
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
