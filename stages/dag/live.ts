/** What goes on in a store at this moment, for a page that follows runs of other processes: read from what they write anyway. */
import { atWorkLines } from './at-work.ts';
import { durationEstimates } from './estimates.ts';
import { failureLines } from './failure-lines.ts';
import { openStoreOf, readGround } from './ground.ts';
import { recentLines } from './past-runs.ts';
import { preview } from './preview.ts';
import { machineKey } from './turns.ts';
import type { Estimate } from './estimates.ts';
import type { Failure, Cell, CellRecord, Pipeline } from './types.ts';

/** What work costs is looked up again after so long: of a stage that is new it is known once some of its cells are done. */
const ESTIMATED_EVERY_MS = 30_000;

export interface LiveCell { readonly cell: string; readonly stage: string; readonly state: 'done' | 'failed' | 'running' | 'open' | 'not needed' }

export interface LiveState {
  /** Lines for people: who computes what, what failed, what happened lately. */
  readonly running: readonly string[];
  readonly failures: readonly string[];
  readonly recent: readonly string[];
  readonly cells: readonly LiveCell[];
  /** Time that computing takes what is left, ms, one cell after another, as far as records tell; undefined where none does, or nothing is left. */
  readonly leftMs: number | undefined;
  /** Of the cells that count now, by id. */
  readonly records: ReadonlyMap<string, CellRecord>;
}

export interface Live {
  /** The state, or undefined where nothing has changed since it was last told. */
  look(): Promise<LiveState | undefined>;
  /** Reads and hashes an output of a record. Throws DamagedObject. */
  read(record: CellRecord, output: string): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** Follows the pipeline's store. It commits nothing; only the cache of file hashes may be written, as `status` does. */
export function openLive(pipeline: Pipeline): Live {
  const store = openStoreOf(pipeline);
  let told = '';
  let estimate: Estimate | undefined;
  let estimatedMs = -Infinity;
  /** Of these cells together. */
  const timeOf = (cells: readonly Cell[]): number | undefined => {
    if (cells.length === 0) return undefined;
    if (performance.now() - estimatedMs > ESTIMATED_EVERY_MS) [estimate, estimatedMs] = [durationEstimates(pipeline.cells, store), performance.now()];
    const sum = cells.reduce((total, cell) => total + (estimate!(cell) ?? 0), 0);
    return sum === 0 ? undefined : sum;
  };
  return {
    async look() {
      store.refresh();
      const held = await store.leases.held();
      const seen = JSON.stringify([store.records().length, store.runs().map(({ run, endedAt }) => [run, endedAt]), held]);
      if (seen === told) return undefined;
      const forecasts = preview({ cells: pipeline.cells, onDemand: new Set() }, await readGround(pipeline, store, pipeline.cells));
      const keys = new Set<string>(held.map(({ key }) => key));
      const cells: LiveCell[] = [];
      const records = new Map<string, CellRecord>();
      const failures: { cell: string; failure: Failure }[] = [];
      const left: Cell[] = [];
      for (const one of pipeline.cells) {
        const { id, stage } = one;
        const forecast = forecasts.get(id)!;
        // What counts may be computed once more: by force, or to be measured again.
        const isHeld = forecast.kind === 'run' ? keys.has(forecast.key) : forecast.kind === 'done' && forecast.records.some(({ key }) => keys.has(key));
        const state = isHeld ? 'running' : forecast.kind === 'run' || forecast.kind === 'follows' ? 'open' : forecast.kind === 'idle' ? 'not needed' : forecast.kind;
        cells.push({ cell: id, stage: stage.name, state });
        if (state === 'open' || state === 'running') left.push(one);
        if (forecast.kind === 'done') records.set(id, forecast.records[0]!);
        if (forecast.kind === 'failed' && forecast.origin === id) failures.push({ cell: id, failure: forecast.failure });
      }
      told = seen;
      return {
        running: atWorkLines(held.filter(({ key, holder }) => key !== machineKey(holder.machine)), forecasts, store.machine),
        failures: failureLines(failures), recent: recentLines(store, held.map(({ holder }) => holder)), cells, records, leftMs: timeOf(left),
      };
    },
    read: async (record, output) => await store.read(store.handle(record.outputs[output]!)),
    close: () => store.close(),
  };
}
