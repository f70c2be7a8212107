/** Whether two records say the same of their key. */
import type { CellRecord, Stage } from '../types.ts';

/** Outputs whose bytes may differ between equal runs are not compared; of what was measured every record is one of its own. */
export function sameResult({ outputs, unstableOutputs = [] }: Stage, a: CellRecord, b: CellRecord): boolean {
  return outputs.every((name) => unstableOutputs.includes(name) || a.outputs[name]?.sha256 === b.outputs[name]?.sha256);
}
