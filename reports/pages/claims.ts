/** The claims of the source, each with how it was decided: statement, test, margin, effects, verdict with its scope. */
import { dotPanel, figure, linePanel, sharedDomain } from '../charts.ts';
import type { Mark, Panel } from '../charts.ts';
import { html, link, lit } from '../html.ts';
import type { Html } from '../html.ts';
import { term } from '../glossary.ts';
import { derived } from '../num.ts';
import type { Row } from '../num.ts';
import { cellPath } from '../num.ts';
import type { Page } from '../page.ts';
import { table } from '../table.ts';
import { nothing } from './common.ts';

interface Claim extends Row {
  readonly claim: string; readonly version: string; readonly title: string; readonly statement: string; readonly source: string; readonly operationalised: string; readonly test: string;
  readonly margin: string; readonly margin_reason: string; readonly sql: string; readonly verdict: string; readonly scope: string; readonly sentence: string; readonly would_change: string; readonly cell: string;
}
interface Effect extends Row {
  readonly claim: string; readonly part: string; readonly model: string | null; readonly format: string | null; readonly value: number; readonly low: number | null; readonly high: number | null;
  readonly level: number | null; readonly margin_low: number | null; readonly margin_high: number | null; readonly unit: string; readonly verdict: string; readonly needed_clusters: number | null; readonly family: string;
}

export const claims: Page = {
  name: 'claims',
  path: () => 'claims.html',
  tables: ['claims', 'claim_effects', 'formats', 'models'],
  async write(input) {
    const list = await input.query<Claim>('SELECT * FROM claims ORDER BY position, claim, version');
    const effects = await input.query<Effect>(`SELECT e.*, coalesce(f.family, 'other') AS family FROM claim_effects e LEFT JOIN formats f USING (format) LEFT JOIN models m USING (model)
      ORDER BY e.claim, e.position, e.part, m.parameters, e.model, f.position, e.format`);
    if (list.length === 0) return { title: 'Claims', body: nothing('claims') };
    return {
      title: 'Claims',
      heading: html`The claims, and how each was decided`,
      body: html`${lead(list)}${await Promise.all(list.map((claim) => section(claim, effects.filter((e) => e.claim === claim.claim))))}`,
    };
  },
};

function lead(list: readonly Claim[]): Html {
  const verdicts = [...new Set(list.map((c) => c.verdict))];
  return html`<p class="lead">Of ${derived('claims', list.length, html`claims, counted in the table ${link('data.html#claims', 'claims')}.`, { as: 'count' })} claims, ${verdicts.map((verdict, i) => {
    const n = list.filter((c) => c.verdict === verdict).length;
    return html`${i === 0 ? '' : i === verdicts.length - 1 ? ' and ' : ', '}${derived(`verdict.${verdict.replace(/\s/g, '-')}`, n, html`claims with the verdict “${verdict}”.`, { as: 'count' })} ${n === 1 ? 'is' : 'are'} ${verdict === 'by construction' ? 'true by construction' : verdict}`;
  })}.</p>
<p>A ${term('verdict')} holds for its scope only. Each margin says when it was set; “alike” is an ${term('equivalence')}, not the absence of a difference.</p>`;
}

async function section(claim: Claim, effects: readonly Effect[]): Promise<Html> {
  const drawn = await picture(claim, effects);
  return html`<section id="${claim.claim}"><h2>${claim.title}</h2>
<p><span class="verdict ${claim.verdict.replace(/\s+/g, '-')}">${claim.verdict}</span> <span class="quiet">in ${claim.scope}. Margin: ${lit(claim.margin.replace(/\.$/, ''), 'parameter')}.</span></p>
${drawn && short(claim) ? '' : html`<p>${claim.sentence}</p>`}
${drawn ?? html`${effects.length <= MOST_ROWS ? effectTable(effects) : html`<details><summary>Estimates, with their intervals</summary>${effectTable(effects)}</details>`}`}
<dl class="facts-list">
<dt>the claim</dt><dd>${claim.statement}</dd>
<dt>source</dt><dd>${claim.source}, ${lit(claim.version, 'name')}</dd>
<dt>made decidable</dt><dd>${claim.operationalised}</dd>
<dt>test</dt><dd>${claim.test}</dd>
<dt>why that margin</dt><dd>${claim.margin_reason}</dd>
<dt>would change it</dt><dd>${claim.would_change}</dd>
<dt>decided by</dt><dd>${link(cellPath(claim.cell), claim.cell)}</dd></dl>
${claim.sql.trim() === '' ? '' : html`<details><summary>SQL of the point estimates</summary><pre>${lit(claim.sql, 'name')}</pre></details>`}</section>
`;
}

const MOST_PANELS = 6, MOST_ROWS = 8;
/** Whether the sentence fits a figure's title. */
const short = (claim: Claim): boolean => claim.sentence.length <= 120;
/** A part that is one point of a curve over temperature: 'T 0.3: log ratio of total variation, fp4 / nf4'. */
const PROFILE = /^T ([\d.]+): (.*)$/;
const named = (part: string): string => part.replaceAll(' - ', ' − ');

/** Effects with their margin: a panel for each part of the claim, because parts have units of their own. */
async function picture(claim: Claim, effects: readonly Effect[]): Promise<Html | undefined> {
  const drawable = effects.filter((e) => e.low !== null && e.high !== null);
  const parts = [...new Set(drawable.map((e) => e.part))];
  const curves = drawable.every((e) => PROFILE.test(e.part));
  if (drawable.length < 2 || (!curves && parts.length > MOST_PANELS)) return undefined;
  return figure({
    id: `effects-${claim.claim}`, title: short(claim) ? claim.sentence : `${claim.title}: ${claim.verdict}`, data: effectTable(effects),
    panels: curves ? await profiles(drawable) : await Promise.all(parts.map((part) => dots(part, drawable.filter((e) => e.part === part)))),
    subtitle: html`Estimates with their intervals, whose levels are in the data below.${drawable.some((e) => e.margin_low !== null || e.margin_high !== null) ? ` ${curves ? 'Horizontal' : 'Vertical'} lines: the margin.` : ''}`,
  });
}

const marginsOf = (effects: readonly Effect[]): number[] => [...new Set(effects.flatMap((e) => [e.margin_low, e.margin_high]).filter((m) => m !== null))];
const point = (e: Effect, format: string, x: number): Mark => ({ format, family: e.family, x, y: e.value, low: e.low, high: e.high });
/** Marks and margins in one range. */
const rangeOf = (effects: readonly Effect[], zero = false): [number, number] =>
  sharedDomain([...effects.map((e) => point(e, '', 0)), ...marginsOf(effects).map((y) => ({ format: '', family: '', x: 0, y, low: null, high: null }))], { zero });

function dots(part: string, own: readonly Effect[]): Promise<Panel> {
  // A format that all rows share is in the part's name.
  const oneFormat = new Set(own.map((e) => e.format)).size === 1;
  const label = (e: Effect): string => [e.model, oneFormat ? null : e.format].filter((x) => x !== null).join(' ') || named(part);
  return dotPanel(named(part), own.map((e) => point(e, label(e), 0)), { label: own[0]!.unit, domain: rangeOf(own), rules: marginsOf(own) });
}

/** Curves over temperature: a row of panels for each quantity, one for each model, with a shared scale. */
async function profiles(effects: readonly Effect[]): Promise<Panel[]> {
  const of = (e: Effect): string => PROFILE.exec(e.part)![2]!;
  const panels: Panel[] = [];
  // What is decided, which has a margin, before what is only shown.
  const quantities = [...new Set([...effects].sort((a, b) => Number(b.margin_low !== null) - Number(a.margin_low !== null)).map(of))];
  for (const quantity of quantities) {
    const own = effects.filter((e) => of(e) === quantity);
    for (const model of new Set(own.map((e) => e.model))) {
      const marks = own.filter((e) => e.model === model).map((e) => point(e, e.format ?? '', Number(PROFILE.exec(e.part)![1])));
      panels.push(await linePanel(`${model ?? 'all models'}: ${named(quantity)}`, marks, { xLabel: 'temperature', yLabel: own[0]!.unit, yDomain: rangeOf(own, true), zero: true, rules: marginsOf(own) }));
    }
  }
  return panels;
}

const signed = (margin: number | null, infinite: string): string => (margin === null ? infinite : String(Number(margin.toPrecision(3))).replace('-', '−'));

function effectTable(effects: readonly Effect[]): Html {
  return table({
    rows: effects,
    columns: [
      { head: 'part', cell: (e) => lit(named(e.part), 'name') },
      { head: 'model', cell: (e) => lit(e.model ?? 'all', 'name') },
      ...(effects.some((e) => e.format !== null) ? [{ head: 'format', cell: (e: Effect) => e.format ?? '' }] : []),
      { head: 'effect', number: (e) => e, what: 'claim_effects.value' },
      { head: 'unit', cell: (e) => lit(e.unit, 'name') },
      { head: 'level', cell: (e) => (e.level === null ? '' : lit(`${Math.round(e.level * 1000) / 10} %`, 'parameter')) },
      { head: 'margin', cell: (e) => (e.margin_low === null && e.margin_high === null ? '' : lit(`${signed(e.margin_low, '−∞')} to ${signed(e.margin_high, '∞')}`, 'parameter')) },
      { head: 'verdict', cell: (e) => html`<span class="verdict ${e.verdict.replace(/\s+/g, '-')}">${e.verdict}</span>` },
      ...(effects.some((e) => e.needed_clusters !== null) ? [{ head: 'windows or prompts needed', number: (e: Effect) => (e.needed_clusters === null ? undefined : e), what: 'claim_effects.needed_clusters', gap: () => '' }] : []),
    ],
  });
}
