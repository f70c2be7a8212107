/** Multiple-choice sets: how many answers are right under each format, and how many change, which accuracy alone hides. */
import { dotPanel, figure, sharedDomain } from '../charts.ts';
import { html, list, lit } from '../html.ts';
import type { Html } from '../html.ts';
import { term } from '../glossary.ts';
import { inOrder } from '../in-order.ts';
import { num } from '../num.ts';
import type { Row } from '../num.ts';
import type { PageInput } from '../page.ts';
import { table } from '../table.ts';
import { find, formatName, mark, metrics, modelName } from './common.ts';
import type { MetricRow, ModelRow } from './common.ts';
import { perModel } from './per-model.ts';

const QUANTITIES = ['accuracy', 'accuracy_per_byte', 'accuracy_change', 'answer_flips', 'answer_right_to_wrong', 'answer_wrong_to_right'];

interface SetRow extends Row { readonly set: string; readonly title: string; readonly origin: string }

/** Nothing where the study asks no set. */
export async function answers(input: PageInput, all: readonly ModelRow[]): Promise<Html> {
  const sets = inOrder(await input.rows<SetRow>('choice_sets'), (s) => s.set);
  if (sets.length === 0) return html``;
  const rows = await metrics(input, QUANTITIES);
  const asked = await Promise.all(sets.map(async (set) => section(set, all, rows.filter((r) => r.text === set.set))));
  return html`<h2 id="answers">Multiple choice</h2>${asked}`;
}

async function section(set: SetRow, all: readonly ModelRow[], rows: readonly MetricRow[]): Promise<Html> {
  if (rows.length === 0) return html`<p class="note">There are no answers to ${set.title} in this run.</p>`;
  const right = rows.filter((r) => r.quantity === 'accuracy');
  const flips = rows.filter((r) => r.quantity === 'answer_flips');
  const at = (quantity: string) => (r: MetricRow): MetricRow | undefined => find(rows, { quantity, model: r.model, format: r.format });
  const domain = sharedDomain(right.map((r) => mark(r, 0))), changed = sharedDomain(flips.map((r) => mark(r, 0)), { zero: true });
  return html`<h3>${set.title}</h3>
<p>${num(right[0]!, 'metrics.n')} items, ${set.origin}. An answer is the option that the model finds likeliest after the context.</p>
${figure({
    id: `answers-${set.set}`, title: accuracyTitle(all, rows),
    subtitle: html`${term('accuracy')}: share of items where the likeliest option is the right one; the base first. Lines: Wilson intervals at ${lit('95 %', 'definition')}, over items. Formats answer the same items, so their differences are surer than the intervals look.`,
    panels: await perModel(all, right, () => true, (title, own) => dotPanel(title, own.map((r) => mark(r, 0)), { label: 'right answers (%)', domain }), true),
    data: table({
      rows: right, sortable: true, columns: [
        { head: 'model', cell: (r) => modelName(r.model) }, { head: 'format', cell: formatName }, { head: 'accuracy', number: (r) => r }, { head: 'for each byte', number: at('accuracy_per_byte') },
        { head: 'change against the base', number: at('accuracy_change'), options: { signed: true } },
      ],
    }),
  })}${figure({
    id: `answer-flips-${set.set}`, title: flipsTitle(all, rows),
    subtitle: html`${term('answer-flip', 'Answer flips')}: share of items where the format takes another option than the base, right or wrong. Lines: Wilson intervals at ${lit('95 %', 'definition')}.`,
    panels: await perModel(all, flips, () => true, (title, own) => dotPanel(title, own.map((r) => mark(r, 0)), { label: 'answers that change (%)', domain: changed, zero: 0 })),
    data: table({
      rows: flips, sortable: true, columns: [
        { head: 'model', cell: (r) => modelName(r.model) }, { head: 'format', cell: formatName }, { head: 'answers that change', number: (r) => r },
        { head: 'right to wrong', number: at('answer_right_to_wrong') }, { head: 'wrong to right', number: at('answer_wrong_to_right') },
      ],
    }),
  })}`;
}

/** Which formats change the accuracy beyond chance, by the paired intervals. */
function accuracyTitle(all: readonly ModelRow[], rows: readonly MetricRow[]): Html {
  const clear = rows.filter((r) => r.quantity === 'accuracy_change' && r.low !== null && r.high !== null && (r.high < 0 || r.low > 0));
  if (clear.length > 0) return html`The accuracy clearly changes for ${list(clear.map((r) => html`${r.format} on ${r.model} (${num(r, undefined, { signed: true, bare: true })})`))}`;
  const model = [...all].reverse().find((m) => find(rows, { quantity: 'accuracy', model: m.model, format: m.base_format }));
  const base = model && find(rows, { quantity: 'accuracy', model: model.model, format: model.base_format });
  return base ? html`${base.model} answers ${num(base, undefined, { bare: true })} of them right, and no format changes that beyond chance on any model` : html`Right answers by format`;
}

function flipsTitle(all: readonly ModelRow[], rows: readonly MetricRow[]): Html {
  const most = rows.filter((r) => r.quantity === 'answer_flips' && r.model === all.at(-1)?.model).sort((a, b) => b.value - a.value)[0];
  const change = most && find(rows, { quantity: 'accuracy_change', model: most.model, format: most.format });
  return most && change ? html`On ${most.model} ${most.format} changes ${num(most, undefined, { bare: true })} of the answers, and the accuracy by ${num(change, undefined, { signed: true, bare: true })}` : html`Answers that change`;
}
