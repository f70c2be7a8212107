/** How fast our engine is beside a peer: ratios of rates that were taken in the same blocks (peer-speed.ts), as rows of table peer_ratios. */
import { exp64 } from '../../kernels/float64.ts';
import type { Run, TaskCell, TaskIo } from '../dag/index.ts';
import type { PeerSamples } from './peer-speed.ts';
import { median, medianInterval } from './statistics/median.ts';
import { INTERVAL_LEVEL } from './summarize-rows.ts';
import { pairedLogRatios, rates } from './summarize-speed.ts';
import { foundJson } from './table-rows.ts';
import type { Row } from './table-rows.ts';
import { guarded, listParam, textParam } from './task-values.ts';

export const run: Run = async (cells, io) => {
  for (const task of cells) await guarded(io, task, async () => { await io.commit(task.id, { ratios: JSON.stringify(await ratios(task, io)) }); });
};

/** An item of params.pairs: a format of the peer and the one of ours that stands beside it. */
export interface RatioPair { readonly format: string; readonly ours: string }

async function ratios(task: TaskCell, io: TaskIo): Promise<Row[]> {
  const rows: Row[] = [];
  // Of several machines the first by label, as in all that is summarized.
  for await (const { value } of foundJson<PeerSamples>(task, io)) {
    for (const { format, ours } of listParam(task, 'pairs') as unknown as readonly RatioPair[]) {
      for (const phase of ['decode', 'prefill']) rows.push(...ratio(value, phase, { format, ours }).map((found) => ({
        quantity: `${phase}_ratio_to_peer`, model: textParam(task, 'model'), peer: textParam(task, 'peer'), format, ours, engine: value.ours.engine.name, value: found.value, low: found.low, high: found.high, unit: 'ratio', n: found.n, cell: task.id,
      })));
    }
    break;
  }
  return rows;
}

/** Ours over theirs, block by block: the median, and its interval from order statistics, as speed ratios are stated everywhere (summarize-speed.ts). */
export function ratio({ ours, ...theirs }: Pick<PeerSamples, 'samples' | 'ours'>, phase: string, pair: RatioPair): { readonly value: number; readonly low: number | null; readonly high: number | null; readonly n: number }[] {
  const logs = pairedLogRatios(rates(ours, pair.ours, phase), rates(theirs, pair.format, phase));
  if (logs.length === 0) return [];
  const bounds = medianInterval(logs, INTERVAL_LEVEL);
  return [{ value: exp64(median(logs)), low: bounds === undefined ? null : exp64(bounds.low), high: bounds === undefined ? null : exp64(bounds.high), n: logs.length }];
}
