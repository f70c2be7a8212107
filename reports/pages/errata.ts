/** Published numbers that turned out to be wrong: which, what was wrong, and what stands in their place. */
import { html, link, list, lit } from '../html.ts';
import { compared, inOrder } from '../in-order.ts';
import { derived } from '../num.ts';
import type { Row } from '../num.ts';
import type { Page } from '../page.ts';
import { table } from '../table.ts';
import { erratumPath } from '../tables.ts';

interface Erratum extends Row { readonly number: string; readonly date: string; readonly wrong: string; readonly successor: string | null }

export const errata: Page = {
  name: 'errata',
  path: () => 'errata.html',
  tables: ['errata'],
  async write(input) {
    const rows = inOrder(await input.rows<Erratum>('errata'), (e) => e.number).sort((a, b) => compared(b.date, a.date));
    const withdrawn = rows.filter((r) => r.successor === null);
    const count = (id: string, n: number, what: string) => derived(id, n, html`${what}, counted in the table ${link('tables/errata.html', 'errata')}.`, { as: 'count' });
    return {
      title: 'Errata',
      body: rows.length === 0 ? html`<p class="lead">No number of this study is known to have been wrong.</p>
<p>One that is found to be wrong is listed here, with what was wrong, when that was found, and the number that stands in its place. Its page stays. Entries come from <code>data/errata.yaml</code>.</p>`
        : html`<p class="lead">${count('errata', rows.length, 'entries')} published ${rows.length === 1 ? 'number was' : 'numbers were'} wrong${withdrawn.length > 0 ? html`; for ${count('withdrawn', withdrawn.length, 'entries without a successor')} of them nothing stands in ${withdrawn.length === 1 ? 'its' : 'their'} place` : ', and each has a successor'}. The last was found on ${lit(rows[0]!.date, 'name')}.</p>
<section id="errata">${table({ rows, sortable: true, columns: [
          { head: 'number', cell: (r) => link(erratumPath(r.number), html`<code>${lit(r.number, 'name')}</code>`) }, { head: 'found', cell: (r) => lit(r.date, 'name') }, { head: 'what was wrong', wide: true, cell: (r) => lit(r.wrong, 'name') },
          { head: 'in its place', cell: (r) => (r.successor === null ? html`<span class="missing">withdrawn</span>` : html`<code>${lit(r.successor, 'name')}</code>`) },
        ] })}</section>
<p class="note">${list([html`<code>npx bitwidth audit <var>number</var></code> says where a number comes from`, html`its page says who computed it again`])}.</p>`,
    };
  },
};
