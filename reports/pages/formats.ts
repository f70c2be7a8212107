/** All formats beside one another. */
import { html, link } from '../html.ts';
import { num } from '../num.ts';
import type { Page } from '../page.ts';
import { table } from '../table.ts';
import { find, formatName, formats as listFormats, gaps, metrics, models, nothing, overall } from './common.ts';

export const formats: Page = {
  name: 'formats',
  path: () => 'formats/index.html',
  tables: ['formats', 'models', 'metrics', 'artifacts'],
  async write(input) {
    const rows = await listFormats(input);
    if (rows.length === 0) return { title: 'Formats', body: nothing('formats') };
    const largest = (await models(input)).at(-1);
    const measured = await metrics(input, ['kl_mean', 'top1_agreement', 'bits_per_weight_linear'], overall);
    const at = (quantity: string) => (f: { format: string }) => find(measured, { quantity, model: largest?.model ?? '', format: f.format });
    const why = await gaps(input), gap = (f: { format: string }) => (largest ? why({ model: largest.model, format: f.format }) : '');
    const sorted = [...rows].sort((a, b) => Number(a['nominal_bits_per_weight']) - Number(b['nominal_bits_per_weight']));
    return {
      title: 'Formats',
      body: html`<p class="lead">From ${num(sorted[0]!, 'formats.nominal_bits_per_weight', { decimals: 3 })} bits a weight (${sorted[0]!.format}) to ${num(sorted.at(-1)!, 'formats.nominal_bits_per_weight', { decimals: 3 })} (${sorted.at(-1)!.format}).</p>
${table({
        caption: largest ? html`Quality on ${link(`models/${largest.model}.html`, largest.model)}.` : '', rows, sortable: true,
        columns: [
          { head: 'format', cell: formatName }, { head: 'in words', cell: (f) => f.title, wide: true },
          { head: 'bits per weight, long tensor', number: (f) => f, what: 'formats.nominal_bits_per_weight', options: { decimals: 3 } },
          { head: 'here', number: at('bits_per_weight_linear'), options: { decimals: 3 } },
          { head: 'KL divergence, nats', number: at('kl_mean'), gap }, { head: 'same top token', number: at('top1_agreement'), gap },
        ],
      })}`,
    };
  },
};
