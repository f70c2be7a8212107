/** Quality: how far each format's next-token distribution is from the base's, and what that costs. */
import { dotPanel, figure, sharedDomain } from '../charts.ts';
import type { Panel } from '../charts.ts';
import { html, link, list, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { term } from '../glossary.ts';
import { num } from '../num.ts';
import type { NumberOptions } from '../num.ts';
import type { Page, PageInput } from '../page.ts';
import { table } from '../table.ts';
import type { TableColumn } from '../table.ts';
import { OVERALL, find, formatName, formats, gaps, intervalNote, mark, metrics, modelName, models, nothing } from './common.ts';
import type { FormatRow, MetricRow, ModelRow } from './common.ts';

const PERCENTILES = ['kl_median', 'kl_p90', 'kl_p95', 'kl_p99', 'kl_p999', 'kl_max'] as const;
const QUANTITIES = ['perplexity', 'delta_nll', 'bits_per_byte', 'kl_mean', ...PERCENTILES, 'top1_agreement', 'right_to_wrong', 'wrong_to_right'];

export const quality: Page = {
  name: 'quality',
  path: () => 'quality.html',
  tables: ['models', 'formats', 'metrics', 'artifacts'],
  async write(input) {
    const rows = await metrics(input, QUANTITIES, OVERALL);
    const all = await models(input);
    if (rows.length === 0) return { title: 'Quality', body: nothing('quality') };
    return {
      title: 'Quality',
      heading: html`Quality: distance from the base, and its price`,
      body: html`${lead(all, rows)}
${await distance(all, rows)}
${await loss(all, rows)}
${await tails(all, rows)}
<h2>Every quality number</h2>
${await everything(input, all, rows)}
<p class="note">Intervals are ${lit('95 %', 'definition')} ${term('bootstrap', 'bootstrap intervals')} over ${term('window', 'windows')} and speak for texts of this kind, not for other models or training seeds. Formats here round weights only; activations stay in fp32, except int8's products. Figures elsewhere often include rounded activations and cannot be compared with these.</p>`,
    };
  },
};

function lead(all: readonly ModelRow[], rows: readonly MetricRow[]): Html {
  const model = [...all].reverse().find((m) => rows.some((r) => r.model === m.model && r.quantity === 'delta_nll' && r.value !== 0));
  if (!model) return html`<p class="lead">No format differs from the base in this run.</p>`;
  const losses = rows.filter((r) => r.model === model.model && r.quantity === 'delta_nll' && r.format !== model.base_format).sort((a, b) => a.value - b.value);
  const least = losses[0]!, most = losses.at(-1)!;
  const unclear = losses.filter((r) => r.low !== null && r.high !== null && r.low <= 0 && r.high >= 0);
  return html`<p class="lead">On ${modelName(model.model)} the formats change the loss by ${num(least, undefined, { signed: true })} (${least.format}) to ${num(most, undefined, { signed: true })} (${most.format}) nats a token${unclear.length > 0 && unclear.length < losses.length ? html`; for ${unclear.map((r, i) => html`${i > 0 ? (i === unclear.length - 1 ? ' and ' : ', ') : ''}${r.format}`)} the interval includes no change at all` : ''}.</p>`;
}

/** One panel a model; the base, zero by definition, is left out. */
async function panels(all: readonly ModelRow[], rows: readonly MetricRow[], keep: (row: MetricRow) => boolean, draw: (title: string, own: readonly MetricRow[]) => Promise<Panel>): Promise<Panel[]> {
  const out: Panel[] = [];
  for (const model of all) {
    const own = rows.filter((r) => r.model === model.model && r.format !== model.base_format && keep(r));
    if (own.length > 0) out.push(await draw(model.model, own));
  }
  return out;
}

function dataTable(rows: readonly MetricRow[], head: string, options?: NumberOptions): Html {
  return table({ columns: [{ head: 'model', cell: (r) => modelName(r.model) }, { head: 'format', cell: formatName }, { head, number: (r) => r, ...(options ? { options } : {}) }], rows, sortable: true });
}

async function distance(all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  const kl = rows.filter((r) => r.quantity === 'kl_mean' && r.value > 0);
  const domain = sharedDomain(kl.map((r) => mark(r, 0)), { log: true });
  const largest = kl.filter((r) => r.model === all.at(-1)?.model).sort((a, b) => a.value - b.value);
  return figure({
    id: 'kl', data: dataTable(kl, 'KL divergence, nats'),
    title: largest.length > 1 ? html`${largest[0]!.format} stays nearest to the base, ${largest.at(-1)!.format} goes farthest` : 'Distance from the base',
    subtitle: html`Mean ${term('kl')} of the next-token distribution, nats a token, logarithmic. ${intervalNote(kl)}${kl.some((r) => r.low !== null) ? ' Where no line shows it is shorter than the mark.' : ''}`,
    panels: await panels(all, kl, () => true, (title, own) => dotPanel(title, own.map((r) => mark(r, 0)), { label: 'KL divergence (nats per token)', domain, log: true })),
  });
}

async function loss(all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  const delta = rows.filter((r) => r.quantity === 'delta_nll');
  const domain = sharedDomain(delta.map((r) => mark(r, 0)), { zero: true });
  const bounded = delta.filter((r) => r.low !== null), most = [...delta].sort((a, b) => b.value - a.value)[0];
  const worse = new Set(delta.filter((r) => r.low !== null && r.low > 0).map((r) => r.format));
  return figure({
    id: 'loss', data: dataTable(delta, 'ΔNLL, nats', { signed: true }),
    title: bounded.length === 0 ? html`${most ? html`${most.format} raises the loss most` : 'Loss on the text'}, by these windows alone`
      : worse.size === 0 ? 'No format is measurably worse at predicting the text' : html`Measurably worse at predicting the text on some model: ${[...worse].map((f, i) => html`${i > 0 ? ', ' : ''}${f}`)}`,
    subtitle: html`${term('delta-nll')} against the base, nats a token; right of zero is worse. ${intervalNote(delta)}`,
    panels: await panels(all, delta, () => true, (title, own) => dotPanel(title, own.map((r) => mark(r, 0)), { label: 'ΔNLL (nats per token)', domain, zero: 0 })),
  });
}

async function tails(all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  const shown = rows.filter((r) => (PERCENTILES as readonly string[]).includes(r.quantity) && r.value > 0);
  if (shown.length === 0) return html``;
  const domain = sharedDomain(shown.map((r) => mark(r, 0)), { log: true });
  return figure({
    id: 'tails',
    title: tailTitle(all, shown),
    subtitle: html`From left to right for each format: ${term('kl')} of a token (${list(PERCENTILES.map((p) => (p === 'kl_median' || p === 'kl_max' ? p.slice(3) : lit(p === 'kl_p999' ? '99.9 %' : `${p.slice(4)} %`, 'definition'))))}). Logarithmic.`,
    panels: await panels(all, shown, () => true, (title, own) => dotPanel(title, own.map((r) => mark(r, 0)), { label: 'KL divergence of a token (nats)', domain, log: true })),
    data: table({ columns: [{ head: 'model', cell: (r) => modelName(r.model) }, { head: 'format', cell: formatName }, { head: 'quantity', cell: (r) => r.quantity }, { head: 'nats', number: (r) => r }], rows: shown, sortable: true }),
  });
}

/** How far the largest model's median token and its upper percentile are apart, for the format with the largest mean. */
function tailTitle(all: readonly ModelRow[], shown: readonly MetricRow[]): Content {
  const own = shown.filter((r) => r.model === all.at(-1)?.model);
  const high = own.filter((r) => r.quantity === 'kl_p99').sort((a, b) => b.value - a.value)[0];
  const middle = high && find(own, { quantity: 'kl_median', format: high.format });
  return middle ? html`In ${high.format} half of the tokens of ${high.model} move by less than ${num(middle, undefined, { bare: true })} nats, one in a hundred by more than ${num(high, undefined, { bare: true })}` : 'How unevenly tokens are hit';
}

async function everything(input: PageInput, all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  const listed = await formats(input);
  const gap = await gaps(input);
  type Line = FormatRow & { model: string };
  const lines: Line[] = all.flatMap((model) => listed.map((format) => ({ ...format, model: model.model })));
  const at = (quantity: string) => (line: Line): MetricRow | undefined => find(rows, { quantity, model: line.model, format: line.format });
  const column = (quantity: string, head: string | Html, more: Partial<TableColumn<Line>> = {}): TableColumn<Line>[] =>
    rows.some((r) => r.quantity === quantity) ? [{ head, number: at(quantity), gap, ...more }] : [];
  return html`${all.map((model) => html`<h3>${modelName(model.model)} <span class="quiet">${model.title}</span></h3>
${table({
    rows: lines.filter((line) => line.model === model.model),
    columns: [
      { head: 'format', cell: formatName },
      ...column('perplexity', term('perplexity')),
      ...column('delta_nll', 'ΔNLL, nats', { options: { signed: true } }),
      ...column('kl_mean', 'KL, nats', { best: 'low' }),
      ...column('kl_p99', 'KL, 99th percentile', { best: 'low' }),
      ...column('top1_agreement', term('top-1-agreement'), { best: 'high' }),
      ...column('right_to_wrong', html`${term('flip', 'flips')}, right to wrong`),
      ...column('wrong_to_right', 'flips, wrong to right'),
    ],
  })}`)}<p class="note">All metrics, also by text and percentile: ${link('data.html#metrics', 'table metrics')}.</p>`;
}
