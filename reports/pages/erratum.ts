/** The page of one published number that turned out to be wrong: what was wrong, since when that is known, and what stands in its place. It stays for ever. */
import { html, link, lit } from '../html.ts';
import type { Html } from '../html.ts';
import { compared } from '../in-order.ts';
import { cellPath, num } from '../num.ts';
import type { Row } from '../num.ts';
import { numbersIn } from '../numbers.ts';
import type { TableNumber } from '../numbers.ts';
import type { Page, PageInput } from '../page.ts';
import { BULK, KEYS, erratumPath } from '../tables.ts';

interface Entry extends Row { readonly number: string; readonly date: string; readonly wrong: string; readonly successor: string | null }

/** Those whose numbers a reader can cite one by one. */
const TABLES = Object.keys(KEYS).filter((table) => !BULK.has(table));

export const erratum: Page = {
  name: 'erratum',
  path: ({ number }) => erratumPath(String(number)),
  per: 'erratum',
  tables: TABLES,
  async write(input) {
    const number = String(input.params['number']);
    const entries = (await input.rows<Entry>('errata')).filter((e) => e.number === number).sort((a, b) => compared(b.date, a.date));
    const successor = entries[0]?.successor ?? null;
    const [same, next] = [await found(input, number), successor === null || successor === number ? undefined : await found(input, successor)];
    return {
      title: `Erratum: ${number}`, kicker: html`${link('errata.html', 'Errata')}`, heading: html`<code>${lit(number, 'name')}</code>`,
      body: html`<p class="lead">This number, as it was published ${entries.length > 1 ? 'several times' : 'before'}, was wrong. ${successor === null ? 'It is withdrawn: nothing stands in its place.' : successor === number ? 'What stands under the same name here is right.' : html`In its place stands <code>${lit(successor, 'name')}</code>.`}</p>
<dl class="facts-list">${entries.map(({ date, wrong }) => html`<dt>found on ${lit(date, 'name')}</dt><dd>${lit(wrong, 'name')}</dd>
`)}<dt>in its place</dt><dd>${successor === null ? html`<span class="missing">nothing</span>` : successor === number ? shown(same, successor) : shown(next, successor)}</dd>
${successor === number ? '' : html`<dt>under its name here</dt><dd>${same === undefined ? 'nothing: this study computes it no more' : html`${shown(same, number)}, which is what was withdrawn unless it was computed anew since`}</dd>
`}</dl>
<p class="note">Versions that were published earlier stay as they were, with a mark at this number. Where a number comes from: <code>npx bitwidth audit ${lit(number, 'name')}</code>.</p>`,
    };
  },
};

async function found(input: PageInput, id: string): Promise<TableNumber | undefined> {
  for (const table of TABLES) {
    const number = numbersIn(table, await input.rows(table)).find((one) => one.id === id);
    if (number !== undefined) return number;
  }
  return undefined;
}

function shown(number: TableNumber | undefined, id: string): Html {
  if (number === undefined) return html`<code>${lit(id, 'name')}</code>, which this run has not computed`;
  return html`${num(number.row, `${number.table}.${number.column}`)}, computed by ${link(cellPath(number.cell), number.cell)}`;
}
