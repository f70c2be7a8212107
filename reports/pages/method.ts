/** The method, in words, with this run's own settings where they matter. */
import { html, link, list, lit } from '../html.ts';
import { term } from '../glossary.ts';
import { inOrder } from '../in-order.ts';
import { num } from '../num.ts';
import type { Row } from '../num.ts';
import type { Page } from '../page.ts';
import { table } from '../table.ts';
import { metrics, models, overall, rowCount } from './common.ts';

export const method: Page = {
  name: 'method',
  path: () => 'method.html',
  tables: ['models', 'formats', 'texts', 'metrics', 'sweep_metrics', 'sources', 'windows', 'generations'],
  async write(input) {
    const all = await models(input);
    const texts = inOrder(await input.rows<Row & { text: string; title: string; author: string; year: number }>('texts'), (t) => t.text);
    const sources = inOrder(await input.rows<Row & { path: string; title: string; origin: string; licence: string }>('sources'), (s) => s.path);
    const scored = (await metrics(input, ['kl_mean'], overall))[0];
    const judge = all.find((m) => m.is_judge);
    const points = inOrder(await input.rows<{ temperature: number; top_k: number }>('sweep_metrics'), (p) => p.temperature, (p) => p.top_k);
    const temperatures = [...new Set(points.map((p) => p.temperature))], ks = [...new Set(points.map((p) => p.top_k))];
    return {
      title: 'Method',
      body: html`<p class="lead">${await rowCount(input, 'models', 'models')} models read ${await rowCount(input, 'texts', 'texts')} texts under each format, and everything is compared with the model in its own type.</p>
<h2>Baseline</h2>
<p>Every difference is to the ${term('base')}: the checkpoint's own type, widened without loss. Formats are formats of weights; the linear layers but the output head are quantized, as bitsandbytes does, and embeddings and norms stay. Activations are fp32, except in int8, whose products take activations rounded to eight bits with outlier columns apart (LLM.int8()). A format whose decoded weights are the same bits as another's is its ${term('alias')} and is computed once.</p>
<h2>The next-token distribution</h2>
<p>Texts are cut into ${term('window', 'windows')} that do not overlap. Every position but the first is scored; the figures count those with at least ${lit('32', 'definition')} tokens of context before them${scored ? html`, ${num(scored, 'metrics.n', { as: 'count' })} for each model and format` : ''}, and metrics whose name ends in _all count every scored position. At each position base and format give logits, and all that follows from them is computed in float64 in a fixed order: ${term('nll')}, ${term('kl', 'KL divergence')}, ${term('flip', 'flips')} of the most likely token, and for each temperature${temperatures.length > 0 ? html` (${list(temperatures.map((t) => lit(t, 'parameter')))})` : ''} and ${term('top-k')}${ks.length > 0 ? html` (${list(ks.map((k) => (k === 0 ? html`all tokens` : lit(k, 'parameter'))))})` : ''} the sampler's distribution in closed form: ${term('total-variation')} and the ${term('quality-shift')}${judge ? html`, judged by ${link(`models/${judge.model}.html`, judge.model)}` : ''}. Nothing is drawn, so these figures hold no sampling noise.</p>
<h2>Written texts</h2>
<p>Prompts are continued with common noise: the same prompt, seed and position draw the same Gumbel noise under every format, temperature and top_k, so that texts part only where the distributions do. A shorter limit on new tokens is a prefix of a longer one. Until the first difference there is a survival curve, summarised by its ${term('restricted-mean')}; after it only averages are compared. ${await rowCount(input, 'generations', 'written texts')} texts were written.</p>
<h2>Intervals and decisions</h2>
<p>Intervals are ${lit('95 %', 'definition')}, from a ${term('bootstrap')} over windows or prompts, paired wherever two formats are compared. They cover other texts of this kind; they do not cover other training seeds or models. Claims are decided against margins, each with when it was set (${link('claims.html', 'claims')}); fewer than ${lit('30', 'definition')} windows give no verdict.</p>
<h2 id="speed">Speed and memory</h2>
<p>Formats are timed in randomised blocks, each with an ${term('a-a-pair')} that shows the machine's own noise, after warm-up tokens that are thrown away. Nothing else is dropped. Timings are ${term('measured')}: they belong to one machine and one engine, and engines that are there for their bits (reference, wasm) give no verdict on speed. Bytes are counted.</p>
<h2>What makes a number repeatable</h2>
<p>${term('exact', 'Exact')} numbers are computed in one fixed order of IEEE operations by every engine, so that any machine gets the same bytes. Each number links to its ${term('cell')}, with inputs down to their origin, code, and the command that computes it again. The report's own pages are drawn from the tables and have no cell page.</p>
${texts.length > 0 ? html`<h2>Texts</h2>${table({ rows: texts, columns: [{ head: 'title', cell: (t) => t.title }, { head: 'author', cell: (t) => t.author }, { head: 'year', cell: (t) => lit(t.year, 'name') }, { head: 'bytes', number: (t) => t, what: 'texts.bytes', options: { as: 'count' } }] })}` : ''}
${sources.length > 0 ? html`<h2 id="sources">Sources</h2>${table({ rows: sources, columns: [{ head: 'file', cell: (s) => html`<code>${s.path}</code>` }, { head: 'title', cell: (s) => s.title }, { head: 'origin', cell: (s) => lit(s.origin, 'name'), wide: true }, { head: 'licence', cell: (s) => s.licence }, { head: 'bytes', number: (s) => s, what: 'sources.bytes', options: { as: 'count' } }, { head: 'sha256', cell: (s) => html`<span class="hash">${lit(String(s['sha256']).slice(0, 16), 'hash')}</span>` }] })}` : ''}`,
    };
  },
};
