/** Samples: the same prompt and the same noise under each format, side by side, the first different token marked. */
import { html, link } from '../html.ts';
import { formats, models, nothing } from './common.ts';
import { isShown, sampleTexts, settingShown } from './sample-texts.ts';
import type { Page } from '../page.ts';
import type { GenerationRow } from './sample-texts.ts';

export const samples: Page = {
  name: 'samples',
  path: () => 'samples.html',
  tables: ['models', 'formats', 'generations'],
  async write(input) {
    const all = await input.rows<GenerationRow>('generations'), chosen = settingShown(all);
    const rows = all.filter((row) => isShown(row, chosen));
    if (rows.length === 0) return { title: 'Samples', body: nothing('written texts') };
    return {
      title: 'Samples',
      heading: html`What each format writes`,
      body: html`${sampleTexts(await models(input), await formats(input), rows)}
<p class="note">Other seeds, temperatures and top_k: ${link('data.html#generations', 'table generations')}. The texts are what small models wrote; they are data, not statements.</p>`,
    };
  },
};
