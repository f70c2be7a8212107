/** The scored positions that a format moves most, as a reader can judge them: the text before, its token, and what base and format would rather have. */
import { html, link, lit } from '../html.ts';
import type { Html } from '../html.ts';
import { term } from '../glossary.ts';
import type { Row } from '../num.ts';
import type { PageInput } from '../page.ts';
import { table } from '../table.ts';
import { inOrderOfFormats, inOrderOfModels } from './common.ts';

interface Worst extends Row { readonly model: string; readonly format: string; readonly rank: number; readonly text: string; readonly context: string; readonly token: string; readonly choice_base: string; readonly choice: string }

/** Told of each: more than that nobody reads. */
const MOST = 5, CONTEXT_CHARACTERS = 90;

/** Of one format on each model, or of one model in each format. Needs the tables worst_tokens, models and formats. */
export async function worstTokens(input: PageInput, of: 'model' | 'format', name: string): Promise<Html> {
  const found = (await input.rows<Worst>('worst_tokens')).filter((w) => w[of] === name && w.rank <= MOST);
  const rows: readonly Worst[] = of === 'model' ? await inOrderOfFormats(input, found, (w) => w.rank) : await inOrderOfModels(input, found, (w) => w.rank);
  if (rows.length === 0) return html``;
  const changed = rows.filter((r) => r.choice !== r.choice_base).length;
  return html`<h2 id="worst">Worst tokens</h2>
<p>The positions with the largest ${term('kl')} ${of === 'format' ? 'on each model' : 'in each format'}: what the text says, and what base and format find likeliest instead.${changed === 0 ? ' At none of them does the likeliest token change.' : ''}</p>
${table({
    rows, group: of === 'format' ? (r) => r.model : (r) => r.format,
    columns: [
      { head: 'text', cell: (r) => lit(r.text, 'name') },
      { head: 'context, and the token that follows', wide: true, cell: (r) => html`<span class="context">…${tail(r.context)}<mark>${shown(r.token)}</mark></span>` },
      { head: 'base', cell: (r) => html`<span class="context">${shown(r.choice_base)}</span>` },
      { head: of === 'format' ? name : 'format', cell: (r) => html`<span class="context">${shown(r.choice)}</span>` },
      { head: 'KL, nats', number: (r) => r, what: 'worst_tokens.kl' },
      { head: 'NLL, base', number: (r) => r, what: 'worst_tokens.nll_base', options: { decimals: 2 } }, { head: 'NLL', number: (r) => r, what: 'worst_tokens.nll', options: { decimals: 2 } },
    ],
  })}
<p class="note">More of them: ${link('tables/worst_tokens.html', 'table worst_tokens')}.</p>`;
}

/** The end of the context, from a whole word on. */
function tail(context: string): Html {
  const end = context.slice(-CONTEXT_CHARACTERS);
  return lit(end.length < context.length ? end.replace(/^\S*\s/, '') : end, 'name');
}

/** A token may be a blank, a line break, or part of a character: each is shown as something. */
const shown = (token: string): Html => lit(token === '' ? '∅' : token.trim() === '' ? token.replaceAll('\n', '↵').replaceAll(' ', '␣').replaceAll('\t', '⇥') : token.trim(), 'name');
