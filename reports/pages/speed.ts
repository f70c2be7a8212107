/** Speed and memory: distributions, the machine's own noise beside them, and no verdict where none is due. */
import { figure, sharedDomain, stripPanel } from '../charts.ts';
import type { Panel } from '../charts.ts';
import { html, link, list, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { term } from '../glossary.ts';
import { derived, num } from '../num.ts';
import type { Row } from '../num.ts';
import type { Page, PageInput } from '../page.ts';
import { missing } from '../page.ts';
import { table } from '../table.ts';
import { find, formatName, formats, gaps, metrics, modelName, models, nothing } from './common.ts';
import type { MetricRow, ModelRow } from './common.ts';

/** Engines whose speed says nothing about the formats: without kernels for packed weights, they decode first. */
const NO_VERDICT = new Set(['reference', 'wasm']);

/** How far from 1 the interval of an A/A ratio may reach. */
const NOISE = 0.025;

interface Sample extends Row { readonly model: string; readonly format: string; readonly family: string; readonly engine: string; readonly machine: string; readonly phase: string; readonly value: number; readonly median: number }

export const speed: Page = {
  name: 'speed',
  path: () => 'speed.html',
  tables: ['models', 'formats', 'metrics', 'speed_samples', 'machines', 'artifacts'],
  async write(input) {
    const all = await models(input);
    const samples = await input.query<Sample>(`SELECT s.*, coalesce(f.family, 'other') AS family, 1000 * tokens / duration_ms AS value,
        median(1000 * tokens / duration_ms) OVER (PARTITION BY s.model, s.format, s.phase, s.machine, s.engine) AS median
      FROM speed_samples s LEFT JOIN formats f USING (format) WHERE pair = 'A' ORDER BY s.model, s.machine, s.phase, f.position, block`);
    const rows = await metrics(input, ['decode_tokens_per_second', 'prefill_tokens_per_second', 'decode_ratio_to_base', 'prefill_ratio_to_base', 'decode_aa_ratio', 'prefill_aa_ratio', 'held_bytes', 'weight_bytes', 'bits_per_weight_linear', 'bits_per_weight_model'], 'm.text IS NULL');
    const engines = [...new Set(samples.map((s) => s.engine))];
    return {
      title: 'Speed and memory',
      body: html`${lead(all, rows, engines)}
${samples.length === 0 ? nothing('speed') : html`${await distributions(all, samples, rows, 'decode')}${await distributions(all, samples, rows, 'prefill')}`}
${await rates(input, all, rows)}
<h2 id="memory">Memory</h2>
${await memory(input, all, rows)}
${await machinesOf(input)}`,
    };
  },
};

function lead(all: readonly ModelRow[], rows: readonly MetricRow[], engines: readonly string[]): Html {
  const silent = engines.filter((engine) => NO_VERDICT.has(engine));
  const model = all.at(-1);
  const base = find(rows, { quantity: 'weight_bytes', model: model?.model ?? '', format: model?.base_format ?? '' });
  const small = rows.filter((r) => r.quantity === 'weight_bytes' && r.model === model?.model).sort((a, b) => a.value - b.value)[0];
  const size = base && small && small.format !== base.format ? html`The weights of ${modelName(model!.model)} take ${num(small)} in ${small.format} and ${num(base)} in ${base.format}. ` : html``;
  const caution = silent.length > 0
    ? html`The timings are of the ${silent.length === 1 ? 'engine' : 'engines'} ${list(silent)}, which decodes 4-bit weights before the product instead of using them as they are: they describe this run and give no verdict on the formats’ speed.`
    : html``;
  return html`<p class="lead">${size}${caution}</p>`;
}

/** The fastest format of the largest model against its base, where the interval allows to name one. */
function pace(all: readonly ModelRow[], rows: readonly MetricRow[], phase: 'decode' | 'prefill'): Content {
  const doing = phase === 'decode' ? 'decodes' : 'reads a prompt';
  const own = rows.filter((r) => r.quantity === `${phase}_ratio_to_base` && r.model === all.at(-1)?.model).sort((a, b) => b.value - a.value);
  const fastest = own[0];
  if (!fastest || fastest.low === null) return phase === 'decode' ? 'Decoding, one token after another' : 'Prefill, a prompt at once';
  return fastest.low > 1 ? html`On ${fastest.model} ${fastest.format} ${doing} fastest, at ${num(fastest)} times its base's rate` : html`On ${fastest.model} no format ${doing} measurably faster than its base`;
}

async function distributions(all: readonly ModelRow[], samples: readonly Sample[], rows: readonly MetricRow[], phase: 'decode' | 'prefill'): Promise<Html> {
  const own = samples.filter((s) => s.phase === phase);
  if (own.length === 0) return html``;
  const panels: Panel[] = [];
  for (const model of all) {
    for (const machine of [...new Set(own.map((s) => s.machine))]) {
      const here = own.filter((s) => s.model === model.model && s.machine === machine);
      if (here.length === 0) continue;
      const [, high] = sharedDomain(here.map((s) => ({ format: s.format, family: s.family, x: 0, y: s.value, low: null, high: null })), { zero: true });
      panels.push(await stripPanel(`${model.model}, ${machine}`, here, { label: 'tokens per second', domain: [0, high] }));
    }
  }
  return figure({
    id: phase, panels,
    title: pace(all, rows, phase),
    subtitle: html`${phase === 'decode' ? 'Decoding, one token after another' : 'Prefill, a prompt at once'}: tokens per second, one stroke for each timing, the median thicker. Blocks in random order; nothing was dropped. Scales differ between models.`,
    data: table({
      columns: [{ head: 'model', cell: (s) => modelName(s.model) }, { head: 'format', cell: formatName }, { head: 'machine', cell: (s) => s.machine }, { head: 'block', cell: (s) => lit(Number(s['block']), 'ordinal') },
        { head: 'tokens', number: (s) => s, what: 'speed_samples.tokens' }, { head: 'ms', number: (s) => s, what: 'speed_samples.duration_ms', options: { decimals: 1 } }],
      rows: own, sortable: true,
    }),
  });
}

async function rates(input: PageInput, all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  const timed = rows.filter((r) => /_tokens_per_second$|_ratio/.test(r.quantity));
  if (timed.length === 0) return html``;
  const listed = await formats(input);
  const gap = await gaps(input);
  const at = (quantity: string) => (line: { model: string; format: string }): MetricRow | undefined => find(rows, { quantity, model: line.model, format: line.format });
  const noise = all.flatMap((m) => rows.filter((r) => r.model === m.model && r.quantity.endsWith('aa_ratio')));
  const noisy = noise.filter((r) => r.low !== null && r.high !== null && (r.low < 1 - NOISE || r.high > 1 + NOISE));
  return html`<h2>Rates</h2>
${table({
    caption: 'Medians over blocks, with intervals; ratios are medians of paired ratios to the base within a block.',
    rows: all.flatMap((m) => listed.map((f) => ({ ...f, model: m.model }))).filter((line) => timed.some((r) => r.model === line.model && r.format === line.format)),
    group: (line) => line.model,
    columns: [
      { head: 'format', cell: formatName },
      { head: 'decode, tokens/s', number: at('decode_tokens_per_second'), gap },
      { head: 'ratio to base', number: at('decode_ratio_to_base'), gap },
      { head: 'prefill, tokens/s', number: at('prefill_tokens_per_second'), gap },
      { head: 'ratio to base', number: at('prefill_ratio_to_base'), gap },
    ],
  })}
${noise.length > 0 ? html`<p>The machine's own noise, from the ${term('a-a-pair')}: a format timed twice in each block differs from itself by a factor of ${list(noise.map((r) => html`${num(r)} (${r.model}, ${r.quantity.startsWith('decode') ? 'decode' : 'prefill'})`))}.${noisy.length > 0 ? html` An interval that leaves ±${lit('2.5 %', 'definition')} means that a comparison there is too noisy for a verdict: ${derived('noisy', noisy.length, html`intervals of A/A ratios above that leave the limits.`, { as: 'count' })} of ${derived('pairs', noise.length, html`A/A ratios above.`, { as: 'count' })} do. Longer timings (speed.seconds in data/study.yaml) narrow them.` : ''}</p>` : ''}`;
}

async function memory(input: PageInput, all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  const listed = await formats(input);
  const gap = await gaps(input);
  const artifacts = await input.query<Row & { model: string; format: string; alias_of: string | null }>('SELECT * FROM artifacts');
  const at = (quantity: string) => (line: { model: string; format: string }): MetricRow | undefined => find(rows, { quantity, model: line.model, format: line.format });
  if (artifacts.length === 0) return nothing('stored bytes');
  const artifact = (line: { model: string; format: string }): Row | undefined => artifacts.find((a) => a.model === line.model && a.format === line.format);
  return html`<p>Bytes are counted, not sampled. Only linear layers are quantized; embeddings and norms stay in the base type, so small models shrink less than their ${term('bits-per-weight')} suggest. What an engine holds besides the weights (decoded copies, caches, workspace) is its own.</p>
${table({
    rows: all.flatMap((m) => listed.map((f) => ({ ...f, model: m.model }))),
    group: (line) => line.model,
    columns: [
      { head: 'format', cell: formatName },
      { head: 'linear layers', number: artifact, what: 'artifacts.linear_bytes', options: { as: 'bytes' }, gap: (l) => missing(input.failed, { model: l.model, format: l.format }) },
      { head: 'everything else', number: artifact, what: 'artifacts.other_bytes', options: { as: 'bytes' } },
      { head: 'bits per weight, linear', number: at('bits_per_weight_linear'), options: { decimals: 3 } },
      { head: 'whole model', number: at('bits_per_weight_model'), options: { decimals: 2 } },
      { head: 'held by the engine', number: at('held_bytes'), options: { as: 'bytes' }, gap },
    ],
  })}`;
}

async function machinesOf(input: PageInput): Promise<Html> {
  const rows = await input.query<Row & { machine: string; cpu: string; os: string; node: string }>('SELECT * FROM machines ORDER BY machine');
  if (rows.length === 0) return html``;
  return html`<h2 id="machines">Machines</h2>
${table({ rows, columns: [
    { head: 'label', cell: (m) => m.machine }, { head: 'processor', cell: (m) => lit(m.cpu, 'name') },
    { head: 'cores', number: (m) => m, what: 'machines.cores' }, { head: 'memory', number: (m) => m, what: 'machines.memory_bytes', options: { as: 'bytes' } },
    { head: 'system', cell: (m) => lit(m.os, 'name') }, { head: 'Node', cell: (m) => lit(m.node, 'name') },
  ] })}
<p class="note">A measured number belongs to its machine. How speed was measured: ${link('method.html#speed', 'method')}. What the kernels reach beside the memory: ${link('kernels.html', 'kernels against the memory')}.</p>`;
}
