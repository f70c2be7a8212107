/** Any two formats of a model side by side: how they differ, paired, with intervals; and what changed between what their numbers are made of. */
import { html, late, link, list, lit, escapeText } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { term } from '../glossary.ts';
import { inOrder } from '../in-order.ts';
import { num } from '../num.ts';
import type { Row } from '../num.ts';
import type { Page, PageInput } from '../page.ts';
import { table } from '../table.ts';
import { find, formatName, formats, metrics, models, nothing, overall } from './common.ts';
import type { FormatRow, MetricRow } from './common.ts';
import { changes } from './compare-inputs.ts';

export interface Pair extends Row { readonly quantity: string; readonly model: string; readonly format: string; readonly other: string; readonly engine: string | null; readonly value: number; readonly low: number | null; readonly high: number | null; readonly unit: string }

export const compare: Page = {
  name: 'compare',
  path: ({ model }) => `compare/${String(model)}.html`,
  per: 'model',
  tables: ['models', 'formats', 'metrics', 'artifacts', 'pairs'],
  records: true,
  async write(input) {
    const name = String(input.params['model']);
    const all = await models(input);
    const kicker = html`${link('compare/index.html', 'Compare')}: ${all.map((m, i) => html`${i > 0 ? ' · ' : ''}${m.model === name ? html`<b>${m.model}</b>` : link(`compare/${m.model}.html`, m.model)}`)}`;
    const pairs = inOrder((await input.rows<Pair>('pairs')).filter((p) => p.model === name), (p) => p.quantity, (p) => p.engine ?? '');
    const listed = (await formats(input)).filter((f) => pairs.some((p) => p.format === f.format || p.other === f.format));
    const title = `Compare formats of ${name}`;
    if (listed.length < 2) return { title, kicker, body: nothing(`two formats of ${name}`) };
    const rows = (await metrics(input, ['bits_per_weight_linear', 'weight_bytes', 'perplexity', 'kl_mean', 'top1_agreement', 'delta_nll', 'decode_tokens_per_second', 'prefill_tokens_per_second', 'held_bytes'], overall)).filter((r) => r.model === name);
    const aliases = inOrder((await input.rows<{ model: string; format: string; alias_of: string | null }>('artifacts')).filter((a) => a.model === name && a.alias_of !== null), (a) => a.format);
    return {
      title, kicker, heading: html`Two formats of ${lit(name, 'name')}, side by side`,
      body: html`${lead(name, pairs)}
<p>Choose two: a row, and the column to hold it against. ${term('delta-nll', 'Loss')} of the column less that of the row, nats a token${aliases.length > 0 ? '; ' : '.'}${aliases.length > 0 ? html`${list(aliases.map((a) => html`${a.format} is an ${term('alias')} of ${a.alias_of!}`))}.` : ''} The address names the pair, so that it can be sent.</p>
${matrix(listed, pairs)}
<div class="pairs" id="pairs">${listed.flatMap((one, i) => listed.slice(i + 1).map((two) => section(name, all.find((m) => m.model === name)?.base_format, one, two, pairs, rows, input)))}</div>
<p class="note">Intervals are those of the difference itself, over ${term('window', 'windows')} for what is predicted and over blocks for speed, so that they say more than two intervals that overlap.</p>`,
    };
  },
};

export const pairId = (a: string, b: string): string => `${a}.${b}`;

/** How many pairs differ clearly in their loss, and the pair that differs most. */
export function lead(model: string, pairs: readonly Pair[]): Html {
  const losses = pairs.filter((p) => p.quantity === 'nll_difference');
  const bounded = losses.filter((p) => p.low !== null && p.high !== null);
  const most = [...losses].sort((a, b) => Math.abs(b.value) - Math.abs(a.value))[0];
  if (!most) return html`<p class="lead">No two formats of ${model} were compared.</p>`;
  const alike = bounded.filter((p) => p.low! <= 0 && p.high! >= 0);
  return html`<p class="lead">On ${link(`models/${model}.html`, model)} ${most.format} and ${most.other} are farthest apart: the loss of ${most.other} less that of ${most.format} is ${num(most, 'pairs.value', { signed: true })} nats a token${alike.length > 0 ? html`. Not told apart by their loss on these texts: ${list(alike.map((p) => html`${link(`compare/${model}.html#${pairId(p.format, p.other)}`, `${p.format} and ${p.other}`)}`))}` : bounded.length > 0 ? html`. Every two differ measurably in their loss on these texts` : ''}.</p>`;
}

/** Every pair once, above the diagonal; each leads to its section. */
export function matrix(listed: readonly FormatRow[], pairs: readonly Pair[], page = ''): Html {
  const at = (a: string, b: string): Pair | undefined => pairs.find((p) => p.quantity === 'nll_difference' && p.format === a && p.other === b);
  const columns = listed.slice(1);
  return table({
    rows: listed.slice(0, -1),
    columns: [
      { head: 'format', cell: (f) => formatName(f) },
      ...columns.map((c) => ({
        head: html`${c.format}`, end: true,
        cell: (f: FormatRow): Content => {
          const pair = at(f.format, c.format);
          if (!pair) return '';
          return html`${num(pair, 'pairs.value', { signed: true, bare: true })} ${to(page, pairId(f.format, c.format), f.format, c.format)}`;
        },
      })),
    ],
  });
}

/** The link to a pair: a number is a link already, to its record. */
const to = (page: string, id: string, a: string, b: string): Html => late((p) => `<a class="pair" href="${page === '' ? '' : p.root + page}#${escapeText(id)}" aria-label="${escapeText(`compare ${a} and ${b}, side by side`)}">compare</a>`);

interface Line { readonly head: Content; readonly one?: Row | undefined; readonly two?: Row | undefined; readonly what?: string; readonly difference?: Row | undefined; readonly signed?: boolean; readonly unit?: string; readonly note?: Content }

function section(model: string, base: string | undefined, one: FormatRow, two: FormatRow, pairs: readonly Pair[], rows: readonly MetricRow[], input: PageInput): Html {
  const pair = (quantity: string, engine: string | null = null): Pair | undefined => pairs.find((p) => p.quantity === quantity && p.format === one.format && p.other === two.format && p.engine === engine);
  const of = (quantity: string, engine: string | null = null): Pick<Line, 'one' | 'two'> => ({ one: find(rows, { quantity, format: one.format, engine }), two: find(rows, { quantity, format: two.format, engine }) });
  const engines = [...new Set(rows.filter((r) => r.quantity === 'decode_tokens_per_second').map((r) => r.engine!))].sort((a, b) => (a < b ? -1 : 1));
  const lines: Line[] = [
    { head: term('bits-per-weight'), ...of('bits_per_weight_linear') },
    { head: 'bytes of all weights', ...of('weight_bytes') },
    { head: term('perplexity'), ...of('perplexity') },
    { head: term('delta-nll', 'loss on the texts less the base’s, nats'), ...of('delta_nll'), difference: pair('nll_difference'), signed: true },
    { head: term('kl', 'KL divergence from the base, nats'), ...of('kl_mean'), difference: pair('kl_difference'), signed: true },
    { head: html`the same, as a ratio`, difference: pair('kl_ratio'), unit: '×' },
    { head: term('top-1-agreement', 'same top token as the base'), ...of('top1_agreement'), difference: pair('top1_agreement_difference'), signed: true },
    { head: 'right top token', difference: pair('accuracy_difference'), signed: true },
    { head: 'same top token as one another', difference: pair('same_top1') },
    ...engines.flatMap((engine): Line[] => [
      { head: html`decode on ${engine}, tokens/s`, ...of('decode_tokens_per_second', engine), difference: pair('decode_ratio', engine), unit: '×' },
      { head: html`prefill on ${engine}, tokens/s`, ...of('prefill_tokens_per_second', engine), difference: pair('prefill_ratio', engine), unit: '×' },
      { head: html`held by ${engine}`, ...of('held_bytes', engine) },
    ]),
  ].filter((line) => line.one ?? line.two ?? line.difference);
  const shown = (row: Row | undefined, what: string, line: Line): Content => (row === undefined ? '' : num(row, what, { ...(line.signed && (what === 'pairs.value' || row['quantity'] === 'delta_nll') ? { signed: true } : {}), ...(line.unit && what === 'pairs.value' ? { unit: line.unit } : {}) }));
  return html`<section id="${pairId(one.format, two.format)}"><h2>${one.format} and ${two.format} <a class="pair" href="#pairs">all pairs</a></h2>
<p>${finding(base, one, two, pair('nll_difference'), pair('kl_difference'))}</p>
${table({ rows: lines, columns: [
    { head: 'quantity', cell: (l) => l.head },
    { head: one.format, end: true, cell: (l) => shown(l.one, 'metrics.value', l) }, { head: two.format, end: true, cell: (l) => shown(l.two, 'metrics.value', l) },
    { head: html`${two.format} against ${one.format}`, end: true, cell: (l) => shown(l.difference, 'pairs.value', l) },
  ] })}
${changes(input.records, model, one.format, two.format)}</section>
`;
}

/** In words what the intervals of loss and distance say. */
function finding(base: string | undefined, one: FormatRow, two: FormatRow, loss: Pair | undefined, distance: Pair | undefined): Html {
  const side = (p: Pair): string => (p.value > 0 ? one.format : two.format);
  const clear = (p: Pair): boolean => p.low !== null && p.high !== null && (p.low > 0 || p.high < 0);
  if (!loss) return html`They were not compared on the texts.`;
  const first = loss.low === null ? html`By these few windows alone ${side(loss)} predicts the texts better` : clear(loss) ? html`${side(loss)} predicts the texts better` : html`Their loss on the texts is not told apart`;
  if (one.format === base || two.format === base) return html`${first}; ${base} is the base itself.`;
  if (!distance || distance.low === null) return html`${first}.`;
  if (clear(distance)) return html`${first}; ${side(distance)} is nearer to the base.`;
  return clear(loss) ? html`${first}; their distance from the base is not told apart.` : html`${first}, and neither is their distance from the base.`;
}
