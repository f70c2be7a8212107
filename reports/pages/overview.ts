/** The first page: the question, the answer in a few generated sentences, the figure that carries it, the claims in a line each. */
import { html, link, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { term } from '../glossary.ts';
import { inOrder } from '../in-order.ts';
import { LEADING } from '../leading.ts';
import { derived, num } from '../num.ts';
import type { Page, PageInput } from '../page.ts';
import { rerunSection } from '../rerun-section.ts';
import { verdictList } from './claim-words.ts';
import { apart, find, metrics, modelName, models, nothing, overall, quantizedBefore, rowCount } from './common.ts';
import type { ClaimRow } from './claim-words.ts';
import type { MetricRow, ModelRow } from './common.ts';
import { pareto } from './pareto.ts';

export const overview: Page = {
  name: 'overview',
  path: () => 'index.html',
  tables: ['models', 'formats', 'metrics', 'sweep_metrics', 'claims', 'artifacts', 'texts', 'machines'],
  counts: true,
  async write(input) {
    const rows = await metrics(input, LEADING, overall);
    const all = await models(input);
    return {
      title: 'What quantization does to a language model',
      heading: html`What do fewer bits a weight cost a language model, in what it predicts and writes?`,
      body: html`${answer(all, rows)}${quantizedBefore(all)}${await pareto(input, all, rows, { bits: 'bits_per_weight_linear', of: 'of the linear layers', xDomain: [1.9, 18], xTicks: [4, 8, 16], note: '≈: intervals overlap.', title: ordered })}${await facts(input)}${await verdicts(input)}${rerunSection()}`,
      computes: true,
    };
  },
};

/** What a reader who has to choose wants first, about the largest model; then what these models cannot say. */
function answer(all: readonly ModelRow[], rows: readonly MetricRow[]): Html {
  const model = [...all].reverse().find((m) => rows.some((r) => r.model === m.model && r.quantity === 'kl_mean' && r.value > 0));
  if (!model) return nothing('the quality of any format');
  const at = (quantity: string, format: string): MetricRow | undefined => find(rows, { quantity, format, model: model.model });
  const own = (quantity: string): MetricRow[] => rows.filter((r) => r.quantity === quantity && r.model === model.model && r.format !== model.base_format);
  const bits = (format: string): number => at('bits_per_weight_linear', format)?.value ?? Infinity;
  const bitsOf = (format: string): Html => num(at('bits_per_weight_linear', format)!, undefined, { decimals: 2 });
  const losses = own('delta_nll').filter((r) => bits(r.format) < Infinity);
  const sentences: Html[] = [html`On ${modelName(model.model)}, the ${all.length > 1 ? 'largest' : 'only'} model here`];
  // The smallest format whose loss cannot be told from the base's.
  const free = losses.filter((r) => r.low !== null && r.high !== null && r.low <= 0 && r.high >= 0).sort((a, b) => bits(a.format) - bits(b.format))[0];
  if (free) {
    sentences.push(html`, ${free.format} with ${bitsOf(free.format)} bits a weight predicts the texts as well as the unquantized weights, as far as these texts can tell: its loss differs by ${num(free, undefined, { signed: true })} nats a token.`);
  } else {
    const best = own('kl_mean').filter((r) => r.value > 0).sort((a, b) => a.value - b.value)[0]!;
    sentences.push(html`, ${best.format} stays closest to the unquantized weights, at a ${term('kl')} of ${num(best)} nats a token.`);
  }
  const klNf4 = at('kl_mean', 'nf4'), klFp4 = at('kl_mean', 'fp4'), topNf4 = at('top1_agreement', 'nf4'), topFp4 = at('top1_agreement', 'fp4');
  if (klNf4 && klFp4 && topNf4 && topFp4) {
    const [better, worse] = klNf4.value <= klFp4.value ? [klNf4, klFp4] : [klFp4, klNf4];
    const [topBetter, topWorse] = better === klNf4 ? [topNf4, topFp4] : [topFp4, topNf4];
    sentences.push(apart(better, worse)
      ? html` Among 4-bit formats${better.low === null ? ', by these few windows alone,' : ''} ${better.format} does less damage than ${worse.format}: it keeps ${num(topBetter)} of the most likely next tokens, ${worse.format} ${num(topWorse)}, and its ${term('kl', 'KL divergence')} is ${num(better)} nats a token, ${worse.format}'s ${ratio(worse, better)} times that.`
      : html` nf4 and fp4 keep ${num(topNf4)} and ${num(topFp4)} of the most likely next tokens; the intervals of their ${term('kl', 'KL divergence')}, ${num(klNf4)} and ${num(klFp4)} nats a token, overlap.`);
  }
  const smallest = [...losses].sort((a, b) => bits(a.format) - bits(b.format) || a.value - b.value)[0];
  if (smallest && smallest !== free) sentences.push(html` The fewest bits, ${bitsOf(smallest.format)} a weight with ${smallest.format}, change the loss by ${num(smallest, undefined, { signed: true })}.`);
  return html`<p class="lead">${sentences}</p>
<p>This holds for ${all.length === 1 ? 'one model of' : 'models of at most'} ${num(model, 'models.parameters', { as: 'count' })} parameters; it does not say what larger ones would do. Every number here links to the run that computed it, with its inputs and the command to compute it again.</p>`;
}

const ratio = (larger: MetricRow, smaller: MetricRow): Html =>
  derived(`kl-ratio.${larger.format}.${smaller.format}`, larger.value / smaller.value, html`KL divergence of ${larger.format}, ${num(larger)}, over that of ${smaller.format}, ${num(smaller)}. Its interval is under ${link('claims.html', 'claims')}.`, { decimals: 1 });

/** The formats of one model from the least to the most damage. */
function ordered(model: string, points: readonly MetricRow[]): Content {
  const order = [...points].sort((a, b) => a.value - b.value);
  return order.length > 1 ? html`From least to most damage on ${lit(model, 'name')}: ${order.map((r, i) => html`${i === 0 ? '' : apart(order[i - 1]!, r) ? ', ' : ' ≈ '}${r.format}`)}` : 'Damage against size';
}

async function facts(input: PageInput): Promise<Html> {
  const scored = (await metrics(input, ['kl_mean'], overall)).sort((a, b) => b.n - a.n)[0];
  const machines = inOrder(await input.rows<{ machine: string }>('machines'), (m) => m.machine);
  const cells = input.counts.reduce((sum, s) => sum + s.cells, 0), failed = input.failed.length;
  return html`<dl class="facts">
<div><dt>models</dt><dd>${await rowCount(input, 'models', 'models')}</dd></div>
<div><dt>formats</dt><dd>${await rowCount(input, 'formats', 'formats')}</dd></div>
${scored ? html`<div><dt>scored tokens a model</dt><dd>${num(scored, 'metrics.n')}${scored.clusters === null ? '' : html` <span class="quiet">in ${num(scored, 'metrics.clusters')} windows</span>`}</dd></div>` : ''}
<div><dt>metrics, traced</dt><dd>${derived('metrics', await input.count('metrics') + await input.count('sweep_metrics'), html`Rows of ${link('data.html#metrics', 'metrics')} and ${link('data.html#sweep_metrics', 'sweep_metrics')}.`, { as: 'count' })}</dd></div>
<div><dt>cells</dt><dd>${derived('cells', cells, html`Run points of this pipeline's stages, counted on ${link('dag.html', 'the page of this run')}.`, { as: 'count' })}</dd></div>
<div><dt>without a result</dt><dd>${derived('failed', failed, html`Cells listed under ${link('failures.html', 'failed and missing')}.`, { as: 'count' })}</dd></div>
${machines.length > 0 ? html`<div><dt>timed on</dt><dd>${machines.map((m, i) => html`${i > 0 ? ', ' : ''}${link('speed.html#machines', m.machine)}`)}</dd></div>` : ''}
<div><dt>date of data</dt><dd>${link('dag.html', 'this run')}</dd></div>
</dl>`;
}

async function verdicts(input: PageInput): Promise<Html> {
  const claims = await input.rows<ClaimRow>('claims');
  if (claims.length === 0) return html`<h2>Claims</h2>${nothing('claims')}`;
  return html`<h2>The claims, and what this study can say of them</h2>
${verdictList(claims)}`;
}
