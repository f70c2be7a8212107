/** The published records, held among themselves as check-site holds them: a key follows from what its record says, and what one cell read is what another wrote. */
import { count } from '../../stages/dag/index.ts';
import { recordFaults } from '../records-check.ts';
import { RECORDS_FILE } from '../records-file.ts';
import { breathing } from './breath.ts';
import { sha256Of } from './objects.ts';
import type { RecordFault } from '../records-check.ts';
import type { PublishedCell, RecordLine } from '../records-file.ts';
import type { CheckContext, Finding } from './checks.ts';

/** Differences are told up to this many. */
const TOLD = 20;

/** `own`: the cells that it is about; of one without a record it is whether what its line says is what others say. */
export async function recordFindings(lines: readonly RecordLine[], own: readonly PublishedCell[], { signal, progress }: Pick<CheckContext, 'signal' | 'progress'>): Promise<readonly Finding[]> {
  const encoder = new TextEncoder(), breath = breathing(signal), recorded = own.filter(({ record }) => record !== undefined).length;
  try {
    const faults = await recordFaults(lines, own, (text) => sha256Of(encoder.encode(text)), async (done) => {
      progress(done, own.length, 'records');
      await breath();
    });
    if (faults.length === 0 && recorded > 0) return [{ verdict: 'equal', what: `${count(recorded, 'record')}: ${recorded === 1 ? 'its key follows' : 'each key follows'} from what the record says of code, parameters and inputs, and each input is what another wrote` }];
    return faultFindings(faults.map((fault) => ({ ...fault, file: RECORDS_FILE })), `in ${RECORDS_FILE}`);
  } catch (error) {
    if (signal.aborted) throw error;
    // Whatever lines of somebody else's make it.
    return [{ verdict: 'differs', what: `${RECORDS_FILE} cannot be followed`, detail: (error as Error).message }];
  }
}

/** `where`: of those that are not told, 'in a file'. */
export function faultFindings(faults: readonly (RecordFault & { readonly file: string })[], where: string): readonly Finding[] {
  const told = faults.slice(0, TOLD).map(({ file, what, expected, found }): Finding => ({ verdict: 'differs', what: `${file}: ${what}`, ...(expected === undefined ? {} : { detail: `it says ${found ?? 'nothing'}, and it should be ${expected}` }) }));
  return faults.length > TOLD ? [...told, { verdict: 'differs', what: `and ${faults.length - TOLD} more differences ${where}` }] : told;
}
