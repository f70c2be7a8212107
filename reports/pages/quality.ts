/** Quality: how far each format's next-token distribution is from the base's, and what that costs. */
import { dotPanel, figure, sharedDomain } from '../charts.ts';
import { html, link, list, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { term } from '../glossary.ts';
import { num } from '../num.ts';
import type { NumberOptions, Row } from '../num.ts';
import type { Page, PageInput } from '../page.ts';
import { table } from '../table.ts';
import type { TableColumn } from '../table.ts';
import { claimedFigures } from './claimed-figures.ts';
import { find, formatName, formats, gaps, intervalNote, mark, metrics, modelName, models, nothing, overall } from './common.ts';
import type { FormatRow, MetricRow, ModelRow } from './common.ts';
import { isPoint, pareto } from './pareto.ts';
import { peersBeside } from './peers-beside.ts';
import { perModel } from './per-model.ts';
import { answers } from './quality-answers.ts';
import { choices } from './quality-choices.ts';
import { floor } from './quality-floor.ts';
import { probability } from './quality-probability.ts';
import { byContext, calibration } from './quality-slices.ts';

const PERCENTILES = ['kl_median', 'kl_p90', 'kl_p95', 'kl_p99', 'kl_p999', 'kl_max'] as const;
const QUANTITIES = ['perplexity', 'delta_nll', 'bits_per_byte', 'kl_mean', ...PERCENTILES, 'top1_agreement', 'right_to_wrong', 'wrong_to_right', 'bits_per_weight_model',
  'delta_p_mean', 'delta_p_rms', 'delta_p_p01', 'delta_p_p05', 'delta_p_median', 'delta_p_p95', 'delta_p_p99', 'entropy_shift', 'calibration_gap', 'calibration_shift'];

/** Those of other programs that are about quality. */
const CLAIMED_HERE = ['perplexity', 'nll', 'delta_nll', 'bits_per_byte', 'kl_mean', 'top1_agreement', 'accuracy'];

export const quality: Page = {
  name: 'quality',
  path: () => 'quality.html',
  tables: ['models', 'formats', 'metrics', 'artifacts', 'pairs', 'profiles', 'choice_sets', 'claimed', 'peers'],
  async write(input) {
    const rows = await metrics(input, QUANTITIES, overall);
    const all = await models(input);
    if (rows.length === 0) return { title: 'Quality', body: nothing('quality') };
    return {
      title: 'Quality',
      heading: html`Quality: distance from the base, and its price`,
      body: html`${lead(all, rows)}
<h2 id="distance">Distance</h2>
${await front(input, all, rows)}
${await tails(all, rows)}
${await byContext(input, all)}
${await floor(input, all)}
<h2 id="price">Its price on the text</h2>
${await loss(all, rows)}
${await choices(all, rows)}
${await probability(all, rows)}
${await calibration(input, all, rows)}
${await answers(input, all)}
<h2 id="numbers">Every quality number</h2>
${await everything(input, all, rows)}
${await peersBeside(input)}
${await claimedFigures(input, CLAIMED_HERE)}
<p class="note">Not measured: KL divergence on texts that the base itself writes, and how far the few likeliest tokens overlap beyond the first.</p>
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

function dataTable(rows: readonly MetricRow[], head: string, options?: NumberOptions): Html {
  return table({ columns: [{ head: 'model', cell: (r) => modelName(r.model) }, { head: 'format', cell: formatName }, { head, number: (r) => r, ...(options ? { options } : {}) }], rows, sortable: true });
}

interface Difference extends Row { readonly quantity: string; readonly model: string; readonly format: string; readonly other: string; readonly value: number; readonly low: number | null; readonly high: number | null }

/** Damage against the size of the whole model, and which formats another betters: no larger, and clearly nearer to the base. */
async function front(input: PageInput, all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  const differences = (await input.rows<Difference>('pairs')).filter((p) => p.quantity === 'kl_difference');
  const size = (model: string, format: string): number => find(rows, { quantity: 'bits_per_weight_model', model, format })?.value ?? Infinity;
  /** Paired: by their own intervals alone the two might not be told apart. */
  const nearer = (a: MetricRow, b: MetricRow): boolean => differences.some((d) => d.model === a.model &&
    ((d.format === b.format && d.other === a.format && (d.high ?? d.value) < 0) || (d.format === a.format && d.other === b.format && (d.low ?? d.value) > 0)));
  const sizes = rows.filter(isPoint).map((r) => size(r.model, r.format)).filter(Number.isFinite);
  // Room for the labels at either side.
  const xDomain = [Math.min(...sizes) / 1.9, Math.max(...sizes) * 1.4] as const;
  return pareto(input, all, rows, {
    bits: 'bits_per_weight_model', of: 'of the whole model', xDomain, xTicks: [2, 3, 4, 6, 8, 12, 16, 24, 32].filter((tick) => tick >= xDomain[0] && tick <= xDomain[1]),
    title(model, points) {
      if (points.length < 2) return 'Distance from the base, against size';
      const bettered = points.flatMap((b) => { const by = points.find((a) => a !== b && size(model, a.format) <= size(model, b.format) && nearer(a, b)); return by ? [html`${by.format} betters ${b.format}`] : []; });
      return bettered.length === 0 ? html`On ${lit(model, 'name')} no format is both larger and clearly farther from the base than another`
        : html`On ${lit(model, 'name')} ${list(bettered)}: no larger, and ${differences.some((d) => d.low !== null) ? 'clearly' : 'by these few windows alone'} nearer to the base`;
    },
    note: 'Embeddings and norms stay in the base type, so whole models shrink less than their linear layers. Which of two formats is nearer is decided on their difference, position by position.',
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
    subtitle: html`${term('delta-nll')} against the base, nats a token, which is also ln of the ratio of perplexities; right of zero is worse. ${intervalNote(delta)}`,
    panels: await perModel(all, delta, () => true, (title, own) => dotPanel(title, own.map((r) => mark(r, 0)), { label: 'ΔNLL (nats per token)', domain, zero: 0 })),
  });
}

async function tails(all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  const shown = rows.filter((r) => (PERCENTILES as readonly string[]).includes(r.quantity) && r.value > 0);
  if (shown.length === 0) return html``;
  const domain = sharedDomain(shown.map((r) => mark(r, 0)), { log: true });
  return figure({
    id: 'tails',
    title: tailTitle(all, shown),
    subtitle: html`From left to right for each format: ${term('kl')} of a token (${list(PERCENTILES.filter((p) => shown.some((r) => r.quantity === p)).map(percentileName))}). Logarithmic.`,
    panels: await perModel(all, shown, () => true, (title, own) => dotPanel(title, own.map((r) => mark(r, 0)), { label: 'KL divergence of a token (nats)', domain, log: true })),
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

const percentileName = (quantity: (typeof PERCENTILES)[number]): Html =>
  quantity === 'kl_median' ? html`median` : quantity === 'kl_max' ? html`largest` : html`${lit(quantity === 'kl_p999' ? '99.9 %' : `${quantity.slice(4)} %`, 'definition')}`;

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
      ...column('delta_nll', 'ΔNLL = ln PPL ratio, nats', { options: { signed: true } }),
      ...column('bits_per_byte', term('bits-per-byte')),
      ...column('kl_mean', 'KL, nats', { best: 'low' }),
      ...column('top1_agreement', term('top-1-agreement'), { best: 'high' }),
      ...column('right_to_wrong', html`${term('flip', 'flips')}, right to wrong`),
      ...column('wrong_to_right', 'flips, wrong to right'),
    ],
  })}
${rows.some((r) => r.model === model.model && (PERCENTILES as readonly string[]).includes(r.quantity)) ? table({
    caption: html`${term('kl')} of a token, nats: ${rows.some((r) => r.quantity === 'kl_p999') ? 'percentiles' : html`percentiles (the ${lit('99.9th', 'definition')} needs ${lit('10,000', 'definition')} positions)`}, and the largest, which has no interval because it grows with the sample.`,
    rows: lines.filter((line) => line.model === model.model && PERCENTILES.some((quantity) => at(quantity)(line))),
    columns: [{ head: 'format', cell: formatName }, ...PERCENTILES.flatMap((quantity) => column(quantity, percentileName(quantity)))],
  }) : ''}`)}<p class="note">All metrics, also by text and percentile: ${link('data.html#metrics', 'table metrics')}.</p>`;
}
