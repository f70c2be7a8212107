/**
 * How outputs travel from a worker: bytes below INLINE_BYTES in the message, larger ones as files in the task's scratch folder,
 * which the store moves into place. Text becomes UTF-8.
 */
import { writeFileSync } from 'node:fs';
import { ensureFolderSync } from '../disk.ts';
import type { OutputBytes, OutputContent } from '../store.ts';
import type { OutputPart, OutputValue } from '../task-types.ts';

/** An object of the store's own file size or more is moved, not sent through a pipe. */
const INLINE_BYTES = 1 << 20;

export function asBytes(value: OutputValue): OutputContent {
  if (typeof value === 'string' || value instanceof Uint8Array || !('tree' in value)) return partBytes(value);
  return { tree: new Map(Array.from(value.tree, ([path, part]) => [path, partBytes(part)])) };
}

function partBytes(part: OutputPart): OutputBytes {
  return typeof part === 'string' ? new TextEncoder().encode(part) : part;
}

/** Writes large outputs to files under `folder`, named from `prefix`; answers what to send. */
export function forSending(value: OutputValue, folder: string, prefix: string): OutputContent {
  let files = 0;
  const place = (bytes: OutputBytes): OutputBytes => {
    if (!(bytes instanceof Uint8Array) || bytes.length < INLINE_BYTES) return bytes;
    ensureFolderSync(folder);
    const file = `${folder}/${prefix}-${files++}`;
    writeFileSync(file, bytes, { flag: 'wx' });
    return { file };
  };
  const content = asBytes(value);
  if (content instanceof Uint8Array || !('tree' in content)) return place(content);
  return { tree: new Map(Array.from(content.tree, ([path, bytes]) => [path, place(bytes)])) };
}
