/** The first page: the question, the answer in a few generated sentences, the figure that carries it, the claims in a line each. */
import { figure, scatterPanel, sharedDomain } from '../charts.ts';
import type { Panel } from '../charts.ts';
import { html, link, list } from '../html.ts';
import type { Html } from '../html.ts';
import { term } from '../glossary.ts';
import { derived, num } from '../num.ts';
import type { Row } from '../num.ts';
import type { Page, PageInput } from '../page.ts';
import { table } from '../table.ts';
import { OVERALL, find, formatName, formats, gaps, intervalNote, mark, metrics, modelName, models, nothing, rowCount } from './common.ts';
import type { MetricRow, ModelRow } from './common.ts';

export const overview: Page = {
  name: 'overview',
  path: () => 'index.html',
  tables: ['models', 'formats', 'metrics', 'claims', 'artifacts', 'texts', 'machines'],
  counts: true,
  async write(input) {
    const rows = await metrics(input, ['bits_per_weight_linear', 'kl_mean', 'delta_nll', 'top1_agreement'], OVERALL);
    const all = await models(input);
    return {
      title: 'What quantization does to a language model',
      heading: html`What do fewer bits a weight cost a language model, in what it predicts and writes?`,
      body: html`${answer(all, rows)}${await pareto(input, all, rows)}${await facts(input)}${await verdicts(input)}`,
    };
  },
};

/** Two or three sentences, about the largest model that has both 4-bit forms or, without them, about whatever is there. */
function answer(all: readonly ModelRow[], rows: readonly MetricRow[]): Html {
  const model = [...all].reverse().find((m) => rows.some((r) => r.model === m.model && r.quantity === 'kl_mean' && r.value > 0));
  if (!model) return nothing('the quality of any format');
  const at = (quantity: string, format: string): MetricRow | undefined => find(rows, { quantity, format, model: model.model });
  const kl = rows.filter((r) => r.quantity === 'kl_mean' && r.model === model.model && r.value > 0);
  const smallest = [...kl].filter((r) => at('bits_per_weight_linear', r.format)).sort((a, b) => at('bits_per_weight_linear', a.format)!.value - at('bits_per_weight_linear', b.format)!.value || a.value - b.value)[0];
  const sentences: Html[] = [];
  const nf4 = at('top1_agreement', 'nf4'), fp4 = at('top1_agreement', 'fp4');
  if (nf4 && fp4) {
    sentences.push(html`On ${modelName(model.model)}, the ${all.length > 1 ? 'largest' : 'only'} model here, nf4 keeps ${num(nf4)} of the most likely next tokens and fp4 keeps ${num(fp4)}.`);
  }
  const klNf4 = at('kl_mean', 'nf4'), klFp4 = at('kl_mean', 'fp4');
  if (klNf4 && klFp4) {
    sentences.push(html`${term('kl', 'KL divergence')} from the unquantized model is ${num(klNf4)} nats a token for nf4 and ${num(klFp4)} for fp4${ratio(klFp4, klNf4)}.`);
  }
  const int8 = at('kl_mean', 'int8');
  if (int8) sentences.push(html`int8 stays at ${num(int8)}.`);
  if (smallest && at('delta_nll', smallest.format)) {
    sentences.push(html`The fewest bits, ${num(at('bits_per_weight_linear', smallest.format)!, undefined, { decimals: 2 })} a weight with ${smallest.format}, change the loss by ${num(at('delta_nll', smallest.format)!, undefined, { signed: true })} nats a token.`);
  }
  if (sentences.length === 0) {
    const best = [...kl].sort((a, b) => a.value - b.value)[0]!;
    sentences.push(html`On ${modelName(model.model)}, ${best.format} stays closest to the unquantized model, at a ${term('kl')} of ${num(best)} nats a token.`);
  }
  return html`<p class="lead">${sentences.map((s, i) => html`${i > 0 ? ' ' : ''}${s}`)}</p>`;
}

function ratio(larger: MetricRow, smaller: MetricRow): Html {
  const by = larger.value / smaller.value;
  return html`, ${derived(`kl-ratio.${larger.format}.${smaller.format}`, by, html`KL divergence of ${larger.format}, ${num(larger)}, over that of ${smaller.format}, ${num(smaller)}.`, { decimals: 1 })} times as much`;
}

async function pareto(input: PageInput, all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  const points = rows.filter((r) => r.quantity === 'kl_mean' && r.value > 0 && find(rows, { quantity: 'bits_per_weight_linear', model: r.model, format: r.format }));
  if (points.length === 0) return html``;
  const bits = (r: MetricRow): MetricRow => find(rows, { quantity: 'bits_per_weight_linear', model: r.model, format: r.format })!;
  const marks = points.map((r) => mark(r, bits(r).value));
  const yDomain = sharedDomain(marks, { log: true });
  const panels: Panel[] = [];
  for (const model of all) {
    const own = points.filter((r) => r.model === model.model).map((r) => mark(r, bits(r).value));
    if (own.length === 0) continue;
    panels.push(await scatterPanel(model.model, own, {
      xLabel: 'bits per weight, linear layers', yLabel: 'KL divergence (nats per token)', yDomain, yLog: true, xDomain: [2.7, 20], xTicks: [4, 8, 16],
    }));
  }
  const listed = await formats(input);
  const data = all.flatMap((model) => listed.map((format) => ({ model: model.model, ...format })));
  const metric = (quantity: string) => (r: { model: string; format: string }) => find(rows, { quantity, model: r.model, format: r.format });
  const gap = await gaps(input);
  const order = points.filter((r) => r.model === all.at(-1)?.model).sort((a, b) => a.value - b.value).map((r) => r.format);
  return figure({
    id: 'pareto',
    title: order.length > 1 ? html`From least to most damage: ${list(order)}` : 'Damage against size',
    subtitle: html`Mean ${term('kl', 'KL divergence')} from the base, logarithmic, against ${term('bits-per-weight', 'bits per weight')} of the linear layers. ${intervalNote(points)} The base itself is at zero by definition.`,
    panels,
    data: table({
      columns: [
        { head: 'model', cell: (r) => modelName(r.model) },
        { head: 'format', cell: formatName },
        { head: 'bits per weight', number: metric('bits_per_weight_linear'), options: { decimals: 3 }, gap },
        { head: 'KL divergence, nats', number: metric('kl_mean'), gap },
        { head: 'ΔNLL, nats', number: metric('delta_nll'), options: { signed: true }, gap },
        { head: 'same top token', number: metric('top1_agreement'), gap },
      ],
      rows: data, sortable: true,
    }),
  });
}

async function facts(input: PageInput): Promise<Html> {
  const [counts] = await input.query<Row>(`SELECT (SELECT count(*) FROM models) AS models, (SELECT count(*) FROM formats) AS formats,
    (SELECT count(*) FROM texts) AS texts, (SELECT count(*) FROM metrics) AS metrics`);
  const scored = (await metrics(input, ['kl_mean'], OVERALL)).sort((a, b) => b.n - a.n)[0];
  const machines = await input.query<{ machine: string; cpu: string }>('SELECT machine, cpu FROM machines ORDER BY machine');
  const cells = input.counts.reduce((sum, s) => sum + s.cells, 0), failed = input.failed.length;
  const count = (name: string, tableName: string, what: string): Html => rowCount(input, tableName, Number(counts![name] ?? 0), what);
  return html`<dl class="facts">
<div><dt>models</dt><dd>${count('models', 'models', 'models')}</dd></div>
<div><dt>formats</dt><dd>${count('formats', 'formats', 'formats')}</dd></div>
${scored ? html`<div><dt>scored tokens a model</dt><dd>${num(scored, 'metrics.n')}</dd></div>` : ''}
${scored && scored.clusters !== null ? html`<div><dt>in windows</dt><dd>${num(scored, 'metrics.clusters')}</dd></div>` : ''}
<div><dt>numbers with their record</dt><dd>${count('metrics', 'metrics', 'metrics')}</dd></div>
<div><dt>cells</dt><dd>${derived('cells', cells, html`Run points of this pipeline's stages, counted on ${link('dag.html', 'the page of this run')}.`, { as: 'count' })}</dd></div>
<div><dt>without a result</dt><dd>${derived('failed', failed, html`Cells listed under ${link('failures.html', 'failed and missing')}.`, { as: 'count' })}</dd></div>
${machines.length > 0 ? html`<div><dt>timed on</dt><dd>${machines.map((m, i) => html`${i > 0 ? ', ' : ''}${m.machine}`)}</dd></div>` : ''}
</dl>`;
}

async function verdicts(input: PageInput): Promise<Html> {
  const claims = await input.query<{ claim: string; version: string; title: string; verdict: string; scope: string; position: number }>('SELECT claim, version, title, verdict, scope, position FROM claims ORDER BY position, claim, version');
  if (claims.length === 0) return html`<h2>Claims</h2>${nothing('claims')}`;
  return html`<h2>The claims, and what this study can say of them</h2>
<ul class="verdicts">${claims.map((c) => html`<li><span class="verdict ${c.verdict.replace(/\s+/g, '-')}">${c.verdict}</span><span>${link(`claims.html#${c.claim}`, c.title)} <span class="quiet">${c.scope}</span></span></li>
`)}</ul>`;
}
