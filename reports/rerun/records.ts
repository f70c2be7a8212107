/** The published records, held among themselves as check-site holds them: a key follows from what its record says, and what one cell read is what another wrote. */
import { count } from '../../stages/dag/index.ts';
import { recordFaults } from '../records-check.ts';
import { RECORDS_FILE } from '../records-file.ts';
import { breathing } from './breath.ts';
import { sha256Of } from './objects.ts';
import type { PublishedCell, RecordLine } from '../records-file.ts';
import type { CheckContext, Finding } from './checks.ts';

/** Differences are told up to this many. */
const TOLD = 20;

export async function recordFindings(lines: readonly RecordLine[], own: readonly PublishedCell[], { signal, progress }: Pick<CheckContext, 'signal' | 'progress'>): Promise<readonly Finding[]> {
  const cells = own.filter(({ record }) => record !== undefined), encoder = new TextEncoder(), breath = breathing(signal);
  if (cells.length === 0) return [];
  try {
    const faults = await recordFaults(lines, cells, (text) => sha256Of(encoder.encode(text)), async (done) => {
      progress(done, cells.length, 'records');
      await breath();
    });
    if (faults.length === 0) return [{ verdict: 'equal', what: `${count(cells.length, 'record')}: ${cells.length === 1 ? 'its key follows' : 'each key follows'} from what the record says of code, parameters and inputs, and each input is what another wrote` }];
    const told = faults.slice(0, TOLD).map(({ what, expected, found }): Finding => ({ verdict: 'differs', what: `${RECORDS_FILE}: ${what}`, ...(expected === undefined ? {} : { detail: `it says ${found ?? 'nothing'}, and it should be ${expected}` }) }));
    return faults.length > TOLD ? [...told, { verdict: 'differs', what: `and ${faults.length - TOLD} more differences in ${RECORDS_FILE}` }] : told;
  } catch (error) {
    if (signal.aborted) throw error;
    // Whatever lines of somebody else's make it.
    return [{ verdict: 'differs', what: `${RECORDS_FILE} cannot be followed`, detail: (error as Error).message }];
  }
}
