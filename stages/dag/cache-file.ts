/**
 * A text-to-text map in a file, whose loss or damage costs time only: every line carries a checksum and a line that does not
 * hold is dropped; a file that cannot be written is left alone; of two processes saving at once, one is remembered.
 */
import { readFileSync } from 'node:fs';
import { replaceQuietly } from './disk.ts';
import { encodeLine, readLines } from './log-lines.ts';

/** The file's entries; empty when there is none. */
export function loadCache(path: string): Map<string, string> {
  const entries = new Map<string, string>();
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return entries;
  }
  for (const line of readLines(bytes).lines) {
    const { key, value } = (line.parse() ?? {}) as { readonly key?: unknown; readonly value?: unknown };
    if (typeof key === 'string' && typeof value === 'string') entries.set(key, value);
  }
  return entries;
}

/** Replaces the file. Returns whether it could. Not synced: after a crash the checksums tell what is left of it. */
export function saveCache(path: string, entries: ReadonlyMap<string, string>): boolean {
  return replaceQuietly(path, () => Array.from(entries, ([key, value]) => encodeLine('entry', { key, value })));
}
