/** What a reader found, as the study's ledger takes it: the file that `bitwidth ledger add` reads (provenance/reproduction.ts says what each field is). */
import { sha256Of } from './objects.ts';
import type { Finding } from './checks.ts';
import type { Plan } from './plan.ts';

const REPRODUCTION_FORMAT = 1;

export interface Reader { readonly by: string; /** The browser, as it calls itself. */ readonly browser: string; readonly processors: number; readonly when: Date }

/** Undefined where no cell was computed whole. */
export async function readersReproduction(plan: Plan, findings: readonly Finding[], { by, browser, processors, when }: Reader): Promise<string | undefined> {
  const cells = Object.fromEntries(findings.flatMap(({ cell }) => cell === undefined ? [] : [[cell.cell, { key: cell.key, result: cell.result }]]));
  if (Object.keys(cells).length === 0) return undefined;
  return `${JSON.stringify({
    format: REPRODUCTION_FORMAT,
    of: { pipeline: plan.pipeline, run: null, cells: await sha256Of(new TextEncoder().encode(JSON.stringify(plan.cells))) },
    by: by.trim().slice(0, 200) || 'a reader', machine: 'a browser',
    // Not independent of the report: its own program computed.
    cpu: `${processors} processors, in a page of the report by the program that it publishes (${browser.slice(0, 300)})`,
    when: `${when.toISOString().slice(0, 16)}:00+00:00`, otherCode: [], claims: [], cells,
  }, null, 1)}\n`;
}
