/** What a record says of how a cell was computed, and how a task's end is put into it. */
import type { StoreUnwritable } from './errors.ts';
import type { RanElsewhere } from './executor.ts';
import type { OutputContent } from './store.ts';
import type { Cell, CellRecord, Failure, Stage } from './types.ts';

/** What its process held at its height, beside what was expected. */
export function memoryOf({ memoryBytes }: Cell, peakBytes: number | undefined): Pick<CellRecord, 'memory'> {
  return peakBytes === undefined ? {} : { memory: { peakBytes, ...(memoryBytes === undefined ? {} : { expectedBytes: memoryBytes }) } };
}

/** What a record says of a job's machine instead of the run's. */
export function elsewhere(ran: RanElsewhere | undefined): { readonly machine?: string; readonly place?: NonNullable<CellRecord['place']> } {
  return ran === undefined ? {} : { machine: ran.machine, place: { name: ran.place.name, queuedMs: Math.round(ran.place.queuedMs) } };
}

/** How a cell ends that could not be kept. */
export function unwritableFailure({ message, hint }: StoreUnwritable): Failure {
  return { code: 'not-available', sentence: message, hint };
}

/** Bytes of outputs that lie in memory. */
export function sizeOf(outputs: { readonly [name: string]: OutputContent }): number {
  let bytes = 0;
  for (const output of Object.values(outputs)) {
    const parts = output instanceof Uint8Array || !('tree' in output) ? [output] : output.tree.values();
    for (const part of parts) if (part instanceof Uint8Array) bytes += part.length;
  }
  return bytes;
}

/** Microseconds are noise. */
export function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** The outputs that differ between two records of one stage, but for those whose bytes may. */
export function otherOutputs({ outputs, unstableOutputs = [] }: Pick<Stage, 'outputs' | 'unstableOutputs'>, one: CellRecord, other: CellRecord): readonly string[] {
  return outputs.filter((name) => !unstableOutputs.includes(name) && one.outputs[name]?.sha256 !== other.outputs[name]?.sha256);
}
