/** What several pages ask of the tables in the same words. */
import { cut, html, link, lit } from '../html.ts';
import type { Html } from '../html.ts';
import { derived, num } from '../num.ts';
import type { NumberOptions, Row } from '../num.ts';
import { swatch } from '../family.ts';
import { term } from '../glossary.ts';
import { inOrder } from '../in-order.ts';
import { missing } from '../page.ts';
import type { Key } from '../in-order.ts';
import type { PageInput } from '../page.ts';
import type { Mark } from '../charts.ts';

export interface ModelRow extends Row { readonly model: string; readonly title: string; readonly base_format: string; readonly source_types?: string | null; readonly is_judge: boolean; readonly parameters: number; readonly cell: string }
export interface FormatRow extends Row { readonly format: string; readonly title: string; readonly family: string; readonly position: number; readonly cell: string }
export interface MetricRow extends Row {
  readonly quantity: string; readonly model: string; readonly format: string; readonly text: string | null;
  readonly temperature: number | null; readonly top_k: number | null; readonly max_new_tokens: number | null;
  readonly value: number; readonly low: number | null; readonly high: number | null; readonly unit: string; readonly n: number; readonly clusters: number | null;
  readonly exact: boolean; readonly cell: string; readonly family: string;
  /** Of table metrics: null for what every exact engine gives alike. */
  readonly engine?: string | null;
}

/** Models, smallest first. */
export const models = async (input: PageInput): Promise<ModelRow[]> => inOrder(await input.rows<ModelRow>('models'), (m) => m.parameters, (m) => m.model);
/** Formats in the study's order. */
export const formats = async (input: PageInput): Promise<FormatRow[]> => inOrder(await input.rows<FormatRow>('formats'), (f) => f.position);

/** Rows by model, smallest first, then by `keys`; those of no model of the study come last. */
export async function inOrderOfModels<T extends { readonly model: string }>(input: PageInput, rows: readonly T[], ...keys: readonly Key<T>[]): Promise<T[]> {
  const sizes = new Map((await models(input)).map((m) => [m.model, m.parameters]));
  return inOrder(rows, (r) => sizes.get(r.model), (r) => r.model, ...keys);
}

/** Rows with their format's family, in the study's order of formats, then by `keys`; those of no format of the study come last, of the family 'other'. */
export async function inOrderOfFormats<T extends { readonly format: string }>(input: PageInput, rows: readonly T[], ...keys: readonly Key<T>[]): Promise<(T & { readonly family: string })[]> {
  const known = new Map((await formats(input)).map((f) => [f.format, f]));
  return inOrder(rows, (r) => known.get(r.format)?.position, (r) => r.format, ...keys).map((r) => ({ ...r, family: known.get(r.format)?.family ?? 'other' }));
}

/** Metrics of these quantities of which `keep` holds, with their format's family, in the study's order of formats. */
export async function metrics(input: PageInput, quantities: readonly string[], keep: (row: MetricRow) => boolean = () => true, from: 'metrics' | 'sweep_metrics' = 'metrics'): Promise<MetricRow[]> {
  const rows = (await input.rows<MetricRow>(from)).filter((m) => quantities.includes(m.quantity) && keep(m));
  return inOrderOfFormats(input, rows, (m) => m.model, (m) => m.quantity, (m) => m.temperature ?? -Infinity, (m) => m.top_k ?? -Infinity, (m) => m.max_new_tokens ?? -Infinity);
}
/** Over all texts. */
export const overall = (row: MetricRow): boolean => row.text === null;

/** A metric as a point of a figure, at x. Shares are drawn in percent, as they are printed, their bands within 0 and 100. */
export function mark(row: MetricRow, x: number): Mark {
  const share = row.unit === 'share';
  const draw = (value: number): number => (share ? Math.min(100, Math.max(0, value * 100)) : value);
  return { format: row.format, family: row.family, x, y: draw(row.value), low: row.low === null ? null : draw(row.low), high: row.high === null ? null : draw(row.high) };
}

/** Whether two intervals, or values where there are none, are disjoint. */
export const apart = (a: MetricRow, b: MetricRow): boolean => (a.high ?? a.value) < (b.low ?? b.value) || (b.high ?? b.value) < (a.low ?? a.value);

/** Of the models whose weights were quantized before this study: what that means for all that is said of them. Empty where there are none. */
export function quantizedBefore(all: readonly ModelRow[]): Html {
  const found = all.filter(({ source_types: types }) => typeof types === 'string');
  if (found.length === 0) return html``;
  const each = found.map((m, i) => html`${i > 0 ? '; ' : ''}the file of ${modelName(m.model)} has its linear layers as ${lit(cut(m.source_types!, 200), 'name')}, ${num(m, 'models.source_bits_per_weight', { decimals: 2 })} bits a weight`);
  return html`<p><b>Quantized before this study:</b> ${each}. The ${term('base')} of such a model is what those weights decode to, exactly: what was lost on the way to that file does not show here, and a format may do better or worse by it than by the weights as they were trained.</p>`;
}

/** A format's name with its colour, linked to its page. */
export const formatName = (row: { readonly format: string; readonly family: string }): Html =>
  html`${swatch(row.format, row.family)}${link(`formats/${row.format}.html`, row.format)}`;
export const modelName = (model: string): Html => link(`models/${model}.html`, model);

/** Finds the row of a format (and model) among metrics. */
export const find = (rows: readonly MetricRow[], wanted: Partial<MetricRow>): MetricRow | undefined =>
  rows.find((row) => Object.entries(wanted).every(([column, value]) => row[column] === value));

/**
 * What stands in the place of a comparison that is not there: the base itself, an alias, or a failure with its code.
 * Needs the tables models and artifacts.
 */
export async function gaps(input: PageInput): Promise<(at: { readonly model: string; readonly format: string }) => Html> {
  const bases = new Map((await models(input)).map((m) => [m.model, m.base_format]));
  const artifacts = await input.rows<{ model: string; format: string; alias_of: string | null }>('artifacts');
  const aliasOf = new Map(artifacts.map((a) => [`${a.model}/${a.format}`, a.alias_of]));
  return ({ model, format }) => {
    if (bases.get(model) === format) return html`<span class="missing">base</span>`;
    const alias = aliasOf.get(`${model}/${format}`) ?? null;
    return alias === null ? missing(input.failed, { model, format }) : html`<span class="missing">${term('alias')} of ${alias}</span>`;
  };
}

/** What the intervals of a figure are; or that there are none, and why. */
export function intervalNote(rows: readonly MetricRow[]): Html {
  if (rows.some((r) => r.low !== null)) return html`Lines and bands: intervals at ${lit('95 %', 'definition')}, over ${term('window', 'windows')} of text.`;
  const first = rows.find((r) => r.clusters !== null);
  return html`No intervals${first ? html`: ${num(first, 'metrics.clusters')} ${term('window', 'windows')} of text are too few for them` : ''}.`;
}

/** The number of rows of a table, linked to the derivations of the page and from there to the cell that wrote it. */
export async function rowCount(input: PageInput, table: string, what: string, options?: NumberOptions): Promise<Html> {
  const cell = input.tableCells.get(table);
  return derived(`rows.${table}.${what.replace(/\W+/g, '-')}`, await input.count(table), html`${what}, counted in the table ${cell ? link(`data.html#${table}`, table) : table}.`, { as: 'count', ...options });
}

/** Words for a small count of things that the sentence then names: no figure, so no link. */
export const plural = (n: number, one: string, many = `${one}s`): string => (n === 1 ? one : many);

/** A sentence for a page whose rows are all missing. */
export const nothing = (what: string): Html =>
  html`<p class="note">There are no rows for ${what} in this run. ${link('failures.html', 'Failed and missing cells')} says why, as far as it is known.</p>`;
