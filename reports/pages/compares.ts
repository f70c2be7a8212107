/** Every model's pairs of formats at a glance; each leads to the two side by side. */
import { html, link } from '../html.ts';
import { inOrder } from '../in-order.ts';
import type { Page } from '../page.ts';
import { formats, modelName, models, nothing } from './common.ts';
import { lead, matrix } from './compare.ts';
import type { Pair } from './compare.ts';

export const compares: Page = {
  name: 'compares',
  path: () => 'compare/index.html',
  tables: ['models', 'formats', 'pairs'],
  async write(input) {
    const all = await models(input);
    const pairs = inOrder((await input.rows<Pair>('pairs')).filter((p) => p.quantity === 'nll_difference'), (p) => p.model, (p) => p.format, (p) => p.other);
    const present = [...all].reverse().filter((m) => pairs.some((p) => p.model === m.model));
    const listed = await formats(input);
    if (present.length === 0) return { title: 'Compare', body: nothing('pairs of formats') };
    return {
      title: 'Compare', heading: html`Compare any two formats`,
      body: html`${lead(present[0]!.model, pairs.filter((p) => p.model === present[0]!.model))}
${present.map(({ model }) => {
        const own = pairs.filter((p) => p.model === model);
        return html`<h2>${modelName(model)} <span class="quiet">${link(`compare/${model}.html`, 'all pairs')}</span></h2>
<p class="note">Loss of the column less that of the row, nats a token: above zero the column predicts the texts worse.</p>
${matrix(listed.filter((f) => own.some((p) => p.format === f.format || p.other === f.format)), own, `compare/${model}.html`)}`;
      })}`,
    };
  },
};
