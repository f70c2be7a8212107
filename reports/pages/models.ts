/** All models beside one another. */
import { html } from '../html.ts';
import { term } from '../glossary.ts';
import { num } from '../num.ts';
import type { Page } from '../page.ts';
import { table } from '../table.ts';
import { find, metrics, modelName, models as listModels, nothing, overall } from './common.ts';

export const models: Page = {
  name: 'models',
  path: () => 'models/index.html',
  tables: ['models', 'formats', 'metrics'],
  async write(input) {
    const rows = await listModels(input);
    if (rows.length === 0) return { title: 'Models', body: nothing('models') };
    const perplexity = await metrics(input, ['perplexity', 'bits_per_byte'], overall);
    const first = rows[0]!, last = rows.at(-1)!;
    return {
      title: 'Models',
      body: html`<p class="lead">${rows.length === 1 ? html`One model, of ${num(first, 'models.parameters')} parameters.` : html`From ${num(first, 'models.parameters')} parameters (${first.model}) to ${num(last, 'models.parameters')} (${last.model}).`} Findings on models of this size need not hold for larger ones.</p>
${table({ rows, sortable: true, columns: [
        { head: 'model', cell: (m) => modelName(m.model) }, { head: 'in words', cell: (m) => m.title, wide: true },
        { head: 'parameters', number: (m) => m, what: 'models.parameters' }, { head: 'layers', number: (m) => m, what: 'models.layers' }, { head: 'width', number: (m) => m, what: 'models.hidden_size' },
        { head: term('base'), cell: (m) => m.base_format },
        { head: term('perplexity', 'perplexity of the base'), number: (m) => find(perplexity, { quantity: 'perplexity', model: m.model, format: m.base_format }) },
        { head: term('bits-per-byte'), number: (m) => find(perplexity, { quantity: 'bits_per_byte', model: m.model, format: m.base_format }) },
        { head: 'role', cell: (m) => (m.is_judge ? term('judge') : '') },
      ] })}`,
    };
  },
};
