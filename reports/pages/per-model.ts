/** One panel a model, smallest first. */
import type { Panel } from '../charts.ts';
import type { MetricRow, ModelRow } from './common.ts';

/** The base, zero by definition where values are differences, is left out unless it is asked for; a model without rows has no panel. */
export async function perModel(all: readonly ModelRow[], rows: readonly MetricRow[], keep: (row: MetricRow) => boolean, draw: (title: string, own: readonly MetricRow[]) => Promise<Panel>, withBase = false): Promise<Panel[]> {
  const out: Panel[] = [];
  for (const model of all) {
    const own = rows.filter((r) => r.model === model.model && (withBase || r.format !== model.base_format) && keep(r));
    if (own.length > 0) out.push(await draw(model.model, own));
  }
  return out;
}
