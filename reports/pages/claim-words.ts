/** What pages say of claims and of their verdicts, from the rows alone: so it can be said again of a site's rows, and held against what its pages show (../drawn-parts.ts). */
import { term } from '../glossary.ts';
import { html, link, lit } from '../html.ts';
import { inOrder } from '../in-order.ts';
import { cellPath, derived } from '../num.ts';
import { table } from '../table.ts';
import type { Html } from '../html.ts';
import type { Row } from '../num.ts';

export interface ClaimRow extends Row {
  readonly claim: string; readonly position: number; readonly version: string; readonly title: string; readonly statement: string; readonly source: string; readonly operationalised: string; readonly test: string;
  readonly margin: string; readonly margin_reason: string; readonly sql: string; readonly verdict: string; readonly scope: string; readonly sentence: string; readonly would_change: string; readonly cell: string;
}
export interface EffectRow extends Row {
  readonly claim: string; readonly position: number; readonly part: string; readonly model: string | null; readonly format: string | null; readonly value: number; readonly low: number | null; readonly high: number | null;
  readonly level: number | null; readonly margin_low: number | null; readonly margin_high: number | null; readonly unit: string; readonly verdict: string; readonly needed_clusters: number | null;
}
export interface Effect extends EffectRow { readonly family: string }

export const claimsInOrder = (claims: Iterable<ClaimRow>): ClaimRow[] => inOrder(claims, (c) => c.position, (c) => c.claim, (c) => c.version);

/** Each with its format's family. */
export function effectsInOrder(effects: Iterable<EffectRow>, models: readonly Row[], formats: readonly Row[]): Effect[] {
  const sizes = new Map(models.map((row) => [row['model'], Number(row['parameters'])]));
  const known = new Map(formats.map((row) => [row['format'], { position: Number(row['position']), family: String(row['family']) }]));
  const found = Array.from(effects, (e): Effect => ({ ...e, family: known.get(e.format)?.family ?? 'other' }));
  return inOrder(found, (e) => e.claim, (e) => e.position, (e) => e.part, (e) => sizes.get(e.model), (e) => e.model, (e) => known.get(e.format)?.position, (e) => e.format);
}

const verdictWord = (verdict: string): Html => html`<span class="verdict ${verdict.replace(/\s+/g, '-')}">${verdict}</span>`;

/** Each claim in a line: its verdict, its title, what the verdict holds for. */
export const verdictList = (claims: Iterable<ClaimRow>): Html => html`<ul class="verdicts">${claimsInOrder(claims).map((c) => html`<li>${verdictWord(c.verdict)}<span>${link(`claims.html#${c.claim}`, c.title)} <span class="quiet">${c.scope}</span></span></li>
`)}</ul>`;

/** How many claims have which verdict, in a sentence. */
export function claimsLead(list: readonly ClaimRow[]): Html {
  const verdicts = [...new Set(list.map((c) => c.verdict))];
  return html`<p class="lead">Of ${derived('claims', list.length, html`claims, counted in the table ${link('data.html#claims', 'claims')}.`, { as: 'count' })} claims, ${verdicts.map((verdict, i) => {
    const n = list.filter((c) => c.verdict === verdict).length;
    return html`${i === 0 ? '' : i === verdicts.length - 1 ? ' and ' : ', '}${derived(`verdict.${verdict.replace(/\s/g, '-')}`, n, html`claims with the verdict “${verdict}”.`, { as: 'count' })} ${n === 1 ? 'is' : 'are'} ${verdict === 'by construction' ? 'true by construction' : verdict}`;
  })}.</p>
<p>A ${term('verdict')} holds for its scope only. Each margin says when it was set; “alike” is an ${term('equivalence')}, not the absence of a difference.</p>`;
}

export const hasInterval = ({ low, high }: EffectRow): boolean => low !== null && high !== null;
export const partsOf = (effects: readonly EffectRow[]): readonly string[] => [...new Set(effects.map((e) => e.part))];
/** A part that is one point of a curve over temperature: 'T 0.3: log ratio of total variation, fp4 / nf4'. */
export const PROFILE = /^T ([\d.]+): (.*)$/;
export const areCurves = (effects: readonly EffectRow[]): boolean => effects.every((e) => PROFILE.test(e.part));
export const named = (part: string): string => part.replaceAll(' - ', ' − ');

const MOST_PANELS = 6;
/** Whether a claim's effects are drawn, or listed only. */
export function isDrawn(effects: readonly EffectRow[]): boolean {
  const drawable = effects.filter(hasInterval);
  return drawable.length >= 2 && (areCurves(drawable) || partsOf(drawable).length <= MOST_PANELS);
}

/** Whether the sentence fits a figure's title. */
const short = (claim: ClaimRow): boolean => claim.sentence.length <= 120;
export const figureTitle = (claim: ClaimRow): string => (short(claim) ? claim.sentence : `${claim.title}: ${claim.verdict}`);

/** Title, verdict and sentence, where that is no figure's title. */
export const claimTop = (claim: ClaimRow, effects: readonly EffectRow[]): Html => html`<h2>${claim.title}</h2>
<p>${verdictWord(claim.verdict)} <span class="quiet">in ${claim.scope}. Margin: ${lit(claim.margin.replace(/\.$/, ''), 'parameter')}.</span></p>
${isDrawn(effects) && short(claim) ? '' : html`<p>${claim.sentence}</p>`}`;

export const claimFacts = (claim: ClaimRow): Html => html`<dl class="facts-list">
<dt>the claim</dt><dd>${claim.statement}</dd>
<dt>source</dt><dd>${claim.source}, ${lit(claim.version, 'name')}</dd>
<dt>made decidable</dt><dd>${claim.operationalised}</dd>
<dt>test</dt><dd>${claim.test}</dd>
<dt>why that margin</dt><dd>${claim.margin_reason}</dd>
<dt>would change it</dt><dd>${claim.would_change}</dd>
<dt>decided by</dt><dd>${link(cellPath(claim.cell), claim.cell)}</dd></dl>
${claim.sql.trim() === '' ? '' : html`<details><summary>SQL of the point estimates</summary><pre>${lit(claim.sql, 'name')}</pre></details>`}`;

const signed = (margin: number | null, infinite: string): string => (margin === null ? infinite : String(Number(margin.toPrecision(3))).replace('-', '−'));

/** What a verdict rests on, part by part. */
export function effectTable(effects: readonly Effect[]): Html {
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
      { head: 'verdict', cell: (e) => verdictWord(e.verdict) },
      ...(effects.some((e) => e.needed_clusters !== null) ? [{ head: 'windows or prompts needed', number: (e: Effect) => (e.needed_clusters === null ? undefined : e), what: 'claim_effects.needed_clusters', gap: () => '' }] : []),
    ],
  });
}
