/** A reader of a project's file, given a folder in which that file alone lies. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isConfigurationError } from '../../stages/dag/index.ts';

/** What it gives, or the lines of its complaint. `text` undefined: the file is not there. */
export async function inFolder<T>(path: string, text: string | undefined, act: (folder: string) => Promise<T>): Promise<T | string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bitwidth-file-'));
  try {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    if (text !== undefined) writeFileSync(join(folder, path), text);
    return await act(folder);
  } catch (error) {
    if (!isConfigurationError(error)) throw error;
    return error.message.split('\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
