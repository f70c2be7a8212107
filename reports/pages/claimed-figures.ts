/** What other programs gave for models of the study: under a heading of its own, so that nobody takes it for a result. */
import { html, link, lit } from '../html.ts';
import type { Content, Html } from '../html.ts';
import type { Row } from '../num.ts';
import type { PageInput } from '../page.ts';
import { table } from '../table.ts';
import { formatName, inOrderOfFormats, inOrderOfModels, modelName, models } from './common.ts';

interface Figure extends Row {
  readonly metric: string; readonly model: string; readonly format: string; readonly program: string; readonly version: string; readonly conditions: string | null; readonly machine: string | null;
  readonly unit: string; readonly date: string; readonly source: string; readonly file: string; readonly family: string;
}

/** Shown in words, whatever a reader scrolled past before. */
const LABEL = 'Claimed, not derived';
const LONGEST = 120;

/**
 * Figures of these metrics, of models of the study, or of one of them; nothing where there are none. Needs the tables models, formats and claimed.
 * They stand beside no result: what another program measured under other conditions is no comparison.
 */
export async function claimedFigures(input: PageInput, metrics: readonly string[] | 'all', model?: string): Promise<Html> {
  const studied = new Set((await models(input)).map((m) => m.model));
  const found = (await input.rows<Figure>('claimed')).filter((c) => studied.has(c.model) && (metrics === 'all' || metrics.includes(c.metric)) && (model === undefined || c.model === model));
  const rows = await inOrderOfModels(input, await inOrderOfFormats(input, found, (c) => c.program, (c) => c.version, (c) => c.file, (c) => c.conditions, (c) => c.machine), (c) => c.metric);
  if (rows.length === 0) return html``;
  const told = (value: string | null): Content => value === null ? '' : lit(value, 'name', LONGEST);
  return html`<section id="claimed"><h2>${LABEL}: figures of other programs</h2>
<p>${LABEL} means: a file of the project says so, and this study has not computed it. Conditions differ from the study's, so these are no comparison; no verdict rests on them. All of them, also of models that the study does not have: ${link('tables/claimed.html', 'table claimed')}.</p>
${table({ rows, sortable: true, caption: LABEL, columns: [
    ...(model === undefined ? [{ head: 'model', cell: (r: Figure) => modelName(r.model) }] : []),
    { head: 'format', cell: (r) => r.family === 'other' ? lit(r.format, 'name') : formatName(r) },
    { head: 'metric', cell: (r) => r.metric }, { head: 'claimed', number: (r) => r, what: 'claimed.value' }, { head: 'unit', cell: (r) => (r.unit === 'share' ? '' : r.unit) },
    { head: 'by', cell: (r) => html`${lit(r.program, 'name', LONGEST)} ${lit(r.version, 'name', LONGEST)}` }, { head: 'under', cell: (r) => told(r.conditions), wide: true }, { head: 'on', cell: (r) => told(r.machine), wide: true },
    { head: 'of', cell: (r) => lit(r.date, 'name') }, { head: 'source', cell: (r) => told(r.source), wide: true },
  ] })}</section>`;
}
