/** What temperature does to the unquantized model itself, and the distance relative to that at T = 1: what the softmax alone explains. */
import { figure, linePanel, sharedDomain } from '../charts.ts';
import type { Mark, Panel } from '../charts.ts';
import { html, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { term } from '../glossary.ts';
import { derived, num } from '../num.ts';
import { table } from '../table.ts';
import { formatName, mark, modelName } from './common.ts';
import type { MetricRow, ModelRow } from './common.ts';

/** Distances as multiples of that at T = 1, all formats over one another. Nothing where the study has no temperature 1 beside others. */
export async function relative(all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  const own = rows.filter((r) => r.quantity === 'total_variation' && r.top_k === 0 && r.temperature! > 0);
  const unit = (r: MetricRow): MetricRow | undefined => own.find((x) => x.model === r.model && x.format === r.format && x.temperature === 1 && x.value > 0);
  const points = own.flatMap((row) => { const one = unit(row); return one ? [{ row, one, ratio: row.value / one.value }] : []; });
  if (new Set(points.map((p) => p.row.temperature)).size < 2) return html``;
  const marks = (some: typeof points): Mark[] => some.map(({ row, ratio }) => ({ format: row.format, family: row.family, x: row.temperature!, y: ratio, low: null, high: null }));
  const yDomain = sharedDomain(marks(points), { zero: true });
  const panels: Panel[] = [];
  for (const { model } of all) {
    const here = points.filter((p) => p.row.model === model);
    if (here.length > 0) panels.push(await linePanel(model, marks(here), { xLabel: 'temperature', yLabel: 'total variation / that at T = 1', yDomain, zero: true, rules: [1] }));
  }
  return figure({
    id: 'relative', panels, title: spread(all, points),
    subtitle: html`${term('total-variation', 'Total variation')} as a multiple of the same format's at T = ${lit(1, 'parameter')} (dotted). Where curves lie on one another, formats differ in how much they change and not in how that depends on temperature.`,
    data: table({ rows: points, sortable: true, columns: [
      { head: 'model', cell: (p) => modelName(p.row.model) }, { head: 'format', cell: (p) => formatName(p.row) }, { head: 'temperature', cell: (p) => lit(p.row.temperature!, 'parameter') },
      { head: 'total variation', number: (p) => p.row },
      { head: 'relative', end: true, cell: (p) => derived(`relative.${p.row.model}.${p.row.format}.T${p.row.temperature}`, p.ratio, html`${num(p.row, undefined, { bare: true })} over ${num(p.one, undefined, { bare: true })} at T = ${lit(1, 'parameter')}.`, { decimals: 2 }) },
    ] }),
  });
}

/** At the coldest temperature of the largest model: how far formats differ in the multiple. */
function spread(all: readonly ModelRow[], points: readonly { readonly row: MetricRow; readonly ratio: number; readonly one: MetricRow }[]): Content {
  const model = all.findLast((m) => points.some((p) => p.row.model === m.model))?.model;
  const here = points.filter((p) => p.row.model === model);
  const coldest = Math.min(...here.map((p) => p.row.temperature!));
  const own = here.filter((p) => p.row.temperature === coldest).sort((a, b) => a.ratio - b.ratio);
  const [least, most] = [own[0], own.at(-1)];
  if (!least || !most || least === most || coldest === 1) return 'The distance relative to that at T = 1';
  const say = ({ row, ratio, one }: typeof least): Html => derived(`relative.${row.model}.${row.format}.T${row.temperature}`, ratio, html`${num(row, undefined, { bare: true })} over ${num(one, undefined, { bare: true })} at T = ${lit(1, 'parameter')}.`, { decimals: 2 });
  return html`At T = ${lit(coldest, 'parameter')} the distance is ${say(least)} (${least.row.format}) to ${say(most)} (${most.row.format}) times that at T = ${lit(1, 'parameter')} on ${most.row.model}`;
}

const OWN = [
  { quantity: 'base_entropy', title: 'entropy', label: 'entropy (nats)' },
  { quantity: 'base_quality', title: 'NLL under the judge', label: 'expected judge NLL (nats)' },
  { quantity: 'repeated_4grams', title: 'repetition', label: 'repeated 4-grams (%)' },
] as const;

/** The base's own entropy, quality and repetition over temperature: what changes without any quantization. */
export async function base(all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  const own = rows.filter((r) => (r.top_k ?? 0) === 0 && all.some((m) => m.model === r.model && m.base_format === r.format));
  const longest = Math.max(...own.map((r) => r.max_new_tokens ?? 0));
  const panels: Panel[] = [];
  const shown: MetricRow[] = [];
  for (const { quantity, title, label } of OWN) {
    const here = own.filter((r) => r.quantity === quantity && (r.max_new_tokens ?? longest) === longest && (quantity === 'repeated_4grams' || r.temperature! > 0));
    if (new Set(here.map((r) => r.temperature)).size < 2) continue;
    const marks = here.map((r) => ({ ...mark(r, r.temperature!), format: r.model, family: 'other' }));
    panels.push(await linePanel(title, marks, { xLabel: 'temperature', yLabel: label, yDomain: sharedDomain(marks, { zero: true }), zero: true }));
    shown.push(...here);
  }
  return figure({
    id: 'base', panels, title: baseTitle(all, shown),
    subtitle: html`The unquantized models alone, by temperature: ${term('entropy')} of the next token, what the ${term('judge')} makes of what would be drawn, and the share of ${lit('4-grams', 'definition')} in written texts that repeat earlier ones. A format's differences, on this page, are on top of this.`,
    data: table({ rows: shown, sortable: true, columns: [
      { head: 'model', cell: (r) => modelName(r.model) }, { head: 'quantity', cell: (r) => OWN.find((o) => o.quantity === r.quantity)?.title ?? '' }, { head: 'temperature', cell: (r) => lit(r.temperature!, 'parameter') },
      { head: 'value', number: (r) => r }, { head: 'unit', cell: (r) => r.unit },
    ] }),
  });
}

function baseTitle(all: readonly ModelRow[], rows: readonly MetricRow[]): Content {
  const model = all.at(-1)?.model;
  const own = rows.filter((r) => r.model === model && r.quantity === 'base_quality').sort((a, b) => a.temperature! - b.temperature!);
  const [cold, hot] = [own[0], own.at(-1)];
  if (!cold || !hot || cold === hot) return 'What temperature does to the unquantized models';
  return html`Unquantized, ${cold.model} surprises the judge by ${num(cold)} nats a token at T = ${lit(cold.temperature!, 'parameter')} and by ${num(hot)} at T = ${lit(hot.temperature!, 'parameter')}`;
}

