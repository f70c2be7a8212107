/** What tasks wrote to their output, kept for people: logs/<run>/<task>.log in the store, its first line saying which cells. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Best effort: a log that cannot be written is not worth failing for. */
export function writeTaskLog(storeFolder: string, run: string, task: string, cells: readonly string[], text: string): void {
  const folder = join(storeFolder, 'logs', run);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, `${task}.log`), `${JSON.stringify({ cells })}\n${text}`, { mode: 0o600 });
  } catch {
    // A disk that is full says so when the cells are committed.
  }
}
