/** Tree outputs: an object that lists its files, canonical JSON of path -> { bytes, sha256 }. */
import { canonicalJson } from './canonical.ts';
import { unsafePath } from './paths.ts';
import { isSha256 } from './sha256.ts';
import type { OutputRecord } from './types.ts';

/** The manifest's bytes. Throws TypeError for a path that may not stand in a tree, or a file that is also a folder. */
export function encodeManifest(files: ReadonlyMap<string, OutputRecord>): Uint8Array {
  for (const path of files.keys()) {
    const fault = unsafePath(path);
    if (fault !== undefined) throw new TypeError(`tree path ${JSON.stringify(path)} ${fault}`);
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      if (files.has(path.slice(0, at))) throw new TypeError(`tree path ${JSON.stringify(path)} lies in ${JSON.stringify(path.slice(0, at))}, which is a file`);
    }
  }
  const entries = [...files].map(([path, { bytes, sha256 }]) => [path, { bytes, sha256 }] as const);
  return Buffer.from(canonicalJson(Object.fromEntries(entries)));
}

/** The files of a manifest; undefined if it is none. */
export function decodeManifest(bytes: Uint8Array): ReadonlyMap<string, OutputRecord> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const files = new Map<string, OutputRecord>();
  for (const [path, entry] of Object.entries(value as { readonly [path: string]: Partial<OutputRecord> | null })) {
    const { sha256, bytes: size } = entry ?? {};
    if (unsafePath(path) !== undefined || typeof sha256 !== 'string' || !isSha256(sha256) || !Number.isSafeInteger(size) || (size as number) < 0) return undefined;
    files.set(path, { sha256, bytes: size as number });
  }
  return files;
}
