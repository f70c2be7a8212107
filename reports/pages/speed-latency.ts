/** Time to the first token and from token to token, format by format. */
import { dotPanel, figure, sharedDomain } from '../charts.ts';
import { html, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { num } from '../num.ts';
import { table } from '../table.ts';
import { find, modelName } from './common.ts';
import { named } from './peer-words.ts';
import type { MetricRow, ModelRow } from './common.ts';

const PERCENTILES = ['decode_latency_p50', 'decode_latency_p95', 'decode_latency_p99'] as const;

export async function latency(engine: string, rows: readonly MetricRow[], all: readonly ModelRow[]): Promise<Html> {
  const shown = rows.filter((r) => (PERCENTILES as readonly string[]).includes(r.quantity));
  const lines = rows.filter((r) => r.quantity === 'time_to_first_token');
  const few = (): Html => html`<span class="missing">too few steps</span>`;
  const at = (quantity: string) => (r: MetricRow): MetricRow | undefined => find(rows, { quantity, model: r.model, format: r.format });
  const panels = [];
  for (const { model } of all) {
    const own = shown.filter((r) => r.model === model);
    const marks = own.map((r) => ({ format: r.format, family: r.family, x: 0, y: r.value, low: null, high: null }));
    if (own.length > 0) panels.push(await dotPanel(model, marks, { label: 'ms from token to token', domain: sharedDomain(marks, { zero: true }) }));
  }
  return figure({
    id: `latency-${engine}`, panels, title: titleOf(engine, rows, all),
    subtitle: html`Time from token to token, from left to right for each format: half, ${lit('95 %', 'definition')}${shown.some((r) => r.quantity === 'decode_latency_p99') ? html` and ${lit('99 %', 'definition')}` : ''} of single decoding steps take at most so long. Below: also the time to the first token, in which the prompt is read (median over blocks). Scales differ between models.`,
    data: table({ rows: lines, sortable: true, columns: [
      { head: 'model', cell: (r) => modelName(r.model) }, { head: 'format', cell: named }, { head: 'first token, ms', number: (r) => r },
      { head: html`p${lit('50', 'definition')}, ms`, number: at('decode_latency_p50'), gap: few }, { head: html`p${lit('95', 'definition')}, ms`, number: at('decode_latency_p95'), gap: few }, { head: html`p${lit('99', 'definition')}, ms`, number: at('decode_latency_p99'), gap: few },
    ] }),
  });
}

/** Of the largest model's base: a usual step and a slow one. */
function titleOf(engine: string, rows: readonly MetricRow[], all: readonly ModelRow[]): Content {
  const model = all.findLast((m) => rows.some((r) => r.model === m.model && r.quantity === 'decode_latency_p50'));
  const usual = model && find(rows, { quantity: 'decode_latency_p50', model: model.model, format: model.base_format });
  const slow = usual && (['decode_latency_p99', 'decode_latency_p95'] as const).map((quantity) => find(rows, { quantity, model: usual.model, format: usual.format })).find((r) => r !== undefined);
  return usual && slow ? html`On ${engine}, ${usual.model} in ${usual.format} takes ${num(usual)} ms for half of its tokens at most, and ${num(slow)} ms or more for one in ${slow.quantity.endsWith('99') ? 'a hundred' : 'twenty'}` : html`Time from token to token on ${engine}`;
}
