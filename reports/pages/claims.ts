/** The claims of the source, each with how it was decided: statement, test, margin, effects, verdict with its scope. */
import { dotPanel, figure, linePanel, sharedDomain } from '../charts.ts';
import { html } from '../html.ts';
import { PROFILE, areCurves, claimFacts, claimTop, claimsInOrder, claimsLead, effectTable, effectsInOrder, figureTitle, hasInterval, isDrawn, named, partsOf } from './claim-words.ts';
import { formats, models, nothing } from './common.ts';
import type { Mark, Panel } from '../charts.ts';
import type { Html } from '../html.ts';
import type { Page } from '../page.ts';
import type { ClaimRow, Effect, EffectRow } from './claim-words.ts';

export const claims: Page = {
  name: 'claims',
  path: () => 'claims.html',
  tables: ['claims', 'claim_effects', 'formats', 'models'],
  async write(input) {
    const list = claimsInOrder(await input.rows<ClaimRow>('claims'));
    const effects = effectsInOrder(await input.rows<EffectRow>('claim_effects'), await models(input), await formats(input));
    if (list.length === 0) return { title: 'Claims', body: nothing('claims') };
    return {
      title: 'Claims',
      heading: html`The claims, and how each was decided`,
      body: html`${claimsLead(list)}${await Promise.all(list.map((claim) => section(claim, effects.filter((e) => e.claim === claim.claim))))}`,
    };
  },
};

async function section(claim: ClaimRow, effects: readonly Effect[]): Promise<Html> {
  const drawn = isDrawn(effects) ? await picture(claim, effects) : undefined;
  return html`<section id="${claim.claim}">${claimTop(claim, effects)}
${drawn ?? (effects.length <= MOST_ROWS ? effectTable(effects) : html`<details><summary>Estimates, with their intervals</summary>${effectTable(effects)}</details>`)}
${claimFacts(claim)}</section>
`;
}

const MOST_ROWS = 8;

/** Effects with their margin: a panel for each part of the claim, because parts have units of their own. */
async function picture(claim: ClaimRow, effects: readonly Effect[]): Promise<Html> {
  const drawable = effects.filter(hasInterval);
  const parts = partsOf(drawable);
  const curves = areCurves(drawable);
  return figure({
    id: `effects-${claim.claim}`, title: figureTitle(claim), data: effectTable(effects),
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
