/** What the store would record of an output, without storing it. */
import { hashFile } from './facts.ts';
import { sha256 } from './sha256.ts';
import { encodeManifest } from './trees.ts';
import type { OutputBytes, OutputContent } from './store.ts';
import type { OutputRecord } from './types.ts';

export async function hashOutput(content: OutputContent): Promise<OutputRecord> {
  if (!('tree' in content)) return hashBytes(content);
  const files = new Map<string, OutputRecord>();
  for (const [path, bytes] of content.tree) files.set(path, await hashBytes(bytes));
  return { ...(await hashBytes(encodeManifest(files))), tree: true };
}

async function hashBytes(bytes: OutputBytes): Promise<OutputRecord> {
  return bytes instanceof Uint8Array ? { sha256: sha256(bytes), bytes: bytes.length } : hashFile(bytes.file);
}
