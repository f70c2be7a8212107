/** The null of equal size: what noise of a format's size does to the quality of what is sampled, beside what the format does. */
import { figure, linePanel, sharedDomain } from '../charts.ts';
import type { Mark, Panel } from '../charts.ts';
import { html, link, list, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';

import { term } from '../glossary.ts';
import { derived } from '../num.ts';
import { table } from '../table.ts';
import { formatName, mark, modelName } from './common.ts';
import type { MetricRow, ModelRow } from './common.ts';

/** What a temperature of one format and model needs. */
interface Point { readonly own: MetricRow; readonly mean: MetricRow; readonly least: MetricRow; readonly most: MetricRow }

/** Wholly outside what noise of the same size did in any draw. */
const beyond = ({ own, least, most }: Point): boolean => own.low !== null && own.high !== null && (own.low > most.value || own.high < least.value);

/** `rows`: quality_shift and null_shift_* over all texts. */
export async function equalNull(all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  const at = (quantity: string, like: MetricRow): MetricRow | undefined => rows.find((r) => r.quantity === quantity && r.model === like.model && r.format === like.format && r.temperature === like.temperature);
  const points = rows.filter((r) => r.quantity === 'quality_shift' && r.top_k === 0).flatMap((own): Point[] => {
    const [mean, least, most] = [at('null_shift_mean', own), at('null_shift_least', own), at('null_shift_most', own)];
    return mean && least && most ? [{ own, mean, least, most }] : [];
  });
  if (points.length === 0) return html``;
  const marksOf = (own: readonly Point[]): Mark[] => own.flatMap((p) => [
    mark(p.own, p.own.temperature!), { format: 'noise', family: 'base', x: p.own.temperature!, y: p.mean.value, low: p.least.value, high: p.most.value },
  ]);
  const panels: Panel[] = [];
  for (const { model } of all) {
    // Scales differ between models: the smallest would leave the others flat.
    const here = points.filter((p) => p.own.model === model);
    const yDomain = sharedDomain(marksOf(here), { zero: true });
    for (const format of new Set(here.map((p) => p.own.format))) {
      const own = here.filter((p) => p.own.format === format);
      if (new Set(own.map((p) => p.own.temperature)).size > 1) panels.push(await linePanel(`${model}, ${format}`, marksOf(own), { xLabel: 'temperature', yLabel: 'quality shift (nats)', yDomain, zero: true }));
    }
  }
  return html`<h3>Beside noise of equal size</h3>
<p>Any damage to the logits changes with temperature. So each 4-bit format stands beside ${term('null', 'noise of its own size')}: Gaussian noise on the base's logits with the same mean ${term('kl', 'KL divergence')}. Whether the difference supports a claim is decided under ${link('claims.html#c1', 'claims')}.</p>
${figure({
    id: 'null', panels, title: titleOf(all, points),
    subtitle: html`${term('quality-shift', 'Quality shift')} by ${term('temperature')}: the format with its interval at ${lit('95 %', 'definition')}, and noise (grey): the mean over its draws in a band from the least to the most of them. Noise is computed at a sample of the positions. Scales differ between models.`,
    data: table({ rows: points, sortable: true, columns: [
      { head: 'model', cell: (p) => modelName(p.own.model) }, { head: 'format', cell: (p) => formatName(p.own) }, { head: 'temperature', cell: (p) => lit(p.own.temperature!, 'parameter') },
      { head: 'format’s shift, nats', number: (p) => p.own, options: { signed: true } }, { head: 'noise, least', number: (p) => p.least, options: { signed: true } },
      { head: 'mean', number: (p) => p.mean, options: { signed: true } }, { head: 'most', number: (p) => p.most, options: { signed: true } }, { head: 'beyond noise', cell: (p) => (beyond(p) ? 'yes' : 'no') },
    ] }),
  })}`;
}

function titleOf(all: readonly ModelRow[], points: readonly Point[]): Content {
  if (points.every((p) => p.own.low === null)) return 'Quality shift beside that of noise';
  const model = all.findLast((m) => points.some((p) => p.own.model === m.model))?.model;
  if (model === undefined) return 'Quality shift beside that of noise';
  const own = points.filter((p) => p.own.model === model);
  const out = own.filter(beyond);
  if (out.length === 0) return html`On ${lit(model, 'name')} no format does what noise of its size does not do too`;
  const formats = [...new Set(out.map((p) => p.own.format))];
  const how = (n: number, id: string, what: string): Html => derived(`null.${id}`, n, html`points of the table below, of ${model}, ${what}.`, { as: 'count' });
  return html`On ${lit(model, 'name')} ${list(formats)} ${formats.length === 1 ? 'does' : 'do'} what noise of ${formats.length === 1 ? 'its' : 'their'} size does not, at ${how(out.length, 'beyond', 'whose interval lies outside the range of all draws of noise')} of ${how(own.length, 'points', 'formats at temperatures')} points`;
}
