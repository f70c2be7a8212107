/** By how much the probability of the text's own token moves. */
import { dotPanel, figure, sharedDomain } from '../charts.ts';
import { html, list, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { term } from '../glossary.ts';
import { num } from '../num.ts';
import { table } from '../table.ts';
import { find, formatName, intervalNote, mark, modelName } from './common.ts';
import type { MetricRow, ModelRow } from './common.ts';
import { perModel } from './per-model.ts';

const PERCENTILES = ['delta_p_p01', 'delta_p_p05', 'delta_p_median', 'delta_p_p95', 'delta_p_p99'] as const;
const nameOf = (quantity: string): Html => (quantity === 'delta_p_median' ? html`median` : html`${lit(`${Number(quantity.slice(-2))} %`, 'definition')}`);

export async function probability(all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  const shown = rows.filter((r) => (PERCENTILES as readonly string[]).includes(r.quantity));
  if (shown.length === 0) return html``;
  const domain = sharedDomain(shown.map((r) => mark(points(r), 0)), { zero: true });
  const at = (quantity: string) => (r: MetricRow): MetricRow | undefined => find(rows, { quantity, model: r.model, format: r.format });
  return figure({
    id: 'delta-p', title: titleOf(all, rows),
    subtitle: html`${term('delta-p', 'Δp')}: the probability of the text's token under the format, less that under the base, in percentage points. From left to right for each format: ${list(PERCENTILES.map(nameOf))} of the positions. ${intervalNote(shown)}`,
    panels: await perModel(all, shown, () => true, (title, own) => dotPanel(title, own.map((r) => mark(points(r), 0)), { label: 'Δp (percentage points)', domain, zero: 0 })),
    data: table({ rows: shown.filter((r) => r.quantity === 'delta_p_median'), sortable: true, columns: [
      { head: 'model', cell: (r) => modelName(r.model) }, { head: 'format', cell: formatName },
      { head: 'mean', number: at('delta_p_mean'), options: { signed: true } }, { head: 'root mean square', number: at('delta_p_rms') },
      ...PERCENTILES.map((quantity) => ({ head: nameOf(quantity), number: at(quantity), options: { signed: true } })),
    ] }),
  });
}

/** mark() keeps shares within 0 and 100; these have a sign. */
const points = (r: MetricRow): MetricRow => ({ ...r, unit: 'percentage points', value: r.value * 100, low: r.low === null ? null : r.low * 100, high: r.high === null ? null : r.high * 100 });

function titleOf(all: readonly ModelRow[], rows: readonly MetricRow[]): Content {
  const own = rows.filter((r) => r.quantity === 'delta_p_rms' && r.model === all.at(-1)?.model).sort((a, b) => b.value - a.value)[0];
  const mean = own && find(rows, { quantity: 'delta_p_mean', model: own.model, format: own.format });
  if (!own || !mean) return 'How far the probability of the next token moves';
  const none = mean.low !== null && mean.high !== null && mean.low <= 0 && mean.high >= 0;
  return html`In ${own.format} the probability of ${own.model}'s next token moves by ${num(own)} (root mean square), on average by ${num(mean, undefined, { signed: true })}${none ? ', which may be none' : ''}`;
}
