/** One model: what it is, and what each format does to it. */
import { dotPanel, figure, heatPanel, sharedDomain } from '../charts.ts';
import type { Panel } from '../charts.ts';
import { lookOf } from '../family.ts';
import { html, link, lit } from '../html.ts';
import type { Html } from '../html.ts';
import { term } from '../glossary.ts';
import { num } from '../num.ts';
import type { Row } from '../num.ts';
import type { Page, PageInput } from '../page.ts';
import { table } from '../table.ts';
import { claimedFigures } from './claimed-figures.ts';
import { find, formatName, formats, gaps, inOrderOfFormats, mark, metrics, models, nothing, overall, quantizedBefore } from './common.ts';
import type { FormatRow, MetricRow, ModelRow } from './common.ts';
import { worstTokens } from './worst-tokens.ts';

export const model: Page = {
  name: 'model',
  path: ({ model }) => `models/${String(model)}.html`,
  per: 'model',
  tables: ['models', 'formats', 'metrics', 'artifacts', 'tensor_errors', 'worst_tokens', 'claimed'],
  async write(input) {
    const name = String(input.params['model']);
    const all = await models(input);
    const row = all.find((m) => m.model === name);
    const kicker = html`${link('models/index.html', 'Models')}: ${all.map((m, i) => html`${i > 0 ? ' · ' : ''}${m.model === name ? html`<b>${m.model}</b>` : link(`models/${m.model}.html`, m.model)}`)}`;
    if (!row) return { title: name, kicker, body: nothing(`the model ${name}`) };
    const rows = (await metrics(input, ['bits_per_weight_linear', 'bits_per_weight_model', 'weight_bytes', 'kl_mean', 'delta_nll', 'perplexity', 'bits_per_byte', 'top1_agreement'], overall)).filter((r) => r.model === name);
    return {
      title: name, kicker, heading: row.title === name ? html`${name}` : html`${name} <span class="quiet">${row.title}</span>`,
      body: html`${lead(row, rows)}${quantizedBefore([row])}${shape(row)}${await pictures(row, rows)}${await byFormat(input, row, rows)}${await byText(input, row)}${await byLayer(input, row)}${await worstTokens(input, 'model', name)}${await claimedFigures(input, 'all', name)}`,
    };
  },
};

function lead(row: ModelRow, rows: readonly MetricRow[]): Html {
  const base = find(rows, { quantity: 'perplexity', format: row.base_format });
  // Paired: the perplexities themselves vary with the texts far more than from format to format.
  const worst = rows.filter((r) => r.quantity === 'delta_nll').sort((a, b) => b.value - a.value)[0];
  if (!base) return html`<p class="lead">${row.model} has ${num(row, 'models.parameters')} parameters. It was not scored in this run.</p>`;
  return html`<p class="lead">${row.model}, with ${num(row, 'models.parameters')} parameters, has a ${term('perplexity')} of ${num(base)} in its own type, ${row.base_format}${worst ? html`; of all formats ${worst.format} changes its loss on the text most for the worse, by ${num(worst, undefined, { signed: true })} nats a token` : ''}.</p>`;
}

function shape(row: ModelRow): Html {
  const number = (column: string): Html => num(row, `models.${column}`);
  return html`<dl class="facts-list"><dt>architecture</dt><dd>${lit(String(row['architecture']), 'name')}</dd>
<dt>shape</dt><dd>${number('layers')} layers, width ${number('hidden_size')}, feed-forward ${number('feed_forward_size')}, ${number('heads')} heads (${number('kv_heads')} for keys and values), vocabulary ${number('vocabulary')}, context ${number('context_tokens')} tokens${row['tied_embeddings'] ? ', embeddings shared with the output head' : ''}</dd>
<dt>${term('base')}</dt><dd>${row.base_format}${row.is_judge ? html`; it is also the ${term('judge')}` : ''}</dd>
<dt>source</dt><dd>${lit(String(row['source']), 'name')}</dd></dl>`;
}

async function pictures(row: ModelRow, rows: readonly MetricRow[]): Promise<Html> {
  const pick = (quantity: string): MetricRow[] => rows.filter((r) => r.quantity === quantity && r.format !== row.base_format && (quantity !== 'kl_mean' || r.value > 0));
  const kl = pick('kl_mean'), loss = pick('delta_nll');
  if (kl.length === 0) return html``;
  const marks = (list: readonly MetricRow[]) => list.map((r) => mark(r, 0));
  return figure({
    id: 'formats',
    title: html`Closest to the base: ${[...kl].sort((a, b) => a.value - b.value)[0]!.format}`,
    subtitle: html`Left: mean ${term('kl')}, nats a token, logarithmic. Right: ${term('delta-nll')}, nats a token. Intervals over ${term('window', 'windows')}.`,
    panels: [
      await dotPanel('distance from the base', marks(kl), { label: 'KL divergence (nats per token)', domain: sharedDomain(marks(kl), { log: true }), log: true }),
      await dotPanel('loss on the text', marks(loss), { label: 'ΔNLL (nats per token)', domain: sharedDomain(marks(loss), { zero: true }), zero: 0 }),
    ],
    data: table({ rows: kl, columns: [{ head: 'format', cell: formatName }, { head: 'KL, nats', number: (r) => r }, { head: 'ΔNLL, nats', number: (r) => find(loss, { format: r.format }), options: { signed: true } }] }),
  });
}

async function byFormat(input: PageInput, row: ModelRow, rows: readonly MetricRow[]): Promise<Html> {
  const listed = await formats(input);
  const artifacts = await input.rows<Row & { model: string; format: string }>('artifacts');
  const at = (quantity: string) => (f: FormatRow): MetricRow | undefined => find(rows, { quantity, format: f.format });
  const artifact = (f: FormatRow): Row | undefined => artifacts.find((a) => a.model === row.model && a.format === f.format);
  const why = await gaps(input), gap = (f: FormatRow): Html => why({ model: row.model, format: f.format });
  return html`<h2>Under each format</h2>
${table({ rows: listed, columns: [
    { head: 'format', cell: formatName },
    { head: 'bits per weight', number: at('bits_per_weight_linear'), options: { decimals: 3 } },
    { head: 'bytes, linear layers', number: artifact, what: 'artifacts.linear_bytes', options: { as: 'bytes' } },
    { head: 'perplexity', number: at('perplexity'), gap },
    { head: 'ΔNLL, nats', number: at('delta_nll'), options: { signed: true }, gap },
    { head: 'KL, nats', number: at('kl_mean'), gap, best: 'low' },
    { head: 'same top token', number: at('top1_agreement'), gap, best: 'high' },
  ] })}`;
}

async function byText(input: PageInput, row: ModelRow): Promise<Html> {
  const rows = (await metrics(input, ['perplexity', 'kl_mean', 'delta_nll'], (m) => m.text !== null)).filter((r) => r.model === row.model);
  if (rows.length === 0) return html``;
  // By text, then by format as the rows come.
  const texts = [...new Set(rows.map((r) => r.text))].sort();
  const lines = texts.flatMap((text) => rows.filter((r) => r.quantity === 'perplexity' && r.text === text));
  const gap = (r: MetricRow): Html => html`<span class="missing">${r.format === row.base_format ? 'base' : '–'}</span>`;
  return html`<h2>By text</h2>
${table({ rows: lines, group: (r) => r.text ?? '', columns: [
    { head: 'format', cell: formatName }, { head: 'perplexity', number: (r) => r },
    { head: 'ΔNLL, nats', number: (r) => find(rows, { quantity: 'delta_nll', format: r.format, text: r.text }), options: { signed: true }, gap },
    { head: 'KL, nats', number: (r) => find(rows, { quantity: 'kl_mean', format: r.format, text: r.text }), gap },
  ] })}`;
}

interface TensorError extends Row { readonly model: string; readonly format: string; readonly tensor: string; readonly layer: number; readonly kind: string; readonly relative_rms_error: number }

/** A heat map for each format that rounds, each on its own scale: formats differ by far more than layers. */
async function byLayer(input: PageInput, row: ModelRow): Promise<Html> {
  const found = (await input.rows<TensorError>('tensor_errors')).filter((e) => e.model === row.model && e.relative_rms_error > 0);
  const rows = await inOrderOfFormats(input, found, (e) => e.layer, (e) => e.kind, (e) => e.tensor);
  if (rows.length === 0) return html``;
  const panels: Panel[] = [];
  for (const format of new Set(rows.map((r) => r.format))) {
    const own = rows.filter((r) => r.format === format);
    const [low, high] = [own.reduce((a, b) => (b.relative_rms_error < a.relative_rms_error ? b : a)), own.reduce((a, b) => (b.relative_rms_error > a.relative_rms_error ? b : a))];
    const panel = await heatPanel(format, own.map((r) => ({ column: String(r.layer), row: r.kind, value: r.relative_rms_error })), lookOf(format, own[0]!.family).colour);
    panels.push({ ...panel, title: html`${format} <span class="quiet">pale ${num(low, 'tensor_errors.relative_rms_error')}, full ${num(high, 'tensor_errors.relative_rms_error')}</span>` });
  }
  const worst = rows.reduce((a, b) => (b.relative_rms_error > a.relative_rms_error ? b : a));
  return html`<h2 id="layers">Error by layer</h2>
${figure({
    id: 'errors', panels,
    title: html`The largest error of all is in ${worst.kind} of layer ${lit(worst.layer, 'ordinal')}, in ${worst.format}: ${num(worst, 'tensor_errors.relative_rms_error')}`,
    subtitle: html`Relative root-mean-square error of the decoded weights, by layer and kind of projection. A stronger colour is larger; each format has its own scale.`,
    data: table({ rows, sortable: true, columns: [
      { head: 'tensor', cell: (r) => r.tensor }, { head: 'format', cell: formatName }, { head: 'relative rms error', number: (r) => r, what: 'tensor_errors.relative_rms_error' }, { head: 'largest error', number: (r) => r, what: 'tensor_errors.max_abs_error' },
    ] }),
  })}`;
}
