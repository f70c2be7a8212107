/** The floor of the measurement: what another engine makes of the same weights, in its own order of operations. */
import { html, list, lit } from '../html.ts';
import type { Html } from '../html.ts';
import { term } from '../glossary.ts';
import { num } from '../num.ts';
import type { PageInput } from '../page.ts';
import { table } from '../table.ts';
import { metrics, modelName, overall } from './common.ts';
import type { MetricRow, ModelRow } from './common.ts';

export async function floor(input: PageInput, all: readonly ModelRow[]): Promise<Html> {
  const rows = await metrics(input, ['floor_kl_mean', 'floor_kl_max', 'floor_top1_agreement', 'floor_delta_nll']);
  const means = all.flatMap((m) => rows.filter((r) => r.quantity === 'floor_kl_mean' && r.model === m.model));
  const title = html`<h3 id="floor">The floor of the measurement</h3>
`;
  if (means.length === 0) {
    return html`${title}<p>Not measured here: no engine that rounds in another order scored these texts. Base and format are computed in one fixed order of operations, so none of the distances on this page is an engine's rounding.</p>`;
  }
  const smallest = (await metrics(input, ['kl_mean'], overall)).filter((r) => r.value > 0).sort((a, b) => a.value - b.value)[0];
  const largest = [...means].sort((a, b) => b.value - a.value)[0]!;
  const at = (quantity: string) => (r: MetricRow): MetricRow | undefined => rows.find((x) => x.quantity === quantity && x.model === r.model && x.engine === r.engine);
  return html`${title}<p>The ${term('base')} itself, scored by ${list([...new Set(means.map((r) => r.engine ?? ''))].map((engine) => lit(engine, 'name')))}, which rounds and adds otherwise (on some processors in bf16), is at most ${num(largest)} nats a token from what the study computed${smallest ? html`; the smallest distance of a format, ${num(smallest)} (${smallest.format} on ${smallest.model}), is ${smallest.value > largest.value ? 'above' : 'not above'} that` : ''}. Base and format are computed in one fixed order, so the figures on this page do not contain it: it is what another program would add to them.</p>
${table({ rows: means, columns: [
    { head: 'model', cell: (r) => modelName(r.model) }, { head: 'engine', cell: (r) => r.engine ?? '' }, { head: 'KL, nats', number: (r) => r }, { head: 'largest KL', number: at('floor_kl_max') },
    { head: 'ΔNLL, nats', number: at('floor_delta_nll'), options: { signed: true } }, { head: 'same top token', number: at('floor_top1_agreement') }, { head: 'positions', number: (r) => r, what: 'metrics.n' },
  ] })}`;
}
