/** One format: its layout drawn to the bit, its bits accounted for, what it does to each model and each layer. */
import { figure, heatPanel } from '../charts.ts';
import type { Panel } from '../charts.ts';
import { lookOf } from '../family.ts';
import { html, link, lit } from '../html.ts';
import type { Html } from '../html.ts';
import { term } from '../glossary.ts';
import { inOrder } from '../in-order.ts';
import { layoutDrawing } from '../layout-drawing.ts';
import type { LayoutPart } from '../layout-drawing.ts';
import { derived, num } from '../num.ts';
import type { NumberOptions, Row } from '../num.ts';
import type { Page, PageInput } from '../page.ts';
import { table } from '../table.ts';
import { find, formats, gaps, inOrderOfModels, metrics, modelName, models, nothing, overall } from './common.ts';
import type { FormatRow, MetricRow, ModelRow } from './common.ts';
import { worstTokens } from './worst-tokens.ts';

interface TensorError extends Row { readonly model: string; readonly format: string; readonly tensor: string; readonly layer: number; readonly kind: string; readonly relative_rms_error: number }

export const format: Page = {
  name: 'format',
  path: ({ format }) => `formats/${String(format)}.html`,
  per: 'format',
  tables: ['formats', 'layouts', 'models', 'metrics', 'artifacts', 'tensor_errors', 'worst_tokens'],
  async write(input) {
    const name = String(input.params['format']);
    const listed = await formats(input);
    const row = listed.find((f) => f.format === name);
    const kicker = html`${link('formats/index.html', 'Formats')}: ${listed.map((f, i) => html`${i > 0 ? ' · ' : ''}${f.format === name ? html`<b>${f.format}</b>` : link(`formats/${f.format}.html`, f.format)}`)}`;
    if (!row) return { title: name, kicker, body: nothing(`the format ${name}`) };
    const all = await models(input);
    const rows = (await metrics(input, ['bits_per_weight_linear', 'bits_per_weight_model', 'kl_mean', 'delta_nll', 'perplexity', 'top1_agreement'], overall)).filter((r) => r.format === name);
    return {
      title: name, kicker, heading: html`${name} <span class="quiet">${row.title}</span>`,
      body: html`${lead(all, rows, name)}${await layout(input, row)}${await effects(input, all, rows, name)}${await errors(input, all, row)}${await worstTokens(input, 'format', name)}`,
    };
  },
};

function lead(all: readonly ModelRow[], rows: readonly MetricRow[], name: string): Html {
  const model = [...all].reverse().find((m) => rows.some((r) => r.model === m.model && r.quantity === 'kl_mean'));
  const kl = model && find(rows, { quantity: 'kl_mean', model: model.model });
  const bits = model && find(rows, { quantity: 'bits_per_weight_linear', model: model.model });
  if (!model || !kl) return html`<p class="lead">No model was scored in this format: see the table below for the reason.</p>`;
  if (name === model.base_format) return html`<p class="lead">${name} is the type that the checkpoints have: the ${term('base')} to which all others are compared.</p>`;
  return html`<p class="lead">${bits ? html`At ${num(bits, undefined, { decimals: 2 })} bits a weight, ${name}` : name} moves the predictions of ${modelName(model.model)} by a ${term('kl')} of ${num(kl)} nats a token.</p>`;
}

async function layout(input: PageInput, row: FormatRow): Promise<Html> {
  const parts = inOrder((await input.rows<Row & LayoutPart & { format: string; position: number }>('layouts')).filter((p) => p.format === row.format), (p) => p.position);
  if (parts.length === 0) return nothing('the layout');
  const counted = parts.filter((p) => p.per_weights > 0);
  const byShape = (): Html => html`<span class="missing">by shape</span>`;
  const perWeight = (p: LayoutPart): number => p.bits / p.per_weights;
  return html`<h2>Layout</h2>
<figure id="layout"><figcaption><span class="subtitle">Each square is one bit, as the bytes are stored.</span></figcaption>
<div class="box" tabindex="0" role="region" aria-label="Drawing of the layout">${layoutDrawing(parts, lookOf(row.format, row.family).colour)}</div>
${table({ rows: parts, columns: [
    { head: 'part', cell: (p) => p.part }, { head: 'what', cell: (p) => lit(p.what, 'name'), wide: true },
    { head: 'bits', number: (p) => p, what: 'layouts.bits' }, { head: 'for so many weights', number: (p) => (p.per_weights === 0 ? undefined : p), what: 'layouts.per_weights', gap: byShape },
    { head: 'bits per weight', end: true, cell: (p) => p.per_weights === 0 ? byShape() : derived(`bits.${p.part}`, perWeight(p), html`bits of ${p.part}, ${num(p, 'layouts.bits')}, over the weights that share them, ${num(p, 'layouts.per_weights')}.`, { decimals: 4 }) },
  ] })}</figure>
<p>Together ${derived('bits.sum', counted.reduce((sum, p) => sum + perWeight(p), 0), html`the sum of the parts above that so many weights share.`, { decimals: 4 })} bits a weight in a long tensor${counted.length < parts.length ? ', and what a row or a tensor holds once' : ''}. Blocks that are not full add a little; what each model really stores is accounted for below.</p>
${await accounted(input, row)}`;
}

/** Bits of whole models: what is quantized, what is not, and how the two make the mean. */
async function accounted(input: PageInput, row: FormatRow): Promise<Html> {
  const artifacts = await input.rows<Row & { model: string; format: string; linear_weights: number; linear_bytes: number; other_weights: number; other_bytes: number }>('artifacts');
  const rows = await inOrderOfModels(input, artifacts.filter((a) => a.format === row.format));
  if (rows.length === 0) return html``;
  const number = (column: string, options: NumberOptions = { as: 'count' }) => ({ number: (r: (typeof rows)[number]) => r, what: `artifacts.${column}`, options });
  const bits = (id: string, r: (typeof rows)[number], bytes: number, weights: number, how: Html): Html => derived(`bits.${id}.${r.model}`, (8 * bytes) / weights, how, { decimals: 3 });
  return html`<h3 id="accounted">Accounted for, weight by weight</h3>
${table({ rows, columns: [
    { head: 'model', cell: (r) => modelName(r.model) },
    { head: 'linear weights', ...number('linear_weights') }, { head: 'their bytes', ...number('linear_bytes') },
    { head: 'bits each', end: true, cell: (r) => bits('linear', r, r.linear_bytes, r.linear_weights, html`${num(r, 'artifacts.linear_bytes', { as: 'count' })} bytes of eight bits over ${num(r, 'artifacts.linear_weights', { as: 'count' })} weights.`) },
    { head: 'other weights', ...number('other_weights') }, { head: 'their bytes', ...number('other_bytes') },
    { head: 'whole model, bits each', end: true, cell: (r) => bits('whole', r, r.linear_bytes + r.other_bytes, r.linear_weights + r.other_weights, html`all bytes of ${modelName(r.model)}, ${num(r, 'artifacts.linear_bytes', { as: 'count' })} and ${num(r, 'artifacts.other_bytes', { as: 'count' })}, in bits over all its weights.`) },
  ] })}`;
}

async function effects(input: PageInput, all: readonly ModelRow[], rows: readonly MetricRow[], name: string): Promise<Html> {
  const artifacts = await input.rows<Row & { model: string; format: string }>('artifacts');
  const at = (quantity: string) => (m: ModelRow): MetricRow | undefined => find(rows, { quantity, model: m.model });
  const artifact = (m: ModelRow): Row | undefined => artifacts.find((a) => a.model === m.model && a.format === name);
  const why = await gaps(input), gap = (m: ModelRow): Html => why({ model: m.model, format: name });
  return html`<h2>What it does to each model</h2>
${table({ rows: all, columns: [
    { head: 'model', cell: (m) => modelName(m.model) },
    { head: 'bytes, linear layers', number: artifact, what: 'artifacts.linear_bytes', options: { as: 'bytes' }, gap },
    { head: 'bits per weight', number: at('bits_per_weight_linear'), options: { decimals: 3 } },
    { head: 'whole model', number: at('bits_per_weight_model'), options: { decimals: 2 } },
    { head: 'KL divergence, nats', number: at('kl_mean'), gap },
    { head: 'ΔNLL, nats', number: at('delta_nll'), options: { signed: true }, gap },
    { head: 'perplexity', number: at('perplexity'), gap },
    { head: 'same top token', number: at('top1_agreement'), gap },
  ] })}`;
}

async function errors(input: PageInput, all: readonly ModelRow[], row: FormatRow): Promise<Html> {
  const rows = inOrder((await input.rows<TensorError>('tensor_errors')).filter((e) => e.format === row.format), (e) => e.model, (e) => e.layer, (e) => e.kind, (e) => e.tensor);
  if (rows.every((r) => r.relative_rms_error === 0)) return rows.length === 0 ? html`` : html`<h2>Error by layer</h2><p>None: every weight is kept exactly.</p>`;
  const panels: Panel[] = [];
  for (const model of all) {
    const own = rows.filter((r) => r.model === model.model);
    if (own.length === 0) continue;
    const [low, high] = [own.reduce((a, b) => (b.relative_rms_error < a.relative_rms_error ? b : a)), own.reduce((a, b) => (b.relative_rms_error > a.relative_rms_error ? b : a))];
    const panel = await heatPanel(model.model, own.map((r) => ({ column: String(r.layer), row: r.kind, value: r.relative_rms_error })), lookOf(row.format, row.family).colour);
    panels.push({ ...panel, title: html`${model.model} <span class="quiet">pale ${num(low, 'tensor_errors.relative_rms_error')}, full ${num(high, 'tensor_errors.relative_rms_error')}</span>` });
  }
  const worst = rows.reduce((a, b) => (b.relative_rms_error > a.relative_rms_error ? b : a));
  return html`<h2>Error by layer</h2>
${figure({
    id: 'errors', panels,
    title: html`Largest in ${worst.kind} of layer ${lit(worst.layer, 'ordinal')} of ${worst.model}`,
    subtitle: html`Relative root-mean-square error of the decoded weights, by layer and kind of projection. A stronger colour is larger; each model has its own scale.`,
    data: table({ rows, sortable: true, columns: [
      { head: 'tensor', cell: (r) => r.tensor }, { head: 'model', cell: (r) => modelName(r.model) },
      { head: 'relative rms error', number: (r) => r, what: 'tensor_errors.relative_rms_error' }, { head: 'largest error', number: (r) => r, what: 'tensor_errors.max_abs_error' }, { head: 'bytes', number: (r) => r, what: 'tensor_errors.bytes', options: { as: 'count' } },
    ] }),
  })}`;
}
