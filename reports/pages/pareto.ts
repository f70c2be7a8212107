/** Damage against size: one panel a model, one point a format, the same on every page that shows it. */
import { figure, scatterPanel, sharedDomain } from '../charts.ts';
import type { Panel } from '../charts.ts';
import { html } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { term } from '../glossary.ts';
import type { PageInput } from '../page.ts';
import { table } from '../table.ts';
import { find, formatName, formats, gaps, intervalNote, mark, modelName } from './common.ts';
import type { MetricRow, ModelRow } from './common.ts';

export interface ParetoOptions {
  /** The quantity along the horizontal axis, and of what it is in words. */
  readonly bits: 'bits_per_weight_linear' | 'bits_per_weight_model';
  readonly of: string;
  readonly xDomain: readonly [number, number];
  readonly xTicks: readonly number[];
  /** What the title's signs mean, and more of the kind. */
  readonly note?: Content;
  /** The finding, from the points of the largest model. */
  title(model: string, points: readonly MetricRow[]): Content;
}

/** Whether a metric is a point of the figure: a distance above zero, which a logarithmic axis can show. */
export const isPoint = (r: MetricRow): boolean => r.quantity === 'kl_mean' && r.value > 0;

/** `rows`: kl_mean, delta_nll, top1_agreement and the bits. Nothing where no format differs from its base. Needs the tables models, formats and artifacts. */
export async function pareto(input: PageInput, all: readonly ModelRow[], rows: readonly MetricRow[], { bits, of, xDomain, xTicks, note, title }: ParetoOptions): Promise<Html> {
  const sizeOf = (r: { readonly model: string; readonly format: string }): MetricRow | undefined => find(rows, { quantity: bits, model: r.model, format: r.format });
  const points = rows.filter((r) => isPoint(r) && sizeOf(r));
  if (points.length === 0) return html``;
  const marked = (own: readonly MetricRow[]) => own.map((r) => mark(r, sizeOf(r)!.value));
  const yDomain = sharedDomain(marked(points), { log: true });
  const panels: Panel[] = [];
  for (const { model } of all) {
    const own = points.filter((r) => r.model === model);
    if (own.length > 0) panels.push(await scatterPanel(model, marked(own), { xLabel: `bits per weight, ${of.replace(/^of the /, '')}`, yLabel: 'KL divergence (nats per token)', yDomain, yLog: true, xDomain, xTicks }));
  }
  const listed = await formats(input), gap = await gaps(input);
  const data = all.flatMap(({ model }) => listed.map((format) => ({ ...format, model })));
  const metric = (quantity: string) => (r: { model: string; format: string }) => find(rows, { quantity, model: r.model, format: r.format });
  const last = all.findLast((m) => points.some((r) => r.model === m.model))?.model ?? points.at(-1)!.model;
  return figure({
    id: 'pareto', panels,
    title: title(last, points.filter((r) => r.model === last)),
    subtitle: html`Mean ${term('kl', 'KL divergence')} from the base, logarithmic, against ${term('bits-per-weight', 'bits per weight')} ${of}. ${intervalNote(points)}${points.some((r) => r.low !== null) ? ' Where no line shows it is shorter than the mark.' : ''}${note ? html` ${note}` : ''} The base itself is at zero by definition.`,
    data: table({
      columns: [
        { head: 'model', cell: (r) => modelName(r.model) },
        { head: 'format', cell: formatName },
        { head: 'bits per weight', number: metric(bits), options: { decimals: 3 }, gap },
        { head: 'KL divergence, nats', number: metric('kl_mean'), gap },
        { head: 'ΔNLL, nats', number: metric('delta_nll'), options: { signed: true }, gap },
        { head: 'same top token', number: metric('top1_agreement'), gap },
      ],
      rows: data, sortable: true,
    }),
  });
}
