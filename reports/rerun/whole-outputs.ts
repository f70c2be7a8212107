/** Rows against the results that they were made of: where tables have all of an output, its bytes come out of them again, and have the sha256 that its record names. */
import { count } from '../../stages/dag/index.ts';
import { RECORDS_FILE } from '../records-file.ts';
import { breathing } from './breath.ts';
import { sha256Of } from './objects.ts';
import type { PublishedCell } from '../records-file.ts';
import type { OpenedRows } from './aggregates.ts';
import type { CheckContext, Finding } from './checks.ts';

/** Differences are told up to this many. */
const TOLD = 50;

/** Differences, one for each cell; then what all came to. Nothing where no table has a whole output of these cells. */
export async function wholeFindings(rows: OpenedRows, cells: readonly PublishedCell[], { signal, progress }: Pick<CheckContext, 'signal' | 'progress'>): Promise<readonly Finding[]> {
  const breath = breathing(signal), differing: Finding[] = [];
  let made = 0;
  for (const [i, cell] of cells.entries()) {
    progress(i, cells.length, 'results made again of their rows');
    await breath();
    try {
      const whole = rows.whole(cell), recorded = whole && cell.record?.outputs[whole.output];
      if (whole === undefined) continue;
      made++;
      const found = await sha256Of(whole.bytes);
      if (found !== recorded?.sha256 || whole.bytes.length !== recorded.bytes) differing.push({ verdict: 'differs', what: `the published rows of ${cell.cell} do not make its result`, detail: `${whole.output} made of them has the sha256 ${found} and ${whole.bytes.length} bytes, and ${RECORDS_FILE} says ${recorded === undefined ? 'nothing' : `${recorded.sha256} and ${recorded.bytes} bytes`}` });
    } catch (error) {
      // What rows that anybody may have written lack; AbortError is none of theirs.
      if (!(error instanceof RangeError)) throw error;
      differing.push({ verdict: 'differs', what: `the published rows of ${cell.cell} do not make its result`, detail: error.message });
    }
  }
  if (differing.length > TOLD) return [...differing.slice(0, TOLD), { verdict: 'differs', what: `and the rows of ${count(differing.length - TOLD, 'more cell')}` }];
  if (differing.length > 0 || made === 0) return differing;
  return [{ verdict: 'equal', what: `the published rows of ${count(made, 'cell')} make ${made === 1 ? 'its whole result' : 'their whole results'}, byte for byte, as ${RECORDS_FILE} names ${made === 1 ? 'it' : 'them'}` }];
}
