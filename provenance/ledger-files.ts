/** The files of the ledger, for whoever declares cells that read them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where they lie, from the project's root. */
export const LEDGER = 'data/reproductions';

/** Their paths from the project's root, sorted; none where there is no such folder. */
export function ledgerFiles(root: string): readonly string[] {
  try {
    return readdirSync(join(root, LEDGER)).filter((name) => name.endsWith('.json')).sort().map((name) => `${LEDGER}/${name}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
