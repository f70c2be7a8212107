/** What the store would record of an output, without storing it. What it has already is read and hashed again. */
import { hashFile } from './facts.ts';
import { readInPieces } from './objects.ts';
import { sha256 } from './sha256.ts';
import { encodeManifest } from './trees.ts';
import type { OutputBytes, OutputContent } from './store.ts';
import type { OutputRecord } from './types.ts';

/** Throws DamagedObject. */
export async function hashOutput(content: OutputContent): Promise<OutputRecord> {
  if (!('tree' in content)) return hashBytes(content);
  const files = new Map<string, OutputRecord>();
  for (const [path, bytes] of content.tree) files.set(path, await hashBytes(bytes));
  return { ...(await hashBytes(encodeManifest(files))), tree: true };
}

async function hashBytes(bytes: OutputBytes): Promise<OutputRecord> {
  if (bytes instanceof Uint8Array) return { sha256: sha256(bytes), bytes: bytes.length };
  if ('file' in bytes) return hashFile(bytes.file);
  await readInPieces(bytes.stored, () => undefined);
  return { sha256: bytes.stored.sha256, bytes: bytes.stored.bytes };
}
