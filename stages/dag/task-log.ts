/** What tasks wrote to their output, kept for people: logs/<run>/<task>.log in the store, its first line saying which cells. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
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

/** What a task wrote, and for which cells it worked. */
export interface TaskLog { readonly task: string; readonly cells: readonly string[]; readonly text: string }

/** Those of a run, in the order of their tasks. A file that is none of ours, or was cut short, is passed over. */
export function taskLogs(storeFolder: string, run: string): readonly TaskLog[] {
  const folder = join(storeFolder, 'logs', run);
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.log'));
  } catch {
    return [];
  }
  return names.sort((a, b) => numberOf(a) - numberOf(b)).flatMap((name) => {
    try {
      const whole = readFileSync(join(folder, name), 'utf8');
      const end = whole.indexOf('\n');
      const { cells } = JSON.parse(whole.slice(0, end)) as { readonly cells?: unknown };
      return Array.isArray(cells) ? [{ task: name.slice(0, -'.log'.length), cells: cells.map(String), text: whole.slice(end + 1) }] : [];
    } catch {
      return [];
    }
  });
}

/** 'score-12.log' -> 12. */
const numberOf = (name: string): number => Number(/(\d+)\.log$/.exec(name)?.[1] ?? 0);
