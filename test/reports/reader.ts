/** What the button's checks find in a site, read as a page reads it, with some files of it replaced. Test use only. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { MissingFile } from '../../reports/rerun/objects.ts';
import { PLAN_FILE } from '../../reports/rerun/plan.ts';
import { SIZES_FILE } from '../../reports/manifest.ts';
import { aggregates } from '../../stages/quantization/in-page/aggregates.ts';
import type { Check, CheckContext, Finding } from '../../reports/rerun/checks.ts';
import type { Plan } from '../../reports/rerun/plan.ts';

export type Bytes = Uint8Array<ArrayBuffer>;
/** Path -> what a reader finds there instead; undefined: nothing. */
export type Instead = { readonly [path: string]: string | Uint8Array | undefined };

export const scriptValue = <T>(text: string): T => JSON.parse(text.slice(text.indexOf('=') + 1, text.lastIndexOf(';'))) as T;

export function planIn(folder: string): Plan {
  const read = (path: string): string => readFileSync(join(folder, path), 'utf8');
  return { ...scriptValue<Plan>(read(PLAN_FILE)), files: scriptValue(read(SIZES_FILE)) };
}

export interface Read { readonly findings: readonly Finding[]; /** Paths that were asked for. */ readonly asked: ReadonlySet<string>; readonly told: readonly string[] }

/** `chosen`: as from a folder that the reader chose. `stopAt`: asks it to stop at this call of its progress. */
export async function read(check: Check, folder: string, { instead = {}, cell, chosen = false, stopAt = Infinity }: { readonly instead?: Instead; readonly cell?: string; readonly chosen?: boolean; readonly stopAt?: number } = {}): Promise<Read> {
  const findings: Finding[] = [], asked = new Set<string>(), told: string[] = [];
  const stop = new AbortController();
  const context: CheckContext = {
    place: { cell }, plan: planIn(folder), choice: undefined, signal: stop.signal,
    progress: (done, total, unit) => { told.push(`${done} of ${total} ${unit}`); if (told.length >= stopAt) stop.abort(); },
    say: (finding) => { findings.push(finding); },
    file: async (path) => {
      asked.add(path);
      if (path in instead ? instead[path] === undefined : !existsSync(join(folder, path))) throw new MissingFile(`there is no ${path}`);
      const bytes = instead[path] ?? readFileSync(join(folder, path));
      return new Uint8Array(typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes);
    },
    object: async () => { throw new Error('no object was asked for'); },
    program: async () => ({ aggregates }),
    chosen: chosen ? [...filesIn(folder), ...Object.keys(instead)] : undefined,
  };
  await check.run(context);
  return { findings, asked, told };
}

export function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).flatMap((entry) => entry.isFile() ? [join(entry.parentPath, entry.name).slice(folder.length + 1)] : []);
}
