/** Two say that equal work came out otherwise: it is computed once more, by the reference, and what comes of that is told. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { sameResult } from './same-result.ts';
import type { Conflict } from '../decide.ts';
import type { Cell, CellRecord, Pipeline, Variation } from '../types.ts';

const OWN = 'this store';

/** How the work is done that decides between some records. */
export function refereeOf({ referee }: Pipeline, { signed }: Conflict): Variation | undefined {
  for (const { record } of signed) {
    const found = referee?.(record.computedBy);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** 'score:a/nf4: results of the same key differ. Computed here once more (engine reference), Anna is right; Ben is not.' */
export function verdictText({ id, stage }: Cell, { signed }: Conflict, record: CellRecord, how: string | undefined): string {
  const names = (right: boolean): readonly string[] => [...new Set(signed.filter((one) => sameResult(stage, one.record, record) === right).map(({ by = OWN }) => by))];
  const [right, wrong] = [names(true), names(false)];
  const differing = stage.outputs.filter((name) => new Set(signed.map((one) => one.record.outputs[name]?.sha256)).size > 1);
  const verdict = right.length === 0 ? `none of them came out again (${wrong.join(', ')})` : `what came out is what is signed by ${right.join(' and ')}, and not what is signed by ${wrong.join(' and ')}`;
  return `${id}: results of the same key differ (${differing.join(', ')}), signed by ${[...right, ...wrong].join(' and ')}. Computed here once more${how === undefined ? '' : ` (${how})`}: ${verdict}. All are kept in the store, under aside/`;
}

/** Says nothing where it cannot be written. */
export function keepEvidence(folder: string, { signed }: Conflict, record: CellRecord): void {
  try {
    mkdirSync(`${folder}/aside`, { recursive: true, mode: 0o700 });
    writeFileSync(`${folder}/aside/conflict-${record.key}.json`, `${JSON.stringify({ ruling: record, records: signed }, null, 1)}\n`, { mode: 0o600 });
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code !== 'string') throw error;
  }
}
