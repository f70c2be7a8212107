/** A checkpoint as the files that transformers reads, for a model that came in another kind of file: every weight widened to fp32, which loses nothing. */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { planSafetensors } from '../../../../kernels/safetensors.ts';
import type { Checkpoint } from '../../../../kernels/index.ts';

/** Writes the folder, a tensor at a time, and answers its path. Throws NotFinite naming the tensor. */
export function writeDecoded(checkpoint: Checkpoint, folder: string): string {
  mkdirSync(folder);
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...checkpoint.config, torch_dtype: 'float32' }));
  const { head, offsets } = planSafetensors(checkpoint.names.map((name) => ({ name, dtype: 'F32' as const, shape: checkpoint.shape(name) })), new Map([['format', 'pt']]));
  const file = openSync(join(folder, 'model.safetensors'), 'wx');
  try {
    writeAt(file, head, 0);
    for (const name of checkpoint.names) {
      const { values } = checkpoint.tensor(name);
      writeAt(file, new Uint8Array(values.buffer, values.byteOffset, values.byteLength), offsets.get(name)!);
    }
  } finally {
    closeSync(file);
  }
  return folder;
}

function writeAt(file: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done, bytes.length - done, offset + done);
}
