/** Quality along two scales: tokens of context, and how sure the base is; and whether a format is as calibrated as its base. */
import { dotPanel, figure, linePanel, sharedDomain } from '../charts.ts';
import type { Panel } from '../charts.ts';
import { html, list, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { term } from '../glossary.ts';
import { num } from '../num.ts';
import type { Row } from '../num.ts';
import type { PageInput } from '../page.ts';
import { table } from '../table.ts';
import { find, formatName, inOrderOfFormats, intervalNote, mark, modelName } from './common.ts';
import type { MetricRow, ModelRow } from './common.ts';
import { perModel } from './per-model.ts';

interface Slice extends Row { readonly profile: string; readonly model: string; readonly format: string; readonly family: string; readonly slice: number; readonly slice_from: number; readonly slice_until: number | null; readonly value: number; readonly low: number | null; readonly high: number | null }

const slices = async (input: PageInput, profile: string): Promise<Slice[]> => inOrderOfFormats(input, (await input.rows<Slice>('profiles')).filter((p) => p.profile === profile), (p) => p.model, (p) => p.slice);

/** A slice in words: '32 to 63', or '128 and more'. Whole numbers end before the next one's beginning. */
const range = ({ slice_from: from, slice_until: until }: Slice, whole: boolean): Html =>
  until === null ? html`${lit(from, 'parameter')} and more` : whole && until === from + 1 ? html`${lit(from, 'parameter')}` : html`${lit(from, 'parameter')} to ${lit(whole ? until - 1 : until, 'parameter')}`;

async function curves(all: readonly ModelRow[], rows: readonly Slice[], axes: { readonly xLabel: string; readonly yLabel: string; readonly xLog?: boolean; readonly yLog?: boolean; readonly zero?: boolean }): Promise<Panel[]> {
  const marks = (own: readonly Slice[]) => own.map(({ format, family, slice_from: x, value: y, low, high }) => ({ format, family, x, y, low: axes.yLog && low !== null && low <= 0 ? null : low, high }));
  const yDomain = sharedDomain(marks(rows), { log: axes.yLog === true, zero: axes.zero === true });
  const panels: Panel[] = [];
  for (const { model } of all) {
    const own = rows.filter((r) => r.model === model);
    if (own.length > 0) panels.push(await linePanel(model, marks(own), { ...axes, yDomain }));
  }
  return panels;
}

/** Mean KL by tokens of context. */
export async function byContext(input: PageInput, all: readonly ModelRow[]): Promise<Html> {
  const rows = (await slices(input, 'kl_by_context')).filter((r) => r.value > 0);
  return figure({
    id: 'context', title: contextTitle(all, rows),
    subtitle: html`Mean ${term('kl')} of the positions with so many tokens before them in their window, nats a token, both axes logarithmic; a point stands at the beginning of its range. Other figures leave out positions with fewer than ${lit('32', 'definition')}. ${note(rows)}`,
    panels: await curves(all, rows, { xLabel: 'tokens of context', yLabel: 'KL divergence (nats per token)', xLog: true, yLog: true }),
    data: table({ rows, sortable: true, columns: [
      { head: 'model', cell: (r) => modelName(r.model) }, { head: 'format', cell: formatName }, { head: 'tokens of context', cell: (r) => range(r, true) },
      { head: 'KL, nats', number: (r) => r, what: 'profiles.value' }, { head: 'positions', number: (r) => r, what: 'profiles.n' },
    ] }),
  });
}

const note = (rows: readonly Slice[]): Html | string => (rows.some((r) => r.low !== null) ? html`Bands: intervals at ${lit('95 %', 'definition')}, over ${term('window', 'windows')} of text.` : 'No intervals: too few windows of text.');

/** The format with the largest KL on the largest model: with least and with most context. */
function contextTitle(all: readonly ModelRow[], rows: readonly Slice[]): Content {
  const own = rows.filter((r) => r.model === all.findLast((m) => rows.some((x) => x.model === m.model))?.model);
  const worst = [...own].sort((a, b) => b.value - a.value)[0];
  const curve = own.filter((r) => r.format === worst?.format).sort((a, b) => a.slice_from - b.slice_from);
  const [first, last] = [curve[0], curve.at(-1)];
  if (!first || !last || first === last) return 'Distance by context';
  return html`On ${String(first.model)} ${first.format} is ${num(first, 'profiles.value', { bare: true })} nats from its base with ${lit(first.slice_from, 'parameter')} ${first.slice_from === 1 ? 'token' : 'tokens'} of context and ${num(last, 'profiles.value', { bare: true })} with ${lit(last.slice_from, 'parameter')} or more`;
}

/** Surprise less expected surprise: the shift against the base, and where the base is sure or not. */
export async function calibration(input: PageInput, all: readonly ModelRow[], metrics: readonly MetricRow[]): Promise<Html> {
  const shifts = metrics.filter((r) => r.quantity === 'calibration_shift'), rows = await slices(input, 'calibration_shift_by_entropy'), base = await slices(input, 'calibration_by_entropy');
  if (shifts.length === 0 && rows.length === 0) return html``;
  const at = (quantity: string) => (r: MetricRow): MetricRow | undefined => find(metrics, { quantity, model: r.model, format: r.format });
  const domain = sharedDomain(shifts.map((r) => mark(r, 0)), { zero: true });
  return html`<h2 id="certainty">How sure the model is</h2>
<p>A distribution expects to be surprised by its ${term('entropy')}; what it then is surprised by is its ${term('nll')}. The difference of the two is its ${term('calibration')}: zero on average when it is as sure as it should be.</p>
${figure({
    id: 'calibration', title: shiftTitle(all, shifts),
    subtitle: html`Change of the ${term('calibration')} (NLL less entropy) against the base, nats a token; right of zero the format is surer of itself than its base for what it knows. ${intervalNote(shifts)}`,
    panels: await perModel(all, shifts, () => true, (title, own) => dotPanel(title, own.map((r) => mark(r, 0)), { label: 'change of calibration gap (nats per token)', domain, zero: 0 })),
    data: table({ rows: shifts, sortable: true, columns: [
      { head: 'model', cell: (r) => modelName(r.model) }, { head: 'format', cell: formatName }, { head: 'change of the gap, nats', number: (r) => r, options: { signed: true } },
      { head: 'entropy shift, nats', number: at('entropy_shift'), options: { signed: true } }, { head: 'ΔNLL, nats', number: at('delta_nll'), options: { signed: true } }, { head: 'the gap itself', number: at('calibration_gap'), options: { signed: true } },
    ] }),
  })}
${figure({
    id: 'calibration-by-entropy', title: sureTitle(all, rows),
    subtitle: html`Change of the calibration gap against the base, by the entropy of the base's distribution: left it is sure, right it is not. Above zero the text surprises the format more than it expects, by more than its base. A point stands at the beginning of its range. ${note(rows)}`,
    panels: await curves(all, rows, { xLabel: 'entropy of the base (nats)', yLabel: 'change of the gap (nats)', zero: true }),
    data: table({ rows: [...base, ...rows], sortable: true, columns: [
      { head: 'model', cell: (r) => modelName(r.model) }, { head: 'format', cell: formatName }, { head: 'entropy of the base, nats', cell: (r) => range(r, false) },
      { head: 'gap of the base, nats', number: (r) => (base.includes(r) ? r : undefined), what: 'profiles.value', options: { signed: true }, gap: () => '' }, { head: 'change under the format', number: (r) => (base.includes(r) ? undefined : r), what: 'profiles.value', options: { signed: true }, gap: () => '' }, { head: 'positions', number: (r) => r, what: 'profiles.n' },
    ] }),
  })}`;
}

/** What is clear on the largest model. */
function shiftTitle(all: readonly ModelRow[], shifts: readonly MetricRow[]): Content {
  const model = all.findLast((m) => shifts.some((r) => r.model === m.model))?.model ?? '';
  const bounded = shifts.filter((r) => r.model === model && r.low !== null && r.high !== null);
  if (bounded.length === 0) return 'How formats change the calibration';
  const surer = [...new Set(bounded.filter((r) => r.low! > 0).map((r) => r.format))], less = [...new Set(bounded.filter((r) => r.high! < 0).map((r) => r.format))];
  if (surer.length === 0 && less.length === 0) return html`On ${lit(model, 'name')} no format measurably changes how sure of itself its base is`;
  const some = (formats: readonly string[], what: string): Content => (formats.length === 0 ? '' : html`${list(formats)} ${formats.length === 1 ? 'becomes' : 'become'} ${what}`);
  return html`On ${lit(model, 'name')} ${some(surer, 'surer of itself than its base')}${surer.length > 0 && less.length > 0 ? '; ' : ''}${some(less, 'less sure of itself than its base')}`;
}

/** The format that changes most on the largest model: where the base is surest, and where it is least sure. */
function sureTitle(all: readonly ModelRow[], rows: readonly Slice[]): Content {
  const model = all.findLast((m) => rows.some((r) => r.model === m.model))?.model;
  const most = rows.filter((r) => r.model === model).sort((a, b) => Math.abs(b.value) - Math.abs(a.value))[0];
  const own = rows.filter((r) => r.model === model && r.format === most?.format).sort((a, b) => a.slice_from - b.slice_from);
  const [first, last] = [own[0], own.at(-1)];
  if (!first || !last || first === last) return 'Change of the calibration, by how sure the base is';
  return html`On ${String(first.model)} ${first.format} changes the gap by ${num(first, 'profiles.value', { signed: true })} nats where the base is surest, by ${num(last, 'profiles.value', { signed: true })} where it is least sure`;
}
