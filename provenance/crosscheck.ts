/** How a study offers scripts that compute its numbers once more with others' code. The command knows no study; it is given this. */
import type { CommandEntry } from '../stages/dag/index.ts';
import type { StoredNumber } from './numbers.ts';

/** A script in Python, or why there is none for this number. */
export type Crosscheck = (number: Pick<StoredNumber, 'id' | 'table' | 'column' | 'row' | 'value'>) => { readonly script: string } | { readonly why: string };

/** `load`: the study's scripts, for the flags of the project that were given. */
export function crosscheckEntry(load: (flags: { readonly [flag: string]: unknown }) => Promise<Crosscheck>): CommandEntry {
  return { summary: 'Print a script that computes a number again with others\' code', load: async () => ({ default: (await import('./commands/crosscheck.ts')).crosscheckWith(load) }) };
}
