/** The most likely next token: how often it stays, and where it flips, whether that was for the worse. */
import { dotPanel, figure, sharedDomain } from '../charts.ts';
import type { Mark } from '../charts.ts';
import { html } from '../html.ts';
import type { Content, Html } from '../html.ts';
import { term } from '../glossary.ts';
import { num } from '../num.ts';
import { table } from '../table.ts';
import { apart, find, formatName, intervalNote, mark, modelName } from './common.ts';
import type { MetricRow, ModelRow } from './common.ts';
import { perModel } from './per-model.ts';

export async function choices(all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  const same = rows.filter((r) => r.quantity === 'top1_agreement' && !all.some((m) => m.model === r.model && m.base_format === r.format));
  const flips = rows.filter((r) => (r.quantity === 'right_to_wrong' || r.quantity === 'wrong_to_right') && r.value > 0);
  const back = (r: MetricRow): MetricRow | undefined => find(rows, { quantity: 'wrong_to_right', model: r.model, format: r.format });
  const lost = rows.filter((r) => r.quantity === 'right_to_wrong' && flips.some((f) => f.model === r.model && f.format === r.format));
  const domain = sharedDomain(same.map((r) => mark(r, 0))), both = sharedDomain(sides(flips), { zero: true });
  return html`${figure({
    id: 'top1', title: agreementTitle(all, same),
    subtitle: html`${term('top-1-agreement', 'Top-1 agreement')}: share of positions where the most likely next token is the base's. ${intervalNote(same)}`,
    panels: await perModel(all, same, () => true, (title, own) => dotPanel(title, own.map((r) => mark(r, 0)), { label: 'same most likely token (%)', domain })),
    data: table({ rows: same, sortable: true, columns: [{ head: 'model', cell: (r) => modelName(r.model) }, { head: 'format', cell: formatName }, { head: 'same top token', number: (r) => r }] }),
  })}${figure({
    id: 'flips', title: flipsTitle(all, rows),
    subtitle: html`${term('flip', 'Flips')} of the most likely token, as shares of all positions: left of zero the base was right and the format is wrong, right of it the other way round. Flips from one wrong token to another are not drawn. ${intervalNote(flips)}`,
    panels: await perModel(all, flips, () => true, (title, own) => dotPanel(title, sides(own), { label: '← right to wrong · wrong to right → (%)', domain: both, zero: 0 })),
    data: table({ rows: lost, sortable: true, columns: [{ head: 'model', cell: (r) => modelName(r.model) }, { head: 'format', cell: formatName }, { head: 'right to wrong', number: (r) => r }, { head: 'wrong to right', number: back }] }),
  })}`;
}

/** What was lost points left, what was won right, about a common zero. */
const sides = (own: readonly MetricRow[]): Mark[] => own.map((r) => {
  const { y, low, high, ...drawn } = mark(r, 0);
  return r.quantity === 'wrong_to_right' ? { ...drawn, y, low, high } : { ...drawn, y: -y, low: high === null ? null : -high, high: low === null ? null : -low };
});

function agreementTitle(all: readonly ModelRow[], same: readonly MetricRow[]): Content {
  const own = same.filter((r) => r.model === all.at(-1)?.model).sort((a, b) => b.value - a.value);
  const [best, worst] = [own[0], own.at(-1)];
  return best && worst && best !== worst ? html`On ${best.model} ${best.format} keeps ${num(best)} of the most likely tokens, ${worst.format} ${num(worst)}` : 'How often the most likely token stays';
}

/** Of the largest model's format with most flips for the worse: how many come back. */
function flipsTitle(all: readonly ModelRow[], rows: readonly MetricRow[]): Content {
  const lost = rows.filter((r) => r.quantity === 'right_to_wrong' && r.model === all.at(-1)?.model && r.value > 0).sort((a, b) => b.value - a.value)[0];
  const won = lost && find(rows, { quantity: 'wrong_to_right', model: lost.model, format: lost.format });
  if (!lost || !won) return 'Flips, for the worse and for the better';
  return html`On ${lost.model} ${lost.format} turns ${num(lost)} of the positions from right to wrong and ${num(won)} from wrong to right${lost.low !== null && !apart(lost, won) ? ', which these texts do not tell apart' : ''}`;
}
