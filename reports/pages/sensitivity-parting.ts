/** Where texts part, step by step: the survival curve of "not yet different", its hazard, and the least that any coupling could have. */
import { figure, linePanel, scatterPanel, sharedDomain } from '../charts.ts';
import type { Mark, Panel } from '../charts.ts';
import { html, lit } from '../html.ts';
import type { Html } from '../html.ts';
import { term } from '../glossary.ts';
import { inOrder } from '../in-order.ts';
import { derived, num } from '../num.ts';
import type { Row } from '../num.ts';
import type { PageInput } from '../page.ts';
import { table } from '../table.ts';
import { formatName, inOrderOfFormats, mark, modelName } from './common.ts';
import type { MetricRow, ModelRow } from './common.ts';

interface Step extends Row { readonly model: string; readonly format: string; readonly family: string; readonly temperature: number; readonly top_k: number; readonly step: number; readonly at_risk: number; readonly parted: number; readonly value: number; readonly low: number | null; readonly high: number | null }

/** Last steps of the stretches that hazards are pooled over: few texts part at any one step. */
const STRETCHES = [4, 8, 16, 32, 64, 128, 256, 512, 1024];
/** A rate of fewer steps of texts would be an accident. */
const LEAST_WATCHED = 20;

/** `closed`: total_variation over all texts. Needs the tables survival and formats. */
export async function parting(input: PageInput, all: readonly ModelRow[], closed: readonly MetricRow[]): Promise<Html> {
  const drawn = (await input.rows<Step>('survival')).filter((s) => s.temperature > 0 && s.top_k === 0);
  const [at] = inOrder(new Set(drawn.map((s) => s.temperature)), (temperature) => Math.abs(temperature - 0.8), (temperature) => temperature);
  if (at === undefined) return html``;
  const steps = await inOrderOfFormats(input, drawn.filter((s) => s.temperature === at), (s) => s.model, (s) => s.step);
  return html`${await curves(all, steps, at)}${await hazards(all, steps, at)}${await bound(all, steps, closed.filter((r) => r.quantity === 'total_variation' && r.top_k === 0 && r.temperature === at), at)}`;
}

const last = (all: readonly ModelRow[], rows: readonly { readonly model: string }[]): string => all.findLast((m) => rows.some((r) => r.model === m.model))?.model ?? '';

async function curves(all: readonly ModelRow[], steps: readonly Step[], at: number): Promise<Html> {
  const marks = (own: readonly Step[]): Mark[] => own.flatMap(({ format, family, step, value, low, high }, i) => [
    // A curve begins with all texts.
    ...(i === 0 || own[i - 1]!.format !== format ? [{ format, family, x: 0, y: 100, low: 100, high: 100 }] : []),
    { format, family, x: step, y: 100 * value, low: low === null ? null : 100 * low, high: high === null ? null : 100 * high },
  ]);
  const limit = Math.max(...steps.map((s) => s.step));
  const panels: Panel[] = [];
  for (const { model } of all) {
    const own = steps.filter((s) => s.model === model);
    if (own.length > 0) panels.push(await linePanel(model, marks(own), { xLabel: 'new tokens', yLabel: 'texts not yet different (%)', yDomain: [0, 100], zero: true, steps: true, xTicks: [0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(share * limit)) }));
  }
  const ends = steps.filter((s) => s.step === limit || STRETCHES.includes(s.step));
  const own = steps.filter((s) => s.model === last(all, steps));
  // The first step at which half of a format's texts have parted, the earliest of all formats.
  const half = own.filter((s) => s.value <= 0.5).sort((a, b) => a.step - b.step)[0];
  const title = half ? html`On ${half.model} half of the texts in ${half.format} have parted from the base's by token ${lit(half.step, 'ordinal')}` : own.length > 0 ? html`On ${own[0]!.model} more than half of the texts in every format are still the base's after ${lit(limit, 'parameter')} tokens` : 'Where texts part';
  return figure({
    id: 'survival', panels, title,
    subtitle: html`${term('survival', 'Survival curve')} (Kaplan-Meier) of “not yet different from the base's text”, by new tokens, at T = ${lit(at, 'parameter')} from all tokens, under the same noise. ${steps.some((s) => s.low !== null) ? html`Bands: intervals at ${lit('95 %', 'definition')} over prompts.` : 'No intervals: too few prompts.'} Its area is the ${term('restricted-mean')}.`,
    data: table({ rows: ends, sortable: true, columns: [
      { head: 'model', cell: (s) => modelName(s.model) }, { head: 'format', cell: formatName }, { head: 'new tokens', cell: (s) => lit(s.step, 'parameter') },
      { head: 'not yet different', number: (s) => s, what: 'survival.value' }, { head: 'watched there', number: (s) => s, what: 'survival.at_risk' },
    ] }),
  });
}

interface Hazard { readonly model: string; readonly format: string; readonly family: string; readonly from: number; readonly until: number; readonly parted: number; readonly atRisk: number; readonly first: Step }

/** Parted over watched, pooled over stretches of steps. */
function pooled(steps: readonly Step[], ends: readonly number[]): Hazard[] {
  const out: Hazard[] = [];
  for (const key of new Set(steps.map((s) => `${s.model} ${s.format}`))) {
    const own = steps.filter((s) => `${s.model} ${s.format}` === key);
    ends.forEach((until, k) => {
      const from = (ends[k - 1] ?? 0) + 1;
      const here = own.filter((s) => s.step >= from && s.step <= until);
      const atRisk = here.reduce((sum, s) => sum + s.at_risk, 0);
      if (atRisk > 0) out.push({ model: here[0]!.model, format: here[0]!.format, family: here[0]!.family, from, until: here.at(-1)!.step, parted: here.reduce((sum, s) => sum + s.parted, 0), atRisk, first: here[0]! });
    });
  }
  return out;
}

const rate = (h: Hazard): Html => derived(`hazard.${h.model}.${h.format}.${h.from}-${h.until}`, h.parted / h.atRisk,
  html`${h.format} on ${h.model}: ${lit(h.parted, 'parameter')} texts parted in ${lit(h.atRisk, 'parameter')} steps of texts that were watched, from token ${lit(h.from, 'ordinal')} to ${lit(h.until, 'ordinal')} (table ${num(h.first, 'survival.parted')} and following).`, { as: 'percent', decimals: 1 });

async function hazards(all: readonly ModelRow[], steps: readonly Step[], at: number): Promise<Html> {
  const limit = Math.max(...steps.map((s) => s.step));
  const rows = pooled(steps, [...STRETCHES.filter((end) => end < limit), limit]).filter((h) => h.atRisk >= LEAST_WATCHED);
  if (new Set(rows.map((h) => h.from)).size < 2) return html``;
  const marks = (own: readonly Hazard[]): Mark[] => own.map((h) => ({ format: h.format, family: h.family, x: h.from, y: (100 * h.parted) / h.atRisk, low: null, high: null }));
  const yDomain = sharedDomain(marks(rows), { zero: true });
  const panels: Panel[] = [];
  for (const { model } of all) {
    const own = rows.filter((h) => h.model === model);
    if (own.length > 0) panels.push(await linePanel(model, marks(own), { xLabel: 'new tokens', yLabel: 'texts that part at a token (%)', yDomain, zero: true, xLog: true }));
  }
  // Of the largest model the format whose texts part most readily at their beginning, which all texts have.
  const own = rows.filter((h) => h.model === last(all, rows) && h.from === 1).sort((a, b) => b.parted / b.atRisk - a.parted / a.atRisk);
  const [most, least] = [own[0], own.at(-1)];
  return figure({
    id: 'hazard', panels,
    title: most && least && most !== least ? html`On ${most.model}, of the texts in ${most.format} ${rate(most)} part at each of the first ${lit(most.until, 'ordinal')} tokens, of those in ${least.format} ${rate(least)}` : 'How readily texts part, by length',
    subtitle: html`${term('hazard', 'Hazard')}: of the texts that were still the same, the share that parts at a token, pooled over stretches of tokens; a point stands at the beginning of its stretch, and is left out where fewer than ${lit(LEAST_WATCHED, 'definition')} tokens were watched. At T = ${lit(at, 'parameter')}, from all tokens.`,
    data: table({ rows, sortable: true, columns: [
      { head: 'model', cell: (h) => modelName(h.model) }, { head: 'format', cell: formatName }, { head: 'tokens', cell: (h) => html`${lit(h.from, 'ordinal')} to ${lit(h.until, 'ordinal')}` }, { head: 'hazard', end: true, cell: rate },
    ] }),
  });
}

/** The hazard over all steps against the least that it could be. */
async function bound(all: readonly ModelRow[], steps: readonly Step[], variation: readonly MetricRow[], at: number): Promise<Html> {
  const limit = Math.max(...steps.map((s) => s.step));
  const rows = pooled(steps, [limit]).flatMap((hazard) => { const least = variation.find((r) => r.model === hazard.model && r.format === hazard.format && r.value > 0); return least ? [{ ...hazard, least }] : []; });
  if (rows.length === 0) return html``;
  const drawn = rows.filter((r) => r.parted > 0 && r.atRisk >= LEAST_WATCHED);
  const point = (r: (typeof rows)[number]): Mark => ({ format: r.format, family: r.family, x: mark(r.least, 0).y, y: (100 * r.parted) / r.atRisk, low: null, high: null });
  const xs = drawn.map((r) => point(r).x), yDomain = sharedDomain(drawn.map(point), { log: true });
  const xDomain = [Math.min(...xs) / 2.5, Math.max(...xs) * 2.5] as const;
  const panels: Panel[] = [];
  for (const { model } of all) {
    const own = drawn.filter((r) => r.model === model);
    if (own.length > 0) panels.push(await scatterPanel(model, own.map(point), { xLabel: 'total variation (%)', yLabel: 'texts that part at a token (%)', xDomain, yDomain, yLog: true, diagonal: true, xTicks: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30].filter((tick) => tick > xDomain[0] && tick < xDomain[1]) }));
  }
  const own = drawn.filter((r) => r.model === last(all, drawn)).sort((a, b) => b.least.value - a.least.value)[0];
  return figure({
    id: 'bound', panels,
    title: !own ? 'How readily texts part, and how readily they must' : html`On ${own.model} ${own.format} parts at ${rate(own)} of the tokens; no way of coupling the noise could make that less than some ${num(own.least)}`,
    subtitle: html`The ${term('hazard')} over all tokens against the mean ${term('total-variation')} of the next token, which needs no texts: at any position two samplers differ at least that often, however their noise is shared (the line). The hazard is of written texts, the total variation of the novels' text, so the line is a guide and not exact; a point far above it would say that the shared noise parts texts more often than it must. T = ${lit(at, 'parameter')}, both axes logarithmic${drawn.length < rows.length ? '; formats of which no text parted, or few tokens were watched, are not drawn' : ''}.`,
    data: table({ rows, sortable: true, columns: [
      { head: 'model', cell: (r) => modelName(r.model) }, { head: 'format', cell: formatName }, { head: 'hazard', end: true, cell: rate }, { head: 'total variation', number: (r) => r.least },
    ] }),
  });
}
