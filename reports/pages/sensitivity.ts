/** Sensitivity: how the difference to the base depends on temperature, top_k and the length of what is written. */
import { figure, linePanel, sharedDomain } from '../charts.ts';
import type { Panel } from '../charts.ts';
import { html, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { term } from '../glossary.ts';
import { num } from '../num.ts';
import type { Page } from '../page.ts';
import { table } from '../table.ts';
import { formatName, intervalNote, mark, metrics, modelName, models, nothing, overall } from './common.ts';
import type { MetricRow, ModelRow } from './common.ts';
import { SAMPLED } from './sampled.ts';
import { base, relative } from './sensitivity-base.ts';
import { equalNull } from './sensitivity-null.ts';
import { parting } from './sensitivity-parting.ts';

export const sensitivity: Page = {
  name: 'sensitivity',
  path: () => 'sensitivity.html',
  tables: ['models', 'formats', 'sweep_metrics', 'survival'],
  async write(input) {
    const all = await models(input);
    const closed = await metrics(input, ['quality_shift', 'null_shift_mean', 'null_shift_least', 'null_shift_most', 'total_variation', 'outside_mass', 'base_entropy', 'base_quality'], overall, 'sweep_metrics');
    const sampled = await metrics(input, [SAMPLED.untilDifference, SAMPLED.same, SAMPLED.shift, SAMPLED.repeated], overall, 'sweep_metrics');
    if (closed.length === 0 && sampled.length === 0) return { title: 'Sensitivity', body: nothing('temperature, top_k or length') };
    return {
      title: 'Sensitivity',
      heading: html`Sensitivity to temperature, top_k and length`,
      body: html`${lead(all, closed)}
<h2>Temperature, without sampling noise</h2>
<p>At every scored position the sampler's distribution is known in closed form, so these figures hold no noise from drawing tokens; intervals come from the texts alone.</p>
${await byTemperature(all, closed, { id: 'quality-shift', quantity: 'quality_shift', topK: 0, label: 'quality shift (nats)', zero: true, title: shiftTitle(all, closed), subtitle: html`${term('quality-shift', 'Quality shift')} E(T) by ${term('temperature')}, judged by the largest unquantized model; above zero the format is expected to write worse than the base. ${intervalNote(closed)}` })}
${await byTemperature(all, closed, { id: 'total-variation', quantity: 'total_variation', topK: 0, label: 'total variation (%)', zero: true, title: peakTitle(all, closed), subtitle: html`${term('total-variation', 'Total variation')} between format and base by temperature, from all tokens. Its shape over T is the softmax's own, much the same for any small change of the logits: by itself it decides nothing about sensitivity. ${intervalNote(closed)}` })}
${await relative(all, closed)}
${await equalNull(all, closed)}
${await base(all, [...closed, ...sampled])}
<h2>top_k</h2>
${await byTopK(all, closed)}
<h2>Length: where texts part</h2>
<p>Texts of format and base are drawn with common noise, so that they part only where the format made them. After the first different token their contexts differ, and only averages can be compared.</p>
${await byTemperature(all, longest(sampled), { id: 'parting', quantity: SAMPLED.untilDifference, topK: 0, label: 'tokens until the texts part', zero: true, title: extremes(all, longest(sampled).filter((r) => r.quantity === SAMPLED.untilDifference), (most, least) => html`On ${most.model} ${most.format} writes ${num(most)} tokens as its base would at T = ${lit(most.temperature!, 'parameter')}, ${least.format} only ${num(least)} at T = ${lit(least.temperature!, 'parameter')}`), subtitle: html`${term('restricted-mean', 'Restricted mean')} of the number of tokens before the first difference, at the longest max_new_tokens, by temperature; from all tokens. ${promptNote(sampled.filter((r) => r.quantity === SAMPLED.untilDifference))}` })}
${await byLength(all, sampled)}
${await parting(input, all, closed)}
<h3>After that</h3>
${await byTemperature(all, longest(sampled), { id: 'judge-shift', quantity: SAMPLED.shift, topK: 0, label: 'judge NLL, difference (nats)', zero: true, title: judgeTitle(all, longest(sampled)), subtitle: html`By how much more the texts of a format surprise the ${term('judge')} than the base's do, nats a token, each text against the base's from the same prompt and noise, by temperature. ${promptNote(sampled.filter((r) => r.quantity === SAMPLED.shift))}` })}`,
    };
  },
};

/** What the bands of written texts are: not those of the exact figures above. */
const promptNote = (rows: readonly MetricRow[]): Html => (rows.some((r) => r.low !== null) ? html`Bands: intervals at ${lit('95 %', 'definition')} over prompts${rows.some((r) => r.low === null) ? '; none where too few prompts differ for one' : ''}.` : html`No intervals: too few prompts.`);

const longest = (rows: readonly MetricRow[]): MetricRow[] => {
  const limit = Math.max(...rows.map((r) => r.max_new_tokens ?? 0));
  return rows.filter((r) => (r.max_new_tokens ?? limit) === limit);
};

/** The extremes of E(T) on the largest model, for the format where they are farthest apart. */
function lead(all: readonly ModelRow[], rows: readonly MetricRow[]): Html {
  const model = all.at(-1)?.model;
  const own = rows.filter((r) => r.quantity === 'quality_shift' && r.model === model && r.top_k === 0 && r.temperature! > 0);
  let widest: { low: MetricRow; high: MetricRow } | undefined;
  for (const format of new Set(own.map((r) => r.format))) {
    const shifts = own.filter((r) => r.format === format).sort((a, b) => a.value - b.value);
    const low = shifts[0]!, high = shifts.at(-1)!;
    if (!widest || high.value - low.value > widest.high.value - widest.low.value) widest = { low, high };
  }
  if (!widest) return html`<p class="lead">This run has no temperature above zero at which quality was compared.</p>`;
  if (widest.low === widest.high) {
    const worst = [...own].sort((a, b) => b.value - a.value)[0]!;
    return html`<p class="lead">At T = ${lit(worst.temperature!, 'parameter')}, the only temperature above zero of this run, ${worst.format} on ${modelName(model!)} is expected to write worse than the base by ${num(worst, undefined, { signed: true })} nats a token.</p>`;
  }
  const { low, high } = widest;
  return html`<p class="lead">On ${modelName(model!)} the format whose quality depends most on temperature is ${low.format}: what it writes is expected to be worse than the base's by ${num(high, undefined, { signed: true })} nats a token at T = ${lit(high.temperature!, 'parameter')} and by ${num(low, undefined, { signed: true })} at T = ${lit(low.temperature!, 'parameter')}.</p>`;
}

function shiftTitle(all: readonly ModelRow[], rows: readonly MetricRow[]): Content {
  const own = rows.filter((r) => r.quantity === 'quality_shift' && r.model === all.at(-1)?.model && r.top_k === 0);
  const worst = [...own].sort((a, b) => b.value - a.value)[0];
  return worst ? html`On ${worst.model} ${worst.format} loses most, ${num(worst)} nats at T = ${lit(worst.temperature!, 'parameter')}` : 'Quality by temperature';
}

/** The largest value of the largest model, in words: where the distance peaks. */
function peakTitle(all: readonly ModelRow[], rows: readonly MetricRow[]): Content {
  const own = rows.filter((r) => r.quantity === 'total_variation' && r.model === all.at(-1)?.model && r.top_k === 0);
  const peak = [...own].sort((a, b) => b.value - a.value)[0];
  return peak ? html`On ${peak.model} the distance is largest in ${peak.format} at T = ${lit(peak.temperature!, 'parameter')}, ${num(peak)}` : 'Distance by temperature';
}

/** The most and the least of the largest model, all 4-bit formats and others together, the base left out. */
function extremes(all: readonly ModelRow[], rows: readonly MetricRow[], say: (most: MetricRow, least: MetricRow) => Html): Content {
  const own = rows.filter((r) => r.model === all.at(-1)?.model && (r.top_k ?? 0) === 0 && !isBase(all, r)).sort((a, b) => b.value - a.value);
  return own.length < 2 ? 'Where texts part' : say(own[0]!, own.at(-1)!);
}

/** On the largest model: formats and temperatures whose texts are clearly worse, or that there are none. */
function judgeTitle(all: readonly ModelRow[], rows: readonly MetricRow[]): Content {
  const own = rows.filter((r) => r.quantity === SAMPLED.shift && r.model === all.at(-1)?.model && !isBase(all, r));
  const bounded = own.filter((r) => r.low !== null && r.high !== null);
  if (bounded.length === 0) return 'What the judge makes of the texts';
  const clear = bounded.filter((r) => r.low! > 0).sort((a, b) => b.value - a.value)[0];
  return clear ? html`On ${clear.model} ${clear.format} writes texts at T = ${lit(clear.temperature!, 'parameter')} that surprise the judge by ${num(clear, undefined, { signed: true })} nats a token more` : html`On ${own[0]!.model} these texts are too few to tell that any format writes worse than its base`;
}

/** The smallest top_k at the format and temperature where it changes the distance most. */
function topKTitle(own: readonly MetricRow[], ks: readonly number[]): Content {
  const smallest = ks.find((k) => k > 0);
  const pairs = own.filter((r) => r.top_k === 0).flatMap((row) => {
    const cut = own.find((r) => r.format === row.format && r.temperature === row.temperature && r.top_k === smallest);
    return cut ? [{ row, cut, change: Math.abs(cut.value - row.value) }] : [];
  }).sort((a, b) => b.change - a.change);
  if (!pairs[0]) return 'Distance under top_k';
  const { row, cut } = pairs[0];
  return html`On ${row.model} at T = ${lit(row.temperature!, 'parameter')}, ${row.format} is ${num(row)} from its base over all tokens, ${num(cut)} with top_k ${lit(cut.top_k!, 'parameter')}`;
}

interface Kind { readonly id: string; readonly quantity: string; readonly topK: number; readonly label: string; readonly title: Content; readonly subtitle: Content; readonly zero: boolean }

async function byTemperature(all: readonly ModelRow[], rows: readonly MetricRow[], kind: Kind): Promise<Html> {
  const own = rows.filter((r) => r.quantity === kind.quantity && (r.top_k ?? 0) === kind.topK && !isBase(all, r));
  return lines(all, own, kind, (r) => r.temperature!, 'temperature');
}

const isBase = (all: readonly ModelRow[], row: MetricRow): boolean => all.some((m) => m.model === row.model && m.base_format === row.format);

async function lines(all: readonly ModelRow[], own: readonly MetricRow[], kind: Omit<Kind, 'topK' | 'quantity'>, x: (row: MetricRow) => number, xLabel: string): Promise<Html> {
  const yDomain = sharedDomain(own.map((r) => mark(r, 0)), { zero: kind.zero });
  const panels: Panel[] = [];
  for (const model of all) {
    const marks = own.filter((r) => r.model === model.model).map((r) => mark(r, x(r)));
    if (marks.length > 0) panels.push(await linePanel(model.model, marks, { xLabel, yLabel: kind.label, yDomain, zero: kind.zero }));
  }
  return figure({
    id: kind.id, title: kind.title, subtitle: kind.subtitle, panels,
    data: table({
      columns: [
        { head: 'model', cell: (r) => modelName(r.model) }, { head: 'format', cell: formatName },
        { head: xLabel, cell: (r) => lit(x(r), 'parameter') },
        { head: kind.label, number: (r) => r, options: { signed: kind.id === 'quality-shift' } },
      ],
      rows: own, sortable: true,
    }),
  });
}

/** The largest model, one panel for each top_k. */
async function byTopK(all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  const model = all.at(-1);
  const own = rows.filter((r) => r.quantity === 'total_variation' && r.model === model?.model && !isBase(all, r));
  const ks = [...new Set(own.map((r) => r.top_k!))].sort((a, b) => a - b);
  if (!model || ks.length < 2) return html`<p class="note">This run has a single top_k; there is nothing to compare.</p>`;
  const yDomain = sharedDomain(own.map((r) => mark(r, 0)), { zero: true });
  const panels: Panel[] = [];
  for (const k of ks) {
    const panel = await linePanel(k === 0 ? 'all tokens' : `top_k ${k}`, own.filter((r) => r.top_k === k).map((r) => mark(r, r.temperature!)), { xLabel: 'temperature', yLabel: 'total variation (%)', yDomain, zero: true });
    panels.push(k === 0 ? panel : { ...panel, title: html`top_k ${lit(k, 'parameter')}` });
  }
  const outside = rows.filter((r) => r.quantity === 'outside_mass' && r.model === model.model && r.top_k! > 0 && !isBase(all, r));
  return html`${figure({
    id: 'top-k', panels,
    title: topKTitle(own, ks),
    subtitle: html`${term('total-variation', 'Total variation')} between format and base under ${term('top-k')} sampling, by temperature. ${intervalNote(own)}`,
    data: table({
      columns: [
        { head: 'format', cell: formatName }, { head: 'temperature', cell: (r) => lit(r.temperature!, 'parameter') }, { head: 'top_k', cell: (r) => lit(r.top_k!, 'parameter') },
        { head: 'total variation', number: (r) => r },
        { head: 'mass outside the base’s top_k', number: (r) => outside.find((o) => o.format === r.format && o.temperature === r.temperature && o.top_k === r.top_k) },
      ],
      rows: own, sortable: true,
    }),
  })}`;
}

/** Share of texts that equal the base's, by the limit on new tokens, at one temperature: the one nearest to 0.8. */
async function byLength(all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  const same = rows.filter((r) => r.quantity === SAMPLED.same && (r.top_k ?? 0) === 0 && r.max_new_tokens !== null && !isBase(all, r));
  const temperatures = [...new Set(same.map((r) => r.temperature!))].sort((a, b) => Math.abs(a - 0.8) - Math.abs(b - 0.8) || a - b);
  const at = temperatures[0];
  if (at === undefined) return html``;
  return lines(all, same.filter((r) => r.temperature === at), {
    id: 'length', label: 'texts equal to the base’s (%)', zero: true,
    title: extremes(all, longest(same.filter((r) => r.temperature === at)), (most, least) => html`On ${most.model}, after ${lit(most.max_new_tokens!, 'parameter')} tokens ${num(most)} of the texts in ${most.format} are still the base's, and ${num(least)} in ${least.format}`),
    subtitle: html`Share of texts with no difference up to max_new_tokens, at T = ${lit(at, 'parameter')}, from all tokens. ${promptNote(same)}`,
  }, (r) => r.max_new_tokens!, 'max_new_tokens');
}
